package task

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/hfwatch/hfwatch/probe"
)

// featureExtraction turns texts into vectors.
//
// The nonce goes behind the text, which moves its vector a little: whoever
// compares vectors (similar_to) allows for it in `min` or sets `cache: allow`.
// Of a batch only the last text carries it.
type featureExtraction struct{ quiet }

// Name returns the Hub's name of the task.
func (featureExtraction) Name() string { return "feature-extraction" }

// Build returns {"inputs": …} with the parameters beside the inputs and not
// under a key of their own: hf-inference and text-embeddings-inference read
// them there (huggingface_hub, inference/_providers/hf_inference.py). At an
// address that ends in /embeddings it returns OpenAI's {"model": …, "input": …}.
func (t featureExtraction) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if err := p.refuse("the inputs stand in `inputs`", "inputs"); err != nil {
		return probe.Request{}, err
	}
	all, err := readTexts(t.Name(), ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	there, err := passed(ask, t.Name())
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	if there || asksAt(ask, "/embeddings") {
		if err := p.refuse("hfwatch sets it from the model's own keys", "model", "input"); err != nil {
			return probe.Request{}, err
		}
		if ask.Model != "" {
			b.value("model", ask.Model)
		}
		b.raw("input", all.marked(ask.Nonce).json())
	} else {
		b.raw("inputs", all.marked(ask.Nonce).json())
	}
	b.fields(p)
	r, err := request(ask, t.Name(), &b)
	if ask.Route == probe.RouteHFInference {
		// The same weights serve sentence-similarity too, and which of the two
		// answers without the suffix is the model card's choice.
		r.Path = "/pipeline/feature-extraction"
	}
	if there {
		r.Path = pathAt(t.Name(), ask.Provider)
	}
	return r, err
}

// Check accepts one vector, a list of vectors, a list of lists of vectors, one
// for each token, the same once more in a list for each input, and the form of
// OpenAI, {"data": [{"embedding": …}]}.
func (t featureExtraction) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	inputs := len(asked(t.Name(), ask).list)
	var v probe.Verdict
	var got tensor
	var broken *fault
	if o, isObject := value.(map[string]any); isObject {
		v = good("obj{data}")
		usage(o, &v)
		broken = got.data(o, lenient(ask.Parameters).word("encoding_format") == "base64")
	} else if broken = got.read(value, 1); broken == nil {
		v = good(shapeOfDepth(got.depth))
	}
	if broken == nil {
		broken = got.rules(inputs, ask.Expect, lenient(ask.Parameters).flag("normalize"))
	}
	if broken != nil {
		return reject(v.Shape, broken)
	}
	return judge(ask, v, subject{value: value, vectors: got.rows})
}

// shapeOfDepth names a list of numbers nested to a depth.
func shapeOfDepth(depth int) string {
	s := "number"
	for range depth {
		s = "list<" + s + ">"
	}
	return s
}

// mostDepth is how deep engines nest vectors: batch, batch, tokens, numbers.
const mostDepth = 4

// tensor is a nested list of vectors of one length.
type tensor struct {
	depth, dim, outer int
	nonZero           bool
	// rows are the vectors of an answer with one for each input.
	rows [][]float64
}

// read adds the value at a depth, 1 for the whole answer.
func (t *tensor) read(v any, depth int) *fault {
	l, bad := list(v, "numbers")
	if bad != nil {
		return bad
	}
	if depth == 1 {
		t.outer = len(l)
	}
	if _, isNumber := l[0].(float64); isNumber {
		return t.vector(l, depth)
	}
	if depth == mostDepth {
		return breaks("a list nested more than %d deep", mostDepth)
	}
	for i, item := range l {
		if bad := t.read(item, depth+1); bad != nil {
			return bad.at(i)
		}
	}
	return nil
}

// vector adds a list of numbers.
func (t *tensor) vector(l []any, depth int) *fault {
	switch {
	case t.depth == 0:
		t.depth, t.dim = depth, len(l)
	case depth != t.depth:
		return breaks("nested %d deep, the first vector %d", depth, t.depth)
	case len(l) != t.dim:
		return breaks("%s, the first vector has %d", plural(len(l), "number"), t.dim)
	}
	row := make([]float64, len(l))
	zero := true
	for i, item := range l {
		f, isNumber := item.(float64)
		if !isNumber {
			return breaks("%s, want a number", kind(item)).at(i)
		}
		row[i] = f
		zero = zero && f == 0
	}
	t.nonZero = t.nonZero || !zero
	if depth <= 2 {
		if zero {
			return breaks("a vector of zeros alone")
		}
		t.rows = append(t.rows, row)
	}
	return nil
}

// data adds the embeddings of OpenAI's form, packed in base64 where that was asked
// for.
func (t *tensor) data(o map[string]any, packed bool) *fault {
	items, bad := list(o["data"], "embeddings")
	if bad != nil {
		return bad.in(".data")
	}
	t.outer = len(items)
	for i, item := range items {
		e, bad := object(item)
		if bad != nil {
			return bad.at(i).in(".data")
		}
		if at, given := e["index"].(float64); given && at != float64(i) {
			return breaks("%s, want %d: vectors stand in the order of the inputs", short(at), i).in(".index").at(i).in(".data")
		}
		l, bad := numbers(e["embedding"], packed)
		if bad == nil {
			bad = t.vector(l, 2)
		}
		if bad != nil {
			return bad.in(".embedding").at(i).in(".data")
		}
	}
	return nil
}

// numbers returns the numbers of an embedding: a list, or base64 of 32-bit floats,
// the lowest byte first.
func numbers(v any, packed bool) ([]any, *fault) {
	s, isText := v.(string)
	if !isText || !packed {
		return list(v, "numbers")
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(data) == 0 || len(data)%4 != 0 {
		return nil, breaks("%s, want a list of numbers or base64 of 32-bit floats", quote(clip(s, 40)))
	}
	l := make([]any, len(data)/4)
	for i := range l {
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, breaks("%v, want a finite number", f).at(i)
		}
		l[i] = f
	}
	return l, nil
}

// rules judges what was read: as many as inputs, as long as expected, not all
// zero, and of length 1 where that was asked for.
func (t *tensor) rules(inputs int, e *probe.Expect, normalized bool) *fault {
	outer := t.outer
	if t.depth == 1 {
		outer = 1
	}
	if bad := matchesCount(outer, inputs, "vector"); bad != nil {
		return bad
	}
	if e != nil && e.Dimension != 0 && t.dim != e.Dimension {
		return breaks("vectors of %s, want expect.dimension %d", plural(t.dim, "number"), e.Dimension)
	}
	if !t.nonZero {
		return breaks("zeros alone")
	}
	if !normalized {
		return nil
	}
	for i, row := range t.rows {
		var sum float64
		for _, f := range row {
			sum += f * f
		}
		if norm := math.Sqrt(sum); math.Abs(norm-1) > 1e-3 {
			return breaks("vector %d has length %s, want 1 within 0.001, since parameters.normalize is set", i, short(norm))
		}
	}
	return nil
}
