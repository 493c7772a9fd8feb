package config

import (
	"reflect"
	"strings"
)

// field is a key of a raw type, from its struct tags.
type field struct {
	key      string
	index    int
	doc      string
	fallback string
	enum     []string
	secret   bool
	typ      reflect.Type
}

// fieldsOf returns the keys of a raw type in their order.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		var enum []string
		if names := f.Tag.Get("enum"); names != "" {
			enum = strings.Fields(names)
		}
		fields = append(fields, field{
			key: key, index: i, doc: f.Tag.Get("doc"), fallback: f.Tag.Get("default"), enum: enum,
			secret: f.Tag.Get("secret") == "true", typ: f.Type,
		})
	}
	return fields
}
