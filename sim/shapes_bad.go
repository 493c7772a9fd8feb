package sim

import (
	"math"
	"slices"
	"strings"
)

// BadShapes returns the variants of the fault bad_shape. One that does not
// concern an answer, such as unsorted for a chat, leaves it as it is.
func BadShapes() []string {
	return slices.Concat([]string{
		"empty_list", "empty_inner_list", "empty_object", "null", "string", "number", "wrapped",
		"score_not_number", "score_out_of_range", "label_not_string", "missing_label", "unknown_label", "lengths_differ",
		"missing_key", "text_not_string", "missing_entry", "extra_entry",
		"nan", "null_leaf", "ragged", "wrong_dimension", "zeros", "deep",
		"span_reversed", "span_outside", "duplicate_index", "unsorted", "no_entity", "box_reversed",
		"no_choices", "no_message", "null_content", "null_finish", "no_usage",
		"chunks_reversed", "chunks_no_time",
	}, badRelationShapes(), badMediaShapes())
}

// badShape returns tree in the bad shape that variant names.
func badShape(variant string, tree any) any {
	switch variant {
	case "empty_list":
		return []any{}
	case "empty_inner_list":
		return []any{[]any{}}
	case "empty_object":
		return object{}
	case "null":
		return nil
	case "string":
		return "ok"
	case "number":
		return 42
	case "wrapped":
		return object{{"result", tree}}
	case "nan", "null_leaf", "ragged", "wrong_dimension", "zeros", "deep":
		return badNumbers(variant, tree)
	case "missing_entry", "extra_entry", "unsorted", "missing_label", "lengths_differ":
		return badList(variant, tree)
	}
	if slices.Contains(badRelationShapes(), variant) {
		return badRelation(variant, tree)
	}
	return walk(tree, func(key string, value any) (any, bool) { return badMember(variant, key, value) })
}

// badMember spoils one member of an object.
func badMember(variant, key string, value any) (any, bool) {
	constant := map[string]any{
		"score_not_number score": "high", "score_not_number scores": "high", "score_out_of_range score": 1.7,
		"label_not_string label": 1, "label_not_string labels": 1, "label_not_string entity_group": 1,
		"unknown_label label": "SOMETHING_ELSE", "span_reversed start": 1_000, "span_reversed end": 1,
		"span_outside start": 100_000, "span_outside end": 100_005, "duplicate_index index": 0,
		"box_reversed xmin": 900, "box_reversed ymin": 900, "no_choices choices": []any{},
		"null_content content": nil, "null_finish finish_reason": nil,
		"chunks_reversed timestamp": []any{2.0, 1.0}, "chunks_no_time timestamp": nil,
	}
	what := variant + " " + key
	if to, ok := constant[what]; ok {
		return to, true
	}
	text := []string{"summary_text", "translation_text", "generated_text", "answer", "text", "token_str", "content", "word"}
	isText := slices.Contains(text, key)
	switch {
	case what == "score_out_of_range scores":
		return spread(value, 1.7), true
	case what == "unknown_label labels":
		return spread(value, "SOMETHING_ELSE"), true
	case what == "no_message message", what == "no_usage usage", what == "no_entity entity_group":
		return nil, false
	case isText && variant == "missing_key":
		return nil, false
	case isText && variant == "text_not_string":
		return 42, true
	}
	return value, true
}

// spread returns a list as long as value, if that is one, of item.
func spread(value, item any) any {
	all, ok := value.([]any)
	if !ok {
		return item
	}
	out := make([]any, len(all))
	for i := range out {
		out[i] = item
	}
	return out
}

// badList spoils a list: the outermost, or those of an object.
func badList(variant string, tree any) any {
	switch v := tree.(type) {
	case object:
		return walk(v, func(key string, value any) (any, bool) {
			items, ok := value.([]any)
			if !ok || len(items) == 0 {
				return value, true
			}
			return badListMember(variant, key, items), true
		})
	case []any:
		if len(v) == 0 {
			return v
		}
		return badOuterList(variant, v)
	default:
		return tree
	}
}

// badListMember spoils a list that is the value of key.
func badListMember(variant, key string, items []any) any {
	counted := key == "data" || key == "similarities" || key == "scores"
	switch {
	case variant == "lengths_differ" && key == "scores",
		variant == "missing_label" && (key == "labels" || key == "scores"),
		variant == "missing_entry" && counted:
		return items[:len(items)-1]
	case variant == "extra_entry" && counted:
		return append(slices.Clone(items), items[0])
	}
	return items
}

