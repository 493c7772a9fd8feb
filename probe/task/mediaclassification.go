package task

import "github.com/hfwatch/hfwatch/probe"

// mediaClassification is image-classification or audio-classification: a file
// gets the labels that a model knows.
//
// The nonce is a comment in the file, where its format has a place for one.
type mediaClassification struct {
	quiet
	name    string
	picture bool
}

// Name returns the Hub's name of the task.
func (t mediaClassification) Name() string { return t.name }

// Build returns the bytes of the file, or with parameters JSON with base64.
func (t mediaClassification) Build(ask probe.Ask) (probe.Request, error) {
	return postMedium(ask, t.name, t.picture)
}

// Check accepts [{label, score}], of which there is at least one.
func (t mediaClassification) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	p := lenient(ask.Parameters)
	all, broken := labels(value, scaleOf(p))
	if broken != nil {
		return reject("", broken)
	}
	v := good("list<label>")
	if most, given := p.whole("top_k"); given && len(all) > most {
		return reject(v.Shape, breaks("%s, and parameters.top_k asks for %d at most", plural(len(all), "label"), most))
	}
	return judge(ask, v, subject{labels: []scored{top(all)}, value: value})
}

// zeroShotImage gives a picture scores for labels that the request names.
//
// The nonce is a comment in the file, where its format has a place for one.
type zeroShotImage struct{ quiet }

// Name returns the Hub's name of the task.
func (zeroShotImage) Name() string { return "zero-shot-image-classification" }

// Build returns {"inputs": base64, "parameters": {"candidate_labels": …}}.
func (t zeroShotImage) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if _, err := candidates(t.Name(), p); err != nil {
		return probe.Request{}, err
	}
	return postMedium(ask, t.Name(), true)
}

// Check accepts [{label, score}] of exactly the labels asked for. The scores of
// some models, as of SigLIP, are each by itself and sum to anything.
func (t zeroShotImage) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	want, err := candidates(t.Name(), lenient(ask.Parameters))
	if err != nil {
		want = nil
	}
	if _, isList := value.([]any); !isList {
		return reject("", breaks("%s, want a list of labels", kind(value)))
	}
	all, broken := zeroShotRules{labels: want}.read(value)
	if broken != nil {
		return reject("", broken)
	}
	return judge(ask, good("list<label>"), subject{labels: []scored{top(all)}, value: value})
}

// objectDetection finds and labels things in a picture.
//
// The nonce is a comment in the file, where its format has a place for one.
type objectDetection struct{ quiet }

// Name returns the Hub's name of the task.
func (objectDetection) Name() string { return "object-detection" }

// Build returns the bytes of the file, or with parameters JSON with base64.
func (t objectDetection) Build(ask probe.Ask) (probe.Request, error) {
	return postMedium(ask, t.Name(), true)
}

// Check accepts [{label, score, box: {xmin, ymin, xmax, ymax}}]. A picture
// without any object has an empty list, which is legal; `expect` a label to be
// sure.
func (objectDetection) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	items, isList := value.([]any)
	if !isList {
		return reject("", breaks("%s, want a list of objects", kind(value)))
	}
	v := good("list<label,box>")
	found := make([]scored, len(items))
	for i, item := range items {
		s, broken := label(item, unitScale)
		if broken == nil {
			o, _ := item.(map[string]any)
			broken = box(o["box"]).in(".box")
		}
		if broken != nil {
			return reject(v.Shape, broken.at(i))
		}
		found[i] = s
	}
	if len(found) == 0 {
		v.Warnings = append(v.Warnings, "nothing was found; a picture with a sure object would prove more")
	}
	return judge(ask, v, subject{labels: found, anyLabel: true, value: value})
}

// box judges the corners of a box.
func box(v any) *fault {
	o, bad := object(v)
	if bad != nil {
		return bad
	}
	var at [4]float64
	for i, name := range []string{"xmin", "ymin", "xmax", "ymax"} {
		if at[i], bad = number(o, name); bad != nil {
			return bad
		}
	}
	switch {
	case at[0] >= at[2]:
		return breaks("%s is not left of xmax %s", short(at[0]), short(at[2])).in(".xmin")
	case at[1] >= at[3]:
		return breaks("%s is not above ymax %s", short(at[1]), short(at[3])).in(".ymin")
	}
	return nil
}

// imageToText describes a picture.
//
// The nonce is a comment in the file, where its format has a place for one.
type imageToText struct{ quiet }

// Name returns the Hub's name of the task.
func (imageToText) Name() string { return "image-to-text" }

// Build returns the bytes of the file, or with parameters JSON with base64.
func (t imageToText) Build(ask probe.Ask) (probe.Request, error) {
	return postMedium(ask, t.Name(), true)
}

// Check accepts [{generated_text}] and a bare {generated_text}.
func (imageToText) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	shape, items, single := "list<generated_text>", []any{value}, false
	if _, isObject := value.(map[string]any); isObject {
		shape, single = "obj{generated_text}", true
	} else {
		var broken *fault
		if items, broken = list(value, "objects"); broken != nil {
			return reject("", broken)
		}
	}
	if broken := matchesCount(len(items), 1, "text"); broken != nil {
		return reject(shape, broken)
	}
	o, broken := object(items[0])
	var said string
	if broken == nil {
		said, broken = text(o, "generated_text")
	}
	if broken == nil && blank(said) {
		broken = breaks("blank").in(".generated_text")
	}
	if broken != nil {
		if !single {
			broken = broken.at(0)
		}
		return reject(shape, broken)
	}
	return judge(ask, good(shape), subject{texts: []string{said}, written: true})
}
