package sim

import "slices"

// badRelationShapes returns the variants whose parts are of the right kind and do
// not fit each other, or what was asked for.
func badRelationShapes() []string {
	return []string{
		"scores_halved", "duplicate_label", "answer_elsewhere", "coordinates_outside", "cells_missing", "both_entities",
		"doubled_vector", "base64_cut", "tool_unknown", "tool_arguments_cut", "tool_arguments_empty",
	}
}

// badRelation returns tree in the bad shape that variant names.
func badRelation(variant string, tree any) any {
	switch variant {
	case "both_entities":
		return bothEntities(tree)
	case "duplicate_label":
		tree = duplicateLabel(tree)
	case "doubled_vector":
		if items, isList := tree.([]any); isList {
			return scaled(items, 2)
		}
	}
	return walk(tree, func(key string, value any) (any, bool) { return badRelative(variant, key, value), true })
}

// badRelative spoils one member of an object.
func badRelative(variant, key string, value any) any {
	items, _ := value.([]any)
	switch variant + " " + key {
	case "scores_halved score", "scores_halved scores":
		return scaled(value, 0.5)
	case "doubled_vector embedding":
		return scaled(value, 2)
	case "duplicate_label labels":
		if len(items) > 0 {
			return spread(items, items[0])
		}
	case "answer_elsewhere answer":
		return "somewhere else altogether"
	case "coordinates_outside coordinates":
		return spread(value, []any{9_999, 0})
	case "cells_missing cells":
		return []any{}
	case "base64_cut embedding":
		if s, isText := value.(string); isText && len(s) > 4 {
			return s[:len(s)-4]
		}
	case "tool_unknown function":
		return renamed(value, "nobody_offered_this")
	case "tool_arguments_cut arguments":
		return `{"a`
	case "tool_arguments_empty arguments":
		return "{}"
	}
	return value
}

// scaled returns a number, or each number of a list, times by.
func scaled(value any, by float64) any {
	switch v := value.(type) {
	case float64:
		return v * by
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = scaled(v[i], by)
		}
		return out
	default:
		return value
	}
}

// renamed returns the object value with its name changed.
func renamed(value any, name string) any {
	o, isObject := value.(object)
	if !isObject {
		return value
	}
	o = slices.Clone(o)
	for i := range o {
		if o[i].key == "name" {
			o[i].value = name
		}
	}
	return o
}

// bothEntities returns tree with an entity beside each entity_group.
func bothEntities(tree any) any {
	switch v := tree.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = bothEntities(v[i])
		}
		return out
	case object:
		if group := v.get("entity_group"); group != nil {
			return append(slices.Clone(v), member{"entity", group})
		}
	}
	return tree
}

// duplicateLabel returns a list of labels, each of which is the first.
func duplicateLabel(tree any) any {
	items, isList := tree.([]any)
	if !isList || len(items) == 0 {
		return tree
	}
	first, isObject := items[0].(object)
	if !isObject || first.get("label") == nil {
		return tree
	}
	return walk(tree, func(key string, value any) (any, bool) {
		if key == "label" {
			return first.get("label"), true
		}
		return value, true
	})
}
