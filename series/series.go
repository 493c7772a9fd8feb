// Package series is the one list of the time series that hfwatch publishes:
// for each its name, help, unit, type, labels and, for a histogram, its layout.
//
// Whoever publishes a series takes it from here, and whoever asks for one by
// name can be held against the list. The package refuses to hold values, to
// import any other of hfwatch, and to know Prometheus's client: it is plain
// constants and functions of them, safe for concurrent use.
package series

import (
	"slices"
	"time"
)

// Series is a time series by its name.
type Series string

// Name returns the name as Prometheus knows it.
func (s Series) Name() string { return string(s) }

// Definition returns what the list says of s, and false where s is not on it.
func (s Series) Definition() (Definition, bool) {
	for _, d := range All() {
		if d.Series == s {
			return d, true
		}
	}
	return Definition{}, false
}

// Type is a Prometheus metric type.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Layout says which forms a histogram has.
type Layout string

// The layouts.
const (
	// NoLayout is that of series which are not histograms.
	NoLayout Layout = ""
	// Native is a native histogram alone.
	Native Layout = "native"
	// Hidden is a native histogram alone that text formats leave out.
	Hidden Layout = "native, not in text"
	// ClassicBaseline is a native histogram with classic buckets beside it where
	// the label kind is baseline, so that the many other kinds cost no lines.
	ClassicBaseline Layout = "native, and classic for kind baseline"
)

// Definition is everything that the list says of one series.
type Definition struct {
	Series Series
	Help   string
	// Unit is the base unit, which the name bears too; empty where there is none.
	Unit string
	Type Type
	// Labels are the labels besides location, which every series has.
	Labels []Label
	Layout Layout
}

// Label is one label of a series.
type Label struct {
	Name string
	// Values is the closed set of its values. Nil is an open set, which the
	// configuration bounds.
	Values []string
}

// Names returns the names of the labels, location included, sorted.
func (d Definition) Names() []string {
	names := []string{Location}
	for _, l := range d.Labels {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return names
}

// Values returns the closed set of values of a label; nil where the series
// does not have the label, or its set is open.
func (d Definition) Values(label string) []string {
	for _, l := range d.Labels {
		if l.Name == label {
			return l.Values
		}
	}
	return nil
}

// NativeLayout says how native histograms are made.
type NativeLayout struct {
	// Schema is the resolution: bucket i holds values in (b^(i-1), b^i] with
	// b = 2^(2^-Schema). See the Prometheus native histogram specification.
	Schema int32
	// Factor is the growth from one bucket to the next that was asked for; the
	// schema is the coarsest that does not exceed it.
	Factor float64
	// MaxBuckets bounds the populated buckets of one histogram.
	MaxBuckets int
	// MinReset is the least time between two resets for having too many buckets.
	MinReset time.Duration
	// ZeroThreshold is the width of the zero bucket in seconds. A millisecond
	// (2^-10 s, a bound of every schema) is below what matters of an inference
	// service, and with it all values up to 900 s fit into MaxBuckets.
	ZeroThreshold float64
}

// Natives returns the layout of every native histogram.
func Natives() NativeLayout {
	return NativeLayout{Schema: 3, Factor: 1.1, MaxBuckets: 160, MinReset: time.Hour, ZeroThreshold: 1.0 / 1024}
}

// Buckets returns the upper bounds of the classic buckets in seconds, without
// the infinite one: from a fast classifier to a cold start.
func Buckets() []float64 {
	return []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600}
}
