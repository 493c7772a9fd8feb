package sim

import (
	"net/http"
	"slices"
	"strings"
)

// similarities is the job of sentence-similarity.
func (x *exchange) similarities(input any) (job, *problem) {
	fields, _ := input.(map[string]any)
	source, ok := fields["source_sentence"].(string)
	if !ok {
		return job{}, x.fieldProblem("inputs.source_sentence", "field required")
	}
	sentences, single, ok := texts(fields["sentences"])
	if !ok || single || len(sentences) == 0 {
		return job{}, x.fieldProblem("inputs.sentences", "field required")
	}
	chars, tokens := measure(append(sentences, source)...)
	return job{chars: chars, tokensIn: tokens, tree: func() any {
		scores := []any{}
		for _, s := range sentences {
			scores = append(scores, similarity(source, s))
		}
		if x.b.Shape == BackendToolkit {
			return object{{"similarities", scores}}
		}
		return scores
	}}, nil
}

// fillMask is the job of fill-mask: a list of guesses, or a list of such lists
// where there are several masks.
func (x *exchange) fillMask(input any, parameters map[string]any) (job, *problem) {
	text, ok := input.(string)
	if !ok {
		return job{}, x.fieldProblem("inputs", "str type expected")
	}
	mask := "[MASK]"
	if strings.Contains(text, "<mask>") {
		mask = "<mask>"
	}
	n := strings.Count(text, mask)
	if n == 0 {
		return job{}, reject(http.StatusBadRequest, envString, "", "No mask_token (%s) found on the input", mask)
	}
	topK, given := numberAt(parameters, "top_k")
	if !given {
		topK = 5
	}
	guesses := []string{"hello", "world", "happiness", "model", "city", "language", "people", "time"}
	chars, tokens := measure(text)
	return job{chars: chars, tokensIn: tokens, tree: func() any {
		all := []any{}
		for range n {
			one := []any{}
			score := 0.5
			for i, g := range guesses[:max(1, min(topK, len(guesses)))] {
				one = append(one, object{
					{"score", score}, {"token", 1000 + i}, {"token_str", g}, {"sequence", strings.Replace(text, mask, g, 1)},
				})
				score /= 2
			}
			all = append(all, one)
		}
		if n == 1 {
			return all[0]
		}
		return all
	}}, nil
}

// tokenClasses is the answer of token-classification: grouped, or with
// aggregation_strategy none one entry a word.
func (x *exchange) tokenClasses(all []string, single bool, parameters map[string]any) any {
	out := []any{}
	for _, text := range all {
		found := []any{}
		for _, e := range entities(text) {
			if parameters["aggregation_strategy"] != "none" {
				found = append(found, object{
					{"entity_group", e.group}, {"score", 0.998}, {"word", e.text}, {"start", e.start}, {"end", e.end},
				})
				continue
			}
			for i, w := range wordSpans(e.text) {
				found = append(found, object{
					{"entity", map[bool]string{true: "B-", false: "I-"}[i == 0] + e.group},
					{"score", 0.998},
					{"index", len(found) + 1},
					{"word", w.text},
					{"start", e.start + w.start},
					{"end", e.start + w.end},
				})
			}
		}
		out = append(out, found)
	}
	if single {
		return out[0]
	}
	return out
}

// answers is the job of question-answering: an object, or a list where top_k is
// above 1.
func (x *exchange) answers(input any, parameters map[string]any) (job, *problem) {
	fields, _ := input.(map[string]any)
	question, ok := fields["question"].(string)
	if !ok {
		return job{}, x.fieldProblem("inputs.question", "field required")
	}
	context, ok := fields["context"].(string)
	if !ok {
		return job{}, x.fieldProblem("inputs.context", "field required")
	}
	topK, _ := numberAt(parameters, "top_k")
	chars, tokens := measure(question, context)
	return job{chars: chars, tokensIn: tokens, tree: func() any {
		best := answerIn(question, context)
		one := object{{"score", 0.97}, {"start", best.start}, {"end", best.end}, {"answer", best.text}}
		if topK <= 1 {
			return one
		}
		out := []any{one}
		score := 0.01
		for _, w := range wordSpans(context) {
			if len(out) < topK && w != best {
				out = append(out, object{{"score", score}, {"start", w.start}, {"end", w.end}, {"answer", w.text}})
				score /= 2
			}
		}
		return out
	}}, nil
}

