package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hfwatch/hfwatch/probe"
)

// Signal is a measured time that an Hour holds the distribution of: a closed
// set, with the names that conditions use.
type Signal string

// The signals.
const (
	SignalResponse    Signal = "response"
	SignalService     Signal = "service"
	SignalFirstByte   Signal = "first_byte"
	SignalFirstToken  Signal = "first_token"
	SignalFirstAnswer Signal = "first_answer"
	SignalTPOT        Signal = "tpot"
	SignalGap         Signal = "gap"
	SignalQueue       Signal = "queue"
	SignalServer      Signal = "server"
	SignalLag         Signal = "lag"
)

// Signals returns the closed set.
func Signals() []Signal {
	return []Signal{
		SignalResponse, SignalService, SignalFirstByte, SignalFirstToken, SignalFirstAnswer, SignalTPOT, SignalGap, SignalQueue,
		SignalServer, SignalLag,
	}
}

// times returns what a result measured of each signal.
func times(r probe.Result) map[Signal]probe.Seconds {
	return map[Signal]probe.Seconds{
		SignalResponse: r.Response, SignalService: r.Service, SignalFirstByte: r.FirstByte, SignalFirstToken: r.FirstToken,
		SignalFirstAnswer: r.FirstAnswer, SignalTPOT: r.TPOT, SignalGap: r.GapMax, SignalQueue: r.Queue, SignalServer: r.Server,
		SignalLag: r.Lag,
	}
}

// The range of the distributions in microseconds, and their precision: three
// digits, so that a value is off by a thousandth at most.
const (
	hdrHighest = int64(time.Hour / time.Microsecond)
	hdrDigits  = 3
)

// Cause is how results of an hour ended, and how many did.
type Cause struct {
	Outcome probe.Outcome `json:"outcome"`
	Fault   probe.Fault   `json:"fault"`
	Counts  probe.Counts  `json:"counts"`
	N       int64         `json:"n"`
}

// Spread is the distribution of one signal in microseconds. Either part is nil
// where it has no value.
type Spread struct {
	// OK is of good results. Failed is of bad ones; response times and first
	// tokens in it are lower bounds (probe.Result.Censored).
	OK, Failed *hdrhistogram.PackedHistogram
}

// Hour is what the results of one hour came to, of one target, location, kind
// and set of parameters. It is complete, however many of its results are kept
// themselves. Hours are merged by adding counts and merging histograms;
// quantiles of them are never averaged.
type Hour struct {
	Target   string
	Location string
	Kind     probe.Kind
	// Start is the beginning of the hour, in UTC, that the results were due in.
	Start time.Time
	// Params is probe.Result.ParamsHash: results of other parameters are in an
	// Hour of their own, since they must not be compared.
	Params string
	// Results counts all of them, and Sampled those that are not kept themselves.
	Results, Sampled int64
	// Causes are in order of outcome.
	Causes []Cause
	// Tokens and money of all results that say them; Priced says how many do.
	TokensIn, TokensOut int64
	CostUSD             float64
	Priced              int64
	// Facets count what else the results bear: "provider", "revision",
	// "served_model", "engine", "shape", "tokens_source", "price_source",
	// "version", "input_set". Beyond facetValues values the rest are under "other".
	Facets map[string]map[string]int64
	// Spreads hold only what results measured that count as good or bad.
	Spreads map[Signal]Spread
}

// facetValues is how many values of one facet are told apart.
const facetValues = 8

// add takes one result.
func (h *Hour) add(r probe.Result, sampled bool) {
	h.Results++
	if sampled {
		h.Sampled++
	}
	h.cause(Cause{r.Outcome, r.Fault, r.Counts, 1})
	in, _ := r.TokensIn.Get()
	out, _ := r.TokensOut.Get()
	h.TokensIn, h.TokensOut = h.TokensIn+int64(in), h.TokensOut+int64(out)
	if cost, ok := r.CostUSD.Get(); ok {
		h.CostUSD += cost
		h.Priced++
	}
	for name, value := range map[string]string{
		"provider": r.Provider, "revision": r.Revision, "served_model": r.ServedModel, "engine": r.Engine, "shape": r.Shape,
		"tokens_source": string(r.TokensSource), "price_source": r.PriceSource, "version": r.Version, "input_set": r.InputSet,
	} {
		h.facet(name, value, 1)
	}
	if !r.Enters() {
		return
	}
	for signal, took := range times(r) {
		if d, ok := took.Get(); ok {
			h.observe(signal, r.Counts == probe.Bad, d)
		}
	}
}

// cause adds to the count of a cause.
func (h *Hour) cause(c Cause) {
	for i, known := range h.Causes {
		if known.Outcome == c.Outcome && known.Fault == c.Fault && known.Counts == c.Counts {
			h.Causes[i].N += c.N
			return
		}
	}
	h.Causes = append(h.Causes, c)
}

// facet adds to the count of a value; an empty one is none.
func (h *Hour) facet(name, value string, n int64) {
	if value == "" {
		return
	}
	if h.Facets == nil {
		h.Facets = map[string]map[string]int64{}
	}
	values := h.Facets[name]
	if values == nil {
		values = map[string]int64{}
		h.Facets[name] = values
	}
	if _, known := values[value]; !known && len(values) >= facetValues {
		value = "other"
	}
	values[value] += n
}

