package exporter

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/probe"
)

// TestRecordScrapeAndReloadAtOnce loses no result of the target that stays,
// brings back none of those that go, and publishes in every scrape sums that
// agree with each other.
func TestRecordScrapeAndReloadAtOnce(t *testing.T) {
	const results = 300
	stays := func(label string) TargetInfo {
		info := streaming("stays")
		info.Labels = map[string]string{"run": label}
		return info
	}
	e := newTest(t, stays("0"), plain("goes"))
	e.SetReceivers([]string{"ops"})
	h := e.Handler()
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := range results {
				r := good("stays", w*results+i)
				if i%3 == 0 {
					r = failed("stays", w*results+i, probe.Timeout)
				}
				r.Revision = fmt.Sprint(w)
				e.Record(r)
				e.Record(good("goes", w*results+i))
				e.Slot("stays", "baseline", "run")
				e.Suspended("stays", fmt.Sprint(i%2))
				e.NotificationAttempted("ops", "sent", "", time.Second, time.Second)
				e.SetBudgets(map[Budget]float64{{Unit: fmt.Sprint(i % 3)}: 1})
				e.Restore("stays", State{FirstSeen: began()})
			}
		})
	}
	until := func(do func(i int)) {
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					do(i)
				}
			}
		})
	}
	until(func(i int) {
		targets := []TargetInfo{stays(fmt.Sprint(i))}
		if i%2 == 0 {
			targets = append(targets, plain("goes"))
		}
		if err := e.SetTargets(targets); err != nil {
			t.Error(err)
		}
		e.SetReceivers([]string{"ops", fmt.Sprint(i)})
		e.SetRules([]string{fmt.Sprint(i)})
	})
	until(func(int) { scrape(t, h, "*/*", "gzip") })
	until(func(int) {
		all := gather(t, e)
		good, _ := all.value(`hfwatch_results_total{counts="good",kind="baseline",target="stays"}`)
		bad, _ := all.value(`hfwatch_results_total{counts="bad",kind="baseline",target="stays"}`)
		ok, _ := all.value(`hfwatch_response_seconds{kind="baseline",result="ok",target="stays"}`)
		failed, _ := all.value(`hfwatch_response_seconds{kind="baseline",result="failed",target="stays"}`)
		if good != ok || bad != failed {
			t.Errorf("one scrape holds %g good and %g bad results, and response times of %g and %g", good, bad, ok, failed)
		}
	})
	writers.Wait()
	close(done)
	others.Wait()

	if err := e.SetTargets([]TargetInfo{stays("last")}); err != nil {
		t.Fatal(err)
	}
	all := gather(t, e)
	for name, want := range map[string]float64{
		`hfwatch_results_total{counts="good",kind="baseline",target="stays"}`: 2 * results,
		`hfwatch_results_total{counts="bad",kind="baseline",target="stays"}`:  results,
		`hfwatch_slots_total{lane="baseline",result="run",target="stays"}`:    3 * results,
		`hfwatch_notifications_total{action="sent",receiver="ops"}`:           3 * results,
	} {
		if got, _ := all.value(name); got != want {
			t.Errorf("%s = %g, want %g", name, got, want)
		}
	}
	if names := all.names(`target="goes"`); names != nil {
		t.Errorf("the removed target is still there: %v", names)
	}
	if names := all.names("target_info"); len(names) != 1 {
		t.Errorf("info series %v, want one", names)
	}
}

// TestPromise8AScrapeThatNeverEndsDelaysNoRecord: whoever takes the series and
// stops half way holds up nothing.
func TestPromise8AScrapeThatNeverEndsDelaysNoRecord(t *testing.T) {
	e := newTest(t, streaming("a"), streaming("b"))
	e.SetReceivers([]string{"ops"})
	ch := make(chan prometheus.Metric)
	done := make(chan struct{})
	go func() {
		defer close(done)
		collector{e}.Collect(ch)
	}()
	<-ch // one series is taken, and no more
	for _, name := range []string{"a", "b"} {
		e.Record(good(name, 1))
		e.Slot(name, "baseline", "run")
	}
	e.Reloaded(true)
	e.SetBudgets(map[Budget]float64{{Unit: "usd"}: 1})
	e.NotificationAttempted("ops", "sent", "", 0, 0)
	if err := e.SetTargets([]TargetInfo{streaming("a")}); err != nil {
		t.Fatal(err)
	}
	if n, _ := gather(t, e).value(`hfwatch_results_total{counts="good",kind="baseline",target="a"}`); n != 1 {
		t.Errorf("results = %g, want 1", n)
	}
	for {
		select {
		case <-ch:
			continue
		case <-done:
		}
		break
	}
}

// TestRecordAllocatesNothing for what is known already.
func TestRecordAllocatesNothing(t *testing.T) {
	e := newTest(t, streaming("a"))
	results := make([]probe.Result, 40)
	for i := range results {
		results[i] = good("a", i)
		e.Record(results[i])
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		e.Record(results[i%len(results)])
		e.Slot("a", "baseline", "run")
		i++
	}); n != 0 {
		t.Errorf("Record and Slot allocate %g times, want none", n)
	}
}

// TestTooManyScrapesAreRefused and none waits.
func TestTooManyScrapesAreRefused(t *testing.T) {
	e := newTest(t)
	block, entered := make(chan struct{}), make(chan struct{}, scrapes)
	e.Internals().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slow", Help: "Waits."}, func() float64 {
		entered <- struct{}{}
		<-block
		return 0
	}))
	h := e.Handler()
	var wg sync.WaitGroup
	codes := make(chan int, scrapes+1)
	get := func() {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		codes <- rec.Code
	}
	for range scrapes + 1 {
		wg.Go(get)
	}
	<-entered
	// All but one wait for the one that gathers; the first answer is the refusal.
	if code := <-codes; code != 503 {
		t.Errorf("the ninth scrape at once = %d, want 503", code)
	}
	close(block)
	wg.Wait()
	for range scrapes {
		if code := <-codes; code != 200 {
			t.Errorf("a scrape within the bound = %d, want 200", code)
		}
	}
}