// tableAnswer is the job of table-question-answering. hf-inference wants
// `query`; the toolkit takes `question` too and leaves out the aggregator.
func (x *exchange) tableAnswer(input any) (job, *problem) {
	fields, _ := input.(map[string]any)
	query, ok := fields["query"].(string)
	if question, old := fields["question"].(string); !ok && old && x.spec.Backend == BackendToolkit {
		query, ok = question, true
	}
	if !ok {
		return job{}, x.fieldProblem("inputs.query", "field required")
	}
	table, ok := fields["table"].(map[string]any)
	if !ok || len(table) == 0 {
		return job{}, x.fieldProblem("inputs.table", "field required")
	}
	columns := sortedKeys(table)
	rows := -1
	for _, c := range columns {
		cells, single, ok := texts(table[c])
		if !ok || single || (rows >= 0 && len(cells) != rows) {
			return job{}, reject(http.StatusBadRequest, envString, "", "All arrays must be of the same length")
		}
		rows = len(cells)
	}
	if rows == 0 {
		return job{}, x.fieldProblem("inputs.table", "has no rows")
	}
	chars, tokens := measure(query)
	return job{chars: chars, tokensIn: tokens, tree: func() any { return x.cell(query, columns, table) }}, nil
}

// cell picks the cell that query asks for: the row one of whose cells it names,
// the column whose head it names.
func (x *exchange) cell(query string, columns []string, table map[string]any) any {
	asked := strings.ToLower(query)
	row, column := 0, 0
	for c, name := range columns {
		cells, _, _ := texts(table[name])
		for r, cell := range cells {
			if cell != "" && slices.Contains(words(asked), strings.ToLower(cell)) {
				row = r
			}
		}
		if strings.Contains(asked, strings.ToLower(name)) {
			column = c
		}
	}
	cells, _, _ := texts(table[columns[column]])
	answer := object{
		{"answer", cells[row]}, {"coordinates", []any{[]any{row, column}}}, {"cells", []any{cells[row]}},
	}
	if x.b.Shape == BackendToolkit || x.b.Shape == "new" {
		return answer
	}
	return append(answer, member{"aggregator", "NONE"})
}

// ranking is the job of text-ranking: TEI takes query and texts at the top, the
// toolkit below inputs, or there pairs of sentences, for which it answers bare
// scores.
func (x *exchange) ranking(input any) (job, *problem) {
	fields, _ := input.(map[string]any)
	if pairs, ok := fields["sentences"].([]any); ok {
		scores := []any{}
		for _, p := range pairs {
			two, _, ok := texts(p)
			if !ok || len(two) != 2 {
				return job{}, x.fieldProblem("inputs.sentences", "want pairs")
			}
			scores = append(scores, (1+similarity(two[0], two[1]))/2)
		}
		return job{tree: func() any { return object{{"scores", scores}} }}, nil
	}
	query, ok := fields["query"].(string)
	all, single, isList := texts(fields["texts"])
	if !ok || !isList || single || len(all) == 0 {
		return job{}, x.fieldProblem("inputs.query", "field required")
	}
	withText, _ := fields["return_text"].(bool)
	if documents, _ := fields["return_documents"].(bool); documents {
		withText = true
	}
	chars, tokens := measure(append(all, query)...)
	return job{chars: chars, tokensIn: tokens, tree: func() any {
		order := make([]int, len(all))
		for i := range order {
			order[i] = i
		}
		score := func(i int) float64 { return (1 + similarity(query, all[i])) / 2 }
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case score(a) > score(b):
				return -1
			case score(a) < score(b):
				return 1
			}
			return 0
		})
		out := []any{}
		for _, i := range order {
			entry := object{{"index", i}}
			if withText {
				entry = append(entry, member{"text", all[i]})
			}
			out = append(out, append(entry, member{"score", score(i)}))
		}
		return out
	}}, nil
}