// badOuterList spoils an answer that is a list, which is not empty.
func badOuterList(variant string, v []any) any {
	inner, nested := v[0].([]any)
	if variant == "missing_label" && nested && len(inner) > 0 {
		return []any{inner[:len(inner)-1]}
	}
	switch variant {
	case "missing_entry", "missing_label":
		return v[:len(v)-1]
	case "extra_entry":
		return append(slices.Clone(v), v[0])
	case "unsorted":
		return reversed(v)
	}
	return v
}

// badNumbers spoils vectors: the innermost lists of numbers, at any depth.
func badNumbers(variant string, tree any) any {
	if variant == "deep" {
		return []any{[]any{[]any{[]any{tree}}}}
	}
	struck := false
	var spoil func(v any) any
	spoil = func(v any) any {
		switch v := v.(type) {
		case object:
			return walk(v, func(key string, value any) (any, bool) {
				if key == "embedding" || key == "similarities" || key == "scores" {
					return spoil(value), true
				}
				if key == "score" && variant == "nan" {
					return math.NaN(), true
				}
				return value, true
			})
		case []any:
			if len(v) > 0 && isNumber(v[0]) {
				if struck && variant != "zeros" && variant != "wrong_dimension" {
					return v
				}
				struck = true
				return badVector(variant, v)
			}
			out := make([]any, len(v))
			for i := range v {
				out[i] = spoil(v[i])
			}
			return out
		default:
			return v
		}
	}
	return spoil(tree)
}

// isNumber reports whether v is a number.
func isNumber(v any) bool {
	_, ok := v.(float64)
	return ok
}

// badVector spoils one vector.
func badVector(variant string, v []any) []any {
	v = slices.Clone(v)
	switch variant {
	case "nan":
		v[len(v)/2] = math.NaN()
	case "null_leaf":
		v[len(v)/2] = nil
	case "ragged":
		v = v[:len(v)-1]
	case "wrong_dimension":
		v = append(v, slices.Clone(v)...)
	case "zeros":
		for i := range v {
			v[i] = 0.0
		}
	}
	return v
}

// retext returns tree with every generated text replaced by text.
func retext(tree any, text string) any {
	keys := []string{"summary_text", "translation_text", "generated_text", "answer", "text", "sequence"}
	return walk(tree, func(key string, value any) (any, bool) {
		if _, isText := value.(string); isText && slices.Contains(keys, key) {
			return text, true
		}
		return value, true
	})
}

// wrong returns tree of the same shape but with a wrong answer: labels keep
// their places and lose their scores to each other, vectors turn round, texts
// become another.
func wrong(tree any) any {
	switch v := tree.(type) {
	case []any:
		return wrongList(v)
	case object:
		return walk(v, func(key string, value any) (any, bool) {
			switch key {
			case "labels":
				items, _ := value.([]any)
				return reversed(items), true
			case "data", "similarities":
				return wrong(value), true
			case "embedding":
				items, _ := value.([]any)
				return reversed(items), true
			case "answer", "summary_text", "translation_text", "generated_text", "text":
				if _, isText := value.(string); isText {
					return wrongText, true
				}
			case "entity_group":
				return "MISC", true
			}
			return value, true
		})
	default:
		return tree
	}
}

// wrongList is wrong of a list.
func wrongList(v []any) any {
	if len(v) == 0 || isNumber(v[0]) {
		return reversed(v)
	}
	first, isObject := v[0].(object)
	label, hasLabel := first.get("label").(string)
	if !isObject || !hasLabel || len(v) == 1 {
		out := make([]any, len(v))
		for i := range v {
			out[i] = wrong(v[i])
		}
		if isObject && hasLabel {
			out[0] = walk(first, func(key string, value any) (any, bool) {
				if key == "label" {
					return "NOT_" + strings.TrimPrefix(label, "NOT_"), true
				}
				return value, true
			})
		}
		return out
	}
	labels := make([]any, len(v))
	for i := range v {
		o, _ := v[i].(object)
		labels[len(v)-1-i] = o.get("label")
	}
	out := make([]any, len(v))
	for i := range v {
		out[i] = walk(v[i], func(key string, value any) (any, bool) {
			if key == "label" {
				return labels[i], true
			}
			return value, true
		})
	}
	return out
}

// reversed returns v from its end to its beginning.
func reversed(v []any) []any {
	v = slices.Clone(v)
	slices.Reverse(v)
	return v
}
