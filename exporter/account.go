package exporter

import "github.com/hfwatch/hfwatch/series"

// Account names a scope of the account that is blocked, and why.
type Account struct{ Scope, Reason string }

// values returns the label values in the order of the list.
func (a Account) values() []string { return []string{clean(a.Scope), clean(a.Reason)} }

// SetAccounts replaces all scopes that are blocked.
func (e *Exporter) SetAccounts(blocked map[Account]float64) { e.accounts.set(blocked) }

// SetVantageDown says whether most targets of this location fail to connect.
func (e *Exporter) SetVantageDown(down bool) {
	value := 0.0
	if down {
		value = 1
	}
	e.self.mu.Lock()
	defer e.self.mu.Unlock()
	e.self.vantage.set(value)
}

// ControlDialled counts one connection to the control, made or failed.
func (e *Exporter) ControlDialled(ok bool) {
	result := series.ResultFailed
	if ok {
		result = series.ResultOK
	}
	e.self.controls.inc(result)
}