// observe adds one time to a signal.
func (h *Hour) observe(s Signal, failed bool, d time.Duration) {
	if h.Spreads == nil {
		h.Spreads = map[Signal]Spread{}
	}
	spread := h.Spreads[s]
	to := &spread.OK
	if failed {
		to = &spread.Failed
	}
	if *to == nil {
		*to = hdrhistogram.NewPacked(1, hdrHighest, hdrDigits)
	}
	// Within its range it cannot fail.
	_ = (*to).RecordValue(min(max(d.Microseconds(), 0), hdrHighest))
	h.Spreads[s] = spread
}

// stored is the form of an Hour in the file, beside its key: histograms in
// HdrHistogram's V2 encoding.
type stored struct {
	Results   int64                       `json:"results"`
	Sampled   int64                       `json:"sampled,omitempty"`
	Causes    []Cause                     `json:"causes"`
	TokensIn  int64                       `json:"tokens_in,omitempty"`
	TokensOut int64                       `json:"tokens_out,omitempty"`
	CostUSD   float64                     `json:"cost_usd,omitempty"`
	Priced    int64                       `json:"priced,omitempty"`
	Facets    map[string]map[string]int64 `json:"facets,omitempty"`
	OK        map[Signal]string           `json:"ok,omitempty"`
	Failed    map[Signal]string           `json:"failed,omitempty"`
}

// encode returns the stored form.
func (h *Hour) encode() ([]byte, error) {
	slices.SortFunc(h.Causes, func(a, b Cause) int {
		return slices.Compare([]string{string(a.Outcome), string(a.Fault), string(a.Counts)}, []string{string(b.Outcome), string(b.Fault), string(b.Counts)})
	})
	s := stored{
		Results: h.Results, Sampled: h.Sampled, Causes: h.Causes, TokensIn: h.TokensIn, TokensOut: h.TokensOut,
		CostUSD: h.CostUSD, Priced: h.Priced, Facets: h.Facets, OK: map[Signal]string{}, Failed: map[Signal]string{},
	}
	for signal, spread := range h.Spreads {
		for _, part := range []struct {
			to   map[Signal]string
			from *hdrhistogram.PackedHistogram
		}{{s.OK, spread.OK}, {s.Failed, spread.Failed}} {
			if part.from == nil {
				continue
			}
			text, err := part.from.EncodeV2()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", signal, err)
			}
			part.to[signal] = string(text)
		}
	}
	return json.Marshal(s)
}

// decode takes the stored form, with the distributions of the signals wanted;
// none is all of them.
func (h *Hour) decode(text []byte, signals []Signal) error {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	h.Results, h.Sampled, h.Causes, h.TokensIn, h.TokensOut = s.Results, s.Sampled, s.Causes, s.TokensIn, s.TokensOut
	h.CostUSD, h.Priced, h.Facets, h.Spreads = s.CostUSD, s.Priced, s.Facets, map[Signal]Spread{}
	if len(signals) == 0 {
		signals = Signals()
	}
	for _, signal := range signals {
		ok, err := decodeHDR(s.OK[signal])
		failed, failedErr := decodeHDR(s.Failed[signal])
		if err := errors.Join(err, failedErr); err != nil {
			return fmt.Errorf("%s: %w", signal, err)
		}
		if ok != nil || failed != nil {
			h.Spreads[signal] = Spread{ok, failed}
		}
	}
	return nil
}

// decodeHDR returns a histogram, or nil for none.
func decodeHDR(text string) (*hdrhistogram.PackedHistogram, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // None is not an error.
	}
	return hdrhistogram.DecodePacked([]byte(text))
}

// Merge adds another hour's counts and distributions, as where weeks or
// targets are told as one. The key of h stays.
func (h *Hour) Merge(other Hour) error {
	h.Results, h.Sampled = h.Results+other.Results, h.Sampled+other.Sampled
	h.TokensIn, h.TokensOut = h.TokensIn+other.TokensIn, h.TokensOut+other.TokensOut
	h.CostUSD, h.Priced = h.CostUSD+other.CostUSD, h.Priced+other.Priced
	for _, c := range other.Causes {
		h.cause(c)
	}
	for _, name := range slices.Sorted(maps.Keys(other.Facets)) {
		for _, value := range slices.Sorted(maps.Keys(other.Facets[name])) {
			h.facet(name, value, other.Facets[name][value])
		}
	}
	if h.Spreads == nil {
		h.Spreads = map[Signal]Spread{}
	}
	for signal, from := range other.Spreads {
		to := h.Spreads[signal]
		for _, part := range []struct {
			to, from **hdrhistogram.PackedHistogram
		}{{&to.OK, &from.OK}, {&to.Failed, &from.Failed}} {
			switch {
			case *part.from == nil:
			case *part.to == nil:
				*part.to = (*part.from).Clone()
			default:
				if lost := (*part.to).Merge(*part.from); lost > 0 {
					return fmt.Errorf("hour: %s: %d values are beyond the range", signal, lost)
				}
			}
		}
		h.Spreads[signal] = to
	}
	return nil
}
