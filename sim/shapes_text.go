package sim

import (
	"net/http"
	"strings"
)

// pipelineJob returns the job of a task whose input is text. input is what the
// task takes, body the whole request, for parameters.
func (x *exchange) pipelineJob(input any, body map[string]any) (job, *problem) {
	parameters := objectAt(body, "parameters")
	switch x.task {
	case taskTextClass:
		return x.overTexts(input, func(all []string, single bool) any { return x.textClasses(all, single, parameters) })
	case taskZeroShot:
		return x.zeroShot(input, parameters)
	case taskSummary:
		return x.overTexts(input, func(all []string, _ bool) any { return x.rewritten("summary_text", all, summarise) })
	case taskTranslation:
		return x.overTexts(input, func(all []string, _ bool) any { return x.rewritten("translation_text", all, translate) })
	case taskFeatures:
		return x.overTexts(input, x.features)
	case taskSimilarity:
		return x.similarities(input)
	case taskFillMask:
		return x.fillMask(input, parameters)
	case taskTokenClass:
		return x.overTexts(input, func(all []string, single bool) any { return x.tokenClasses(all, single, parameters) })
	case taskQA:
		return x.answers(input, parameters)
	case taskTableQA:
		return x.tableAnswer(input)
	case taskRanking:
		return x.ranking(input)
	case taskGeneration:
		prompt, ok := input.(string)
		if !ok {
			return job{}, x.fieldProblem("inputs", "str type expected")
		}
		return x.nativeJob(prompt, parameters, true)
	default:
		return x.mediaJob(nil, body)
	}
}

// fieldProblem is hf-inference's complaint about a field.
func (x *exchange) fieldProblem(field, what string) *problem {
	return reject(http.StatusBadRequest, envList, "", "Error in `%s`: %s", field, what)
}

// overTexts returns the job of a task that takes a string or a list of them.
func (x *exchange) overTexts(input any, tree func(all []string, single bool) any) (job, *problem) {
	all, single, ok := texts(input)
	if !ok || len(all) == 0 {
		return job{}, x.fieldProblem("inputs", "str type expected")
	}
	chars, tokens := measure(all...)
	return job{chars: chars, tokensIn: tokens, tree: func() any { return tree(all, single) }}, nil
}

// labelled returns classes as a list of label and score.
func labelled(classes []scored) []any {
	out := []any{}
	for _, c := range classes {
		out = append(out, object{{"label", c.label}, {"score", c.score}})
	}
	return out
}

// textClasses is the answer of text-classification. hf-inference nests always;
// TEI and newer stacks nest only lists; the toolkit's bare pipeline gives, without
// top_k, the top label of each input.
func (x *exchange) textClasses(all []string, single bool, parameters map[string]any) any {
	topK, given := numberAt(parameters, "top_k")
	if !given {
		topK = 5
	}
	nested := []any{}
	tops := []any{}
	for _, text := range all {
		classes := classify(text, x.b.Labels)
		one := labelled(classes[:max(1, min(topK, len(classes)))])
		nested = append(nested, one)
		tops = append(tops, one[0])
	}
	switch {
	case x.b.Shape == "legacy":
		return nested
	case x.b.Shape == BackendToolkit && !given:
		return tops
	case single:
		return nested[0]
	default:
		return nested
	}
}

// zeroShot is the job of zero-shot-classification: the old form is an object of
// lists, the new one (hf-inference since late 2025) a list of objects.
func (x *exchange) zeroShot(input any, parameters map[string]any) (job, *problem) {
	labels, _, ok := texts(parameters["candidate_labels"])
	if !ok || len(labels) == 0 {
		return job{}, x.fieldProblem("parameters.candidate_labels", "field required")
	}
	if len(labels) == 1 {
		labels = strings.Split(labels[0], ",")
	}
	return x.overTexts(input, func(all []string, single bool) any {
		out := []any{}
		for _, text := range all {
			classes := classify(text, labels)
			if x.b.Shape == "new" {
				out = append(out, labelled(classes))
				continue
			}
			names, scores := []any{}, []any{}
			for _, c := range classes {
				names, scores = append(names, c.label), append(scores, c.score)
			}
			out = append(out, object{{"sequence", text}, {"labels", names}, {"scores", scores}})
		}
		if single {
			return out[0]
		}
		return out
	})
}

// rewritten is the answer of summarization and translation, one entry a text;
// providers send a bare object for one.
func (x *exchange) rewritten(key string, all []string, rewrite func(string) string) any {
	out := []any{}
	for _, text := range all {
		said := rewrite(text)
		if x.b.Text != "" {
			said = x.b.Text
		}
		out = append(out, object{{key, said}})
	}
	if x.b.Shape == BackendProvider && len(out) == 1 {
		return out[0]
	}
	return out
}

// features is the answer of feature-extraction: depth 1 or 2 from
// sentence-transformers, always 2 from TEI, 3 or 4 where nothing is pooled, an
// OpenAI object from a provider.
func (x *exchange) features(all []string, single bool) any {
	out := []any{}
	for _, text := range all {
		switch {
		case x.b.Shape == BackendProvider:
			out = append(out, object{{"object", "embedding"}, {"embedding", floats(embed(text, x.b.Dimension))}, {"index", len(out)}})
		case x.b.Unpooled:
			tokens := []any{}
			for _, w := range append(append([]string{"[CLS]"}, strings.Fields(text)...), "[SEP]") {
				tokens = append(tokens, floats(embed(w, x.b.Dimension)))
			}
			out = append(out, []any{tokens})
		default:
			out = append(out, floats(embed(text, x.b.Dimension)))
		}
	}
	switch {
	case x.b.Shape == BackendProvider:
		_, tokens := measure(all...)
		return object{
			{"object", "list"},
			{"data", out},
			{"model", x.spec.providerModel()},
			{"usage", object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
		}
	case single && x.b.Shape != BackendTEI:
		return out[0]
	default:
		return out
	}
}
