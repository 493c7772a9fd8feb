package sim

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// decodeStrict decodes the one JSON value of text into the struct that into
// points to. Keys that it does not know, and values of another type than it
// has, are errors that name their path below at.
func decodeStrict(text []byte, into any, at string) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return fmt.Errorf("%sno JSON: %w", prefix(at), syntax(text, err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%smore than one JSON value", prefix(at))
	}
	if err := checkTree(tree, reflect.TypeOf(into).Elem(), at); err != nil {
		return err
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(into); err != nil {
		return fmt.Errorf("%s%w", prefix(at), err)
	}
	return nil
}

// prefix returns at as the beginning of a message.
func prefix(at string) string {
	if at == "" {
		return ""
	}
	return at + ": "
}

// syntax returns err with its line where it is a syntax error of text.
func syntax(text []byte, err error) error {
	var bad *json.SyntaxError
	if errors.As(err, &bad) {
		line := 1 + bytes.Count(text[:min(int(bad.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// checkTree compares a decoded JSON value with the type it is meant for.
func checkTree(tree any, t reflect.Type, at string) error {
	if t.Kind() == reflect.Pointer {
		if tree == nil {
			return nil
		}
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return nil
	}
	if text, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		s, ok := tree.(string)
		if !ok {
			return fmt.Errorf("%swant a string", prefix(at))
		}
		if err := text.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%s%w", prefix(at), err)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkStruct(tree, t, at)
	case reflect.Map:
		return checkMap(tree, t, at)
	case reflect.Slice:
		return checkSlice(tree, t, at)
	default:
		return checkScalar(tree, t, at)
	}
}

// checkStruct compares a decoded value with a struct.
func checkStruct(tree any, t reflect.Type, at string) error {
	if tree == nil {
		return nil
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return fmt.Errorf("%swant an object", prefix(at))
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f.Type
		}
	}
	for _, key := range sortedKeys(object) {
		path := strings.TrimPrefix(at+"."+key, ".")
		field, known := fields[key]
		if !known {
			return fmt.Errorf("%s: unknown key; known are %s", path, strings.Join(sortedKeys(fields), ", "))
		}
		if err := checkTree(object[key], field, path); err != nil {
			return err
		}
	}
	return nil
}

// checkMap compares a decoded value with a map.
func checkMap(tree any, t reflect.Type, at string) error {
	object, ok := tree.(map[string]any)
	if tree != nil && !ok {
		return fmt.Errorf("%swant an object", prefix(at))
	}
	for _, key := range sortedKeys(object) {
		if err := checkTree(object[key], t.Elem(), at+"."+key); err != nil {
			return err
		}
	}
	return nil
}

// checkSlice compares a decoded value with a slice.
func checkSlice(tree any, t reflect.Type, at string) error {
	list, ok := tree.([]any)
	if tree != nil && !ok {
		return fmt.Errorf("%swant a list", prefix(at))
	}
	for i, item := range list {
		if err := checkTree(item, t.Elem(), fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

// checkScalar compares a decoded value with a string, number or boolean.
func checkScalar(tree any, t reflect.Type, at string) error {
	switch tree.(type) {
	case string:
		if t.Kind() == reflect.String {
			return nil
		}
	case bool:
		if t.Kind() == reflect.Bool {
			return nil
		}
	case json.Number:
		text, err := json.Marshal(tree)
		if err == nil && t.Kind() != reflect.String && t.Kind() != reflect.Bool {
			err = json.Unmarshal(text, reflect.New(t).Interface())
			if err == nil {
				return nil
			}
		}
	}
	var want string
	switch t.Kind() {
	case reflect.String:
		want = "a string"
	case reflect.Bool:
		want = "true or false"
	case reflect.Float64:
		want = "a number"
	case reflect.Uint64:
		want = "a whole number from 0 on"
	default:
		want = "a whole number"
	}
	return fmt.Errorf("%swant %s", prefix(at), want)
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
