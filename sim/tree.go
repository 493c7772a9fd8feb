package sim

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// object is a JSON object that keeps the order of its members, since golden
// bytes need one.
type object []member

// member is one key of an object. A value is nil, a string, bool, int, int64,
// float64, object, []any or raw.
type member struct {
	key   string
	value any
}

// raw is JSON, or what passes for it, written as it stands.
type raw string

// encode returns v as JSON without white space. Unlike encoding/json it
// escapes no HTML, as the real servers do not, and writes NaN as Python does.
func encode(v any) []byte { return appendTree(nil, v) }

// appendTree appends v as JSON to b.
func appendTree(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.key), ':')
			b = appendTree(b, m.value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTree(b, item)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return appendFloat(b, v)
	case raw:
		return append(b, v...)
	default:
		// A value of another type is a mistake of this package; the null that
		// it becomes fails the test of its shape.
		return append(b, "null"...)
	}
}

// appendFloat appends f as Python's json does: NaN and Infinity by name, a
// point in every other number.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	// A string always encodes.
	_ = enc.Encode(s)
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// get returns the value of key, or nil.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// walk returns v with every member whose key f changes replaced: f gets the
// key and the value, and returns the new value and whether to keep the member.
func walk(v any, f func(key string, value any) (any, bool)) any {
	switch v := v.(type) {
	case object:
		out := make(object, 0, len(v))
		for _, m := range v {
			value, keep := f(m.key, walk(m.value, f))
			if keep {
				out = append(out, member{m.key, value})
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = walk(v[i], f)
		}
		return out
	default:
		return v
	}
}

// floats returns values as a list.
func floats(values []float64) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// list returns items as a list.
func list[T any](items []T) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}
