package load

import "github.com/hfwatch/hfwatch/probe"

// Asked is what a window asked of one target: windows compare only where it is
// the same.
type Asked struct {
	Target   string `json:"target"`
	Model    string `json:"model,omitempty"`
	Task     string `json:"task"`
	Provider string `json:"provider,omitempty"`
	Stream   bool   `json:"stream,omitempty"`
	// InputsHash is of all inputs that could be drawn, ParamsHash of everything
	// else that decides what was asked, as in a result.
	InputsHash string `json:"inputs_hash"`
	ParamsHash string `json:"params_hash"`
}

// Neighbour is what the baselines of a target showed while a window ran on it,
// on its account or on its host, beside what they showed before.
type Neighbour struct {
	Target string  `json:"target"`
	Before Sighted `json:"before"`
	During Sighted `json:"during"`
}

// Sighted is some results of one target's baselines.
type Sighted struct {
	// N counts those that were good or bad, Bad the bad ones among them.
	N   int `json:"n"`
	Bad int `json:"bad"`
	// Median is of the service times of the good ones, Low and High its 95 %
	// interval, which six of them have; all are absent without values.
	Median probe.Seconds `json:"median_seconds,omitzero"`
	Low    probe.Seconds `json:"low_seconds,omitzero"`
	High   probe.Seconds `json:"high_seconds,omitzero"`
}

// Skipped is the verdict in the record of a window that a guard kept from
// starting. Run never returns it.
const Skipped Verdict = "skipped"

// QuantileOf returns the quantile p of a recorded distribution, of any p: those
// that it names as they stand, others from its histogram. It is nil where n has
// no interval, or the histogram was left out. 1 is the maximum.
func QuantileOf(d Distribution, p float64) *Quantile {
	if d.N == 0 {
		return nil
	}
	switch p {
	case 0.5:
		return d.P50
	case 0.9:
		return d.P90
	case 0.95:
		return d.P95
	case 0.99:
		return d.P99
	case 0.999:
		return d.P999
	}
	if p >= 1 {
		return &Quantile{Value: d.Max, Low: d.Max, High: d.Max, AtLeast: d.Censored > 0 && d.CensoredMin == d.Max}
	}
	m, err := metricOf(d)
	if err != nil || m == nil {
		return nil
	}
	worth, known := d.NEff.Get()
	if !known {
		worth = float64(d.N)
	}
	return m.quantile(p, worth)
}
