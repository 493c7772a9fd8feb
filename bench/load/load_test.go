package main

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the comparison's child processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "server" || os.Args[1] == "client") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTable holds that the server's latencies are the distribution.
func TestTable(t *testing.T) {
	t.Parallel()
	var ms []float64
	for _, d := range latencies(tableSize) {
		ms = append(ms, d.Seconds()*1e3)
	}
	q := quantiles(ms)
	for i, z := range []float64{0, 1.2816, 2.3263} {
		if want := 20 * math.Exp(0.6*z); math.Abs(q[i]-want) > 0.01*want {
			t.Errorf("quantile %d is %.2f ms, want %.2f", i, q[i], want)
		}
	}
}

// TestTruth holds the figures that are known of a stall of 2 s in 20 at 200/s.
func TestTruth(t *testing.T) {
	t.Parallel()
	p := phase{table: latencies(4000), stallFrom: 8 * time.Second, stallTo: 10 * time.Second}
	if q := quantiles(truth(p, 200, 4000, 0)); math.Abs(q[2]-1823) > 20 {
		t.Errorf("p99 without a bound is %.0f ms, want about 1823", q[2])
	}
	if q := quantiles(truth(p, 200, 4000, 16)); q[2] < 1823 || q[2] > 2100 {
		t.Errorf("p99 through 16 places is %.0f ms, want a little more than 1823", q[2])
	}
}

// TestClient runs hfwatch against the server on a real loopback, briefly.
func TestClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newHost())
	defer server.Close()
	for _, rate := range []float64{0, 200} {
		var out bytes.Buffer
		c := client{url: server.URL + "/lat", rate: rate, bound: 8, length: 300 * time.Millisecond, gc: 100}
		if err := c.run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		o, err := oursRead(out.Bytes())
		if err != nil || o.requests < 10 || o.p50 <= 0 {
			t.Errorf("rate %g: %+v, %v, want requests and a median", rate, o, err)
		}
		if !json.Valid(out.Bytes()) {
			t.Errorf("rate %g: no JSON", rate)
		}
	}
}

// TestReaders read what the others print.
func TestReaders(t *testing.T) {
	t.Parallel()
	hey := "Latency distribution:\n  50%% in 0.0210 secs\n  90%% in 0.0450 secs\n  99%% in 0.1010 secs\n\nStatus code distribution:\n  [200]\t3487 responses\n"
	if o := heyRead([]byte(hey), ""); o.requests != 3487 || o.p99 != 101 {
		t.Errorf("hey: %+v", o)
	}
	wrk := "  Latency Distribution\n     50%  510.00us\n     90%   51.10ms\n     99%    1.30s \n  11727 requests in 20.00s, 1.5MB read\n"
	if o := wrkRead([]byte(wrk), ""); o.requests != 11727 || o.p50 != 0.51 || o.p90 != 51.1 || o.p99 != 1300 {
		t.Errorf("wrk: %+v", o)
	}
	bombardier := `{"result":{"req2xx":3616,"latency":{"percentiles":{"50":21000,"90":44000,"99":99000}}}}`
	if o := bombardierRead([]byte(bombardier), ""); o.requests != 3616 || o.p90 != 44 {
		t.Errorf("bombardier: %+v", o)
	}
}

// TestGridLag is 0 on the grid and finds what is late.
func TestGridLag(t *testing.T) {
	t.Parallel()
	if got := gridLag([]int64{0, 2e6, 4e6, 6e6}, 500); got != [2]float64{0, 0} {
		t.Errorf("on the grid: %v", got)
	}
	if got := gridLag([]int64{0, 2e6, 5e6, 6e6}, 500); got[1] != 1 {
		t.Errorf("1 ms late: %v", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"dance"}, {"-repeats", "0"}, {"-nothing"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("run(%s): no error", strings.Join(args, " "))
		}
	}
}
