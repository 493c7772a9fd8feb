package task

import (
	"encoding/json"
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// textRanking orders texts by how well they answer a query.
//
// The nonce goes behind the last of the texts: its score moves a little, the
// rest stay exact.
type textRanking struct{ quiet }

// Name returns the Hub's name of the task.
func (textRanking) Name() string { return "text-ranking" }

const wantRanking = `text-ranking wants {"query": …, "texts": […]}`

// ranked is an input: a query and its texts, or pairs of sentences.
type ranked struct {
	query string
	texts texts
	pairs []texts
}

// read reads an input.
func (t textRanking) read(raw json.RawMessage) (in ranked, err error) {
	var o struct {
		Query     json.RawMessage   `json:"query"`
		Texts     json.RawMessage   `json:"texts"`
		Sentences []json.RawMessage `json:"sentences"`
	}
	if rawKind(raw) != "an object" || json.Unmarshal(raw, &o) != nil {
		return in, fmt.Errorf("%s, got %s", wantRanking, rawKind(raw))
	}
	for i, pair := range o.Sentences {
		two, err := readTexts(t.Name(), pair)
		if err != nil || two.single || len(two.list) != 2 {
			return in, fmt.Errorf(`text-ranking wants {"sentences": [["a", "b"]]}: [%d] is no pair of texts`, i)
		}
		in.pairs = append(in.pairs, two)
	}
	if in.pairs != nil && o.Query == nil && o.Texts == nil {
		return in, nil
	}
	in.pairs = nil
	if in.query, err = readText(wantRanking+": query", o.Query); err != nil {
		return in, err
	}
	if rawKind(o.Texts) != "a list" {
		return in, fmt.Errorf("%s: texts, got %s", wantRanking, rawKind(o.Texts))
	}
	in.texts, err = readTexts(t.Name(), o.Texts)
	return in, err
}

// Build returns what the engine behind the address takes. At one that ends in
// /v1/rerank or /v2/rerank that is {"model", "query", "documents"}, as of vLLM
// and Cohere, and at any other /rerank {"query", "texts"} with the parameters
// beside them, as of text-embeddings-inference; everywhere else the inference
// toolkit's {"inputs": {"query", "texts"}} with the parameters within, or with
// pairs {"inputs": {"sentences"}}.
func (t textRanking) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if err := p.refuse("it stands in the input", "query", "texts", "documents", "sentences", "inputs"); err != nil {
		return probe.Request{}, err
	}
	in, err := t.read(ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	if in.pairs != nil {
		return t.pairs(ask, in, p)
	}
	documents := in.texts.marked(ask.Nonce).json()
	switch t.dialect(ask) {
	case dialectCohere:
		b.value("model", ask.Model)
		b.value("query", in.query)
		b.raw("documents", documents)
		b.fields(p)
	case dialectTEI:
		b.value("query", in.query)
		b.raw("texts", documents)
		b.fields(p)
	default:
		var under body
		under.value("query", in.query)
		under.raw("texts", documents)
		under.fields(p)
		inputs, err := under.bytes()
		if err != nil {
			return probe.Request{}, err
		}
		b.raw("inputs", inputs)
	}
	return request(ask, t.Name(), &b)
}

// pairs returns the request with pairs of sentences, which the toolkit alone
// takes.
func (t textRanking) pairs(ask probe.Ask, in ranked, p params) (probe.Request, error) {
	if t.dialect(ask) != dialectToolkit {
		return probe.Request{}, fmt.Errorf("%s: pairs of sentences are the inference toolkit's, and not at an address that ends in /rerank", wantRanking)
	}
	items := make([]json.RawMessage, len(in.pairs))
	for i, two := range in.pairs {
		if i == len(items)-1 {
			two = two.marked(ask.Nonce)
		}
		items[i] = two.json()
	}
	var under, b body
	under.raw("sentences", joined(items))
	under.fields(p)
	inputs, err := under.bytes()
	if err != nil {
		return probe.Request{}, err
	}
	b.raw("inputs", inputs)
	return request(ask, t.Name(), &b)
}

// rankDialect is how an engine is asked to rank.
type rankDialect uint8

const (
	dialectToolkit rankDialect = iota
	dialectTEI
	dialectCohere
)

// dialect returns the one behind the address.
func (textRanking) dialect(ask probe.Ask) rankDialect {
	switch {
	case asksAt(ask, "/v1/rerank"), asksAt(ask, "/v2/rerank"):
		return dialectCohere
	case asksAt(ask, "/rerank"):
		return dialectTEI
	default:
		return dialectToolkit
	}
}

// Check accepts [{index, score, text}], OpenAI-like {results: [{index,
// relevance_score}]}, and for pairs {scores: […]}: each index once, the scores
// in descending order.
func (t textRanking) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	in, err := t.read(ask.Input)
	if err != nil {
		in = ranked{}
	}
	o, isObject := value.(map[string]any)
	if isObject && o["scores"] != nil {
		return t.scores(ask, in, o, value)
	}
	rules := rankRules{count: len(in.texts.list), all: len(in.texts.list), score: "score", texts: lenient(ask.Parameters).flag("return_text")}
	if t.dialect(ask) == dialectTEI && !lenient(ask.Parameters).flag("raw_scores") {
		// Its scores are of a sigmoid unless raw ones are asked for.
		rules.units = softScale
	}
	shape, place, items := "list<index,score>", "", value
	if isObject {
		shape, place, items = "obj{results}", ".results", o["results"]
		rules.score = "relevance_score"
		if most, given := lenient(ask.Parameters).whole("top_n"); given {
			rules.count = min(rules.count, most)
		}
	}
	order, broken := rules.read(items)
	if broken != nil {
		return reject(shape, broken.in(place))
	}
	best := scored{label: fmt.Sprintf("text %d", order[0].index), score: order[0].score}
	if i := order[0].index; i < len(in.texts.list) {
		best.label = in.texts.list[i]
	}
	return judge(ask, good(shape), subject{labels: []scored{best}, value: value})
}

