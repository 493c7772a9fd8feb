package alerts

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/series"
)

// TestHourlyRulesAreSound: they parse, read series that exist, and none reads
// one that is recorded after it.
func TestHourlyRulesAreSound(t *testing.T) {
	known := map[string]bool{}
	for _, d := range series.All() {
		known[string(d.Series)] = true
	}
	list := Hourly(NativeHistograms, 15*time.Second)
	if err := prom.CheckRecordings(list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		for _, name := range prom.Metrics(r.Expr) {
			if !known[name] {
				t.Errorf("%s reads %s, which is no series and not recorded before it", r.Name, name)
			}
		}
		known[r.Name] = true
		if !regexp.MustCompile(`^hfwatch:[a-z_]+:[a-z0-9_]+1h$`).MatchString(r.Name) {
			t.Errorf("%s is not named level:metric:operation", r.Name)
		}
	}
	for _, r := range Hourly(ClassicHistograms, 15*time.Second) {
		if !slices.Contains(list, r) || regexp.MustCompile(`_seconds`).MatchString(r.Expr) {
			t.Errorf("%s is for an engine of classic histograms: %s", r.Name, r.Expr)
		}
	}
}
