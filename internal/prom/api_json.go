package prom

import (
	"encoding/json"
	"io"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/jsonutil"
)

// valueJSON writes a value as Prometheus's API does, whose numbers are of
// another form than those of promql's own methods: 1e-7 and not 0.0000001.
type valueJSON struct{ parser.Value }

// MarshalJSON returns the value in the form of the API.
func (v valueJSON) MarshalJSON() ([]byte, error) {
	s := jsoniter.NewStream(jsoniter.ConfigCompatibleWithStandardLibrary, io.Discard, 512)
	switch value := v.Value.(type) {
	case promql.Vector:
		s.WriteArrayStart()
		for i, one := range value {
			separate(s, i)
			metric(s, one.Metric)
			if one.H != nil {
				s.WriteObjectField("histogram")
			} else {
				s.WriteObjectField("value")
			}
			pointJSON(s, one.T, one.F, one.H)
			s.WriteObjectEnd()
		}
		s.WriteArrayEnd()
	case promql.Matrix:
		s.WriteArrayStart()
		for i, one := range value {
			separate(s, i)
			seriesJSON(s, one)
		}
		s.WriteArrayEnd()
	default:
		return json.Marshal(v.Value)
	}
	return s.Buffer(), s.Error
}

// seriesJSON writes one series of a matrix.
func seriesJSON(s *jsoniter.Stream, one promql.Series) {
	s.WriteObjectStart()
	s.WriteObjectField("metric")
	labelsJSON(s, one.Metric)
	if len(one.Floats) > 0 {
		s.WriteMore()
		s.WriteObjectField("values")
		s.WriteArrayStart()
		for i, p := range one.Floats {
			separate(s, i)
			pointJSON(s, p.T, p.F, nil)
		}
		s.WriteArrayEnd()
	}
	if len(one.Histograms) > 0 {
		s.WriteMore()
		s.WriteObjectField("histograms")
		s.WriteArrayStart()
		for i, p := range one.Histograms {
			separate(s, i)
			pointJSON(s, p.T, 0, p.H)
		}
		s.WriteArrayEnd()
	}
	s.WriteObjectEnd()
}

// metric begins an object with its labels.
func metric(s *jsoniter.Stream, ls labels.Labels) {
	s.WriteObjectStart()
	s.WriteObjectField("metric")
	labelsJSON(s, ls)
	s.WriteMore()
}

// labelsJSON writes labels.
func labelsJSON(s *jsoniter.Stream, ls labels.Labels) {
	s.WriteObjectStart()
	i := 0
	ls.Range(func(l labels.Label) {
		separate(s, i)
		i++
		s.WriteString(l.Name)
		s.WriteRaw(":")
		s.WriteString(l.Value)
	})
	s.WriteObjectEnd()
}

// pointJSON writes a time and a value.
func pointJSON(s *jsoniter.Stream, t int64, v float64, h *histogram.FloatHistogram) {
	s.WriteArrayStart()
	jsonutil.MarshalTimestamp(t, s)
	s.WriteMore()
	if h != nil {
		jsonutil.MarshalHistogram(h, s)
	} else {
		jsonutil.MarshalFloat(v, s)
	}
	s.WriteArrayEnd()
}

// separate writes a comma before every item but the first.
func separate(s *jsoniter.Stream, i int) {
	if i > 0 {
		s.WriteMore()
	}
}