// scores judges the toolkit's answer to pairs: a number for each.
func (textRanking) scores(ask probe.Ask, in ranked, o map[string]any, value any) probe.Verdict {
	const shape = "obj{scores}"
	items, bad := list(o["scores"], "numbers")
	if bad != nil {
		return reject(shape, bad.in(".scores"))
	}
	best := scored{label: "pair 0"}
	for i, item := range items {
		f, isNumber := item.(float64)
		if !isNumber {
			return reject(shape, breaks("%s, want a number", kind(item)).at(i).in(".scores"))
		}
		if i == 0 || f > best.score {
			best = scored{fmt.Sprintf("pair %d", i), f}
		}
	}
	if in.pairs != nil && len(items) != len(in.pairs) || in.texts.list != nil && len(items) != len(in.texts.list) {
		return reject(shape, breaks("%s for %s", plural(len(items), "number"), plural(max(len(in.pairs), len(in.texts.list)), "pair")).in(".scores"))
	}
	return judge(ask, good(shape), subject{labels: []scored{best}, value: value})
}

// rankRules are what an order of texts must fulfil.
type rankRules struct {
	// count is how many entries there should be, and all how many texts there
	// are; 0 is not known.
	count, all int
	score      string
	units      scale
	// texts is true where each entry must repeat its text.
	texts bool
}

// place is one entry of an order.
type place struct {
	index int
	score float64
}

// read returns the order.
func (r rankRules) read(v any) ([]place, *fault) {
	items, bad := list(v, "ranks")
	if bad != nil {
		return nil, bad
	}
	order := make([]place, len(items))
	seen := make(map[int]bool, len(items))
	for i, item := range items {
		if order[i], bad = r.entry(item); bad != nil {
			return nil, bad.at(i)
		}
		index := order[i].index
		switch {
		case seen[index]:
			return nil, breaks("%d stands there twice", index).in(".index").at(i)
		case r.all > 0 && index >= r.all:
			return nil, breaks("%d is beyond the %s", index, plural(r.all, "text")).in(".index").at(i)
		case i > 0 && order[i].score > order[i-1].score:
			return nil, breaks("%s is above the one before it, %s, and the best should stand first", short(order[i].score), short(order[i-1].score)).in("." + r.score).at(i)
		}
		seen[index] = true
	}
	if r.count > 0 && len(items) != r.count {
		return nil, breaks("%s for %s", plural(len(items), "rank"), plural(r.count, "text"))
	}
	return order, nil
}

// entry reads one entry.
func (r rankRules) entry(v any) (p place, bad *fault) {
	o, bad := object(v)
	if bad != nil {
		return p, bad
	}
	if p.index, bad = integer(o, "index"); bad != nil {
		return p, bad
	}
	if p.score, bad = number(o, r.score); bad != nil {
		return p, bad
	}
	said, given := o["text"]
	if _, isText := said.(string); said != nil && !isText {
		return p, breaks("%s, want a text", kind(said)).in(".text")
	}
	if r.texts && !given {
		return p, breaks("absent, and parameters.return_text asks for it").in(".text")
	}
	return p, r.units.check(p.score).in("." + r.score)
}
