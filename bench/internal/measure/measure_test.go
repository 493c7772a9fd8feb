package measure

import (
	"math"
	"os"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const status = "Name:\thfwatch\nVmPeak:\t  900 kB\nVmRSS:\t   2048 kB\nRssAnon:\t    1024 kB\n"
	const stat = "17 (a (b) c) S 1 17 17 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1 2"
	want := Process{Resident: 2 << 20, Anonymous: 1 << 20, CPU: 3 * time.Second}
	got, err := parse(status, stat)
	if err != nil || got != want {
		t.Errorf("parse = %+v, %v, want %+v", got, err, want)
	}
	if _, err := parse(status, "17 (x"); err == nil {
		t.Error("parse of a short stat: no error")
	}
	if _, err := parse("VmRSS: many kB\n", stat); err == nil {
		t.Error("parse of a status without a number: no error")
	}
}

func TestThisProcess(t *testing.T) {
	t.Parallel()
	p, err := Of(os.Getpid())
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	if p.Resident < 1<<20 || p.Anonymous <= 0 || p.Anonymous > p.Resident {
		t.Errorf("Of(self) = %+v, which no Go program can be", p)
	}
	if busy, _, err := Busy(); err != nil || busy <= 0 {
		t.Errorf("Busy = %v, %v, want some", busy, err)
	}
	if used, err := Self(); err != nil || used <= 0 {
		t.Errorf("Self = %v, %v, want some", used, err)
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	values := []float64{5, 1, 4, 2, 3}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"the median of an odd number is the middle one", Median(values), 3},
		{"of an even number the mean of two", Median(values[:4]), 3},
		{"nearest rank rounds up", Quantile(values, 0.5), 3},
		{"a high quantile of few values is the largest", Quantile(values, 0.99), 5},
		{"the lowest is the smallest", Quantile(values, 0), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) || !math.IsNaN(Quantile(nil, 0.5)) {
		t.Error("quantiles of nothing are numbers")
	}
	if values[0] != 5 {
		t.Error("the values were sorted in place")
	}
}
