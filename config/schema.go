package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// schema is one JSON Schema, or a part of one.
type schema map[string]any

// schemas makes JSON Schemas of the raw types, one definition a type.
type schemas struct{ defs schema }

// Schema returns the JSON Schema (draft 2020-12) of the file, for editors. It
// knows keys, types and notations; the rules that need several keys at once are
// Load's alone. Every value may be a text with ${VAR} in it, so each notation
// allows one.
func Schema() []byte {
	s := &schemas{defs: schema{}}
	s.object(reflect.TypeFor[rawConfig]())
	out := schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     "https://github.com/hfwatch/hfwatch/config.schema.json",
		"title":   "hfwatch configuration",
		"$ref":    "#/$defs/config",
		"$defs":   s.defs,
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic("config: the schema is plain data: " + err.Error())
	}
	return append(raw, '\n')
}

// object returns a reference to the definition of a raw struct.
func (s *schemas) object(t reflect.Type) schema {
	name := strings.ToLower(t.Name()[len("raw"):])
	ref := schema{"$ref": "#/$defs/" + name}
	if _, done := s.defs[name]; done {
		return ref
	}
	s.defs[name] = nil
	properties := schema{}
	for _, f := range fieldsOf(t) {
		properties[f.key] = s.property(t, f)
	}
	def := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if t == reflect.TypeFor[rawConfig]() {
		def["patternProperties"] = schema{"^x-": true}
		def["required"] = []string{"models"}
	}
	s.defs[name] = def
	return ref
}

// property returns the schema of one key.
func (s *schemas) property(owner reflect.Type, f field) schema {
	out := schema{"description": f.doc}
	inner := s.of(f.typ, f)
	if ref, ok := inner["$ref"]; ok {
		out["$ref"] = ref
	} else {
		for k, v := range inner {
			out[k] = v
		}
	}
	if f.fallback != "" {
		out["default"] = defaultValue(f)
	}
	if owner == reflect.TypeFor[rawModel]() && f.key == "task" {
		out["anyOf"] = []schema{{"enum": taskNames()}, variableText()}
		delete(out, "type")
	}
	if owner == reflect.TypeFor[rawModel]() && f.key == "provider" {
		out["examples"] = providers()
	}
	return out
}

// of returns the schema of a type.
func (s *schemas) of(t reflect.Type, f field) schema {
	for t.Kind() == reflect.Pointer && t != reflect.TypeFor[*node]() {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[*node]():
		return anything(f.key)
	case reflect.PointerTo(t).Implements(reflect.TypeFor[custom]()):
		c, _ := reflect.New(t).Interface().(custom)
		return schema{"anyOf": c.forms(s)}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[value]()):
		v, _ := reflect.New(t).Interface().(value)
		return notation(v)
	}
	switch t.Kind() {
	case reflect.Struct:
		ref := s.object(t)
		if reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ turnOff() }]()) {
			return schema{"anyOf": []schema{{"enum": []any{"off", false}}, ref}}
		}
		return ref
	case reflect.Slice:
		return schema{"type": "array", "items": s.of(t.Elem(), field{})}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem(), field{})}
	case reflect.Bool:
		return schema{"anyOf": []schema{{"type": "boolean"}, {"enum": []string{"on", "off"}}, variableText()}}
	case reflect.Int, reflect.Int64:
		return schema{"anyOf": []schema{{"type": "integer"}, variableText()}}
	case reflect.Float64:
		return schema{"anyOf": []schema{{"type": "number"}, variableText()}}
	default:
		if len(f.enum) > 0 {
			return schema{"anyOf": []schema{{"enum": f.enum}, variableText()}}
		}
		return schema{"type": []string{"string", "number", "boolean"}}
	}
}

// anything returns the schema of a value that is passed on.
func anything(key string) schema {
	switch key {
	case "parameters":
		return schema{"type": "object"}
	case "from":
		return schema{"type": "array", "items": schema{"type": "string"}, "minItems": 1}
	case "json_schema":
		return schema{"type": []string{"object", "string"}}
	default:
		return schema{}
	}
}

// notation returns the schema of a scalar with a notation of its own.
func notation(v value) schema {
	expr, number := v.pattern()
	forms := []schema{{"type": "string", "pattern": expr}, variableText()}
	if _, bounded := v.(*ratio); bounded {
		forms = append(forms, schema{"type": "number", "minimum": 0, "maximum": 1})
	} else if number {
		forms = append(forms, schema{"type": "number"})
	}
	return schema{"anyOf": forms}
}

// variableText is a text with a variable in it.
func variableText() schema { return schema{"type": "string", "pattern": `\$\{`} }

// defaultValue returns a default as JSON has it.
func defaultValue(f field) any {
	switch f.typ.Kind() {
	case reflect.Bool:
		return f.fallback == "true" || f.fallback == "on"
	case reflect.Int, reflect.Int64, reflect.Float64:
		if _, own := reflect.New(f.typ).Interface().(value); own {
			return f.fallback
		}
		return json.Number(f.fallback)
	default:
		return f.fallback
	}
}
