// Package alerts turns thresholds into rules that Prometheus's own engine
// evaluates, and what the engine finds into alerts that can be delivered.
//
// A condition that one series can answer becomes an expression over it, the
// same here and in a central Prometheus. A condition on the last few results
// ("in 3 of 5") is counted here, result by result, and published as a gauge,
// so that one rule serves every schedule. The package refuses to evaluate
// expressions (internal/prom does), to deliver (alerts/notify does) and to
// wait: it has no goroutine. Its Counter and Table may be used from several
// goroutines at once; everything else is plain data.
package alerts
