package reprise

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// checkKeys looks for keys that a type needs and JSON lacks: package json leaves zeros in their place, and a balance of
// zero that nobody sent is worse than an error. `data` is known to be JSON of the type.
func checkKeys(data []byte, t reflect.Type) error {
	if !needsKeys(t) {
		return nil
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	return missing(value, t, "")
}

var (
	needs   sync.Map // reflect.Type to bool
	readers = []reflect.Type{reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
)

// needsKeys says whether a type has a struct in it whose keys are known.
func needsKeys(t reflect.Type) bool {
	if known, ok := needs.Load(t); ok {
		return known.(bool)
	}
	needs.Store(t, false) // a type that contains itself needs keys for its other parts
	found := false
	switch {
	case readsItself(t):
	case t.Kind() == reflect.Struct:
		found = t.NumField() > 0
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		found = needsKeys(t.Elem())
	}
	needs.Store(t, found)
	return found
}

func readsItself(t reflect.Type) bool {
	for _, reader := range readers {
		if t.Implements(reader) || reflect.PointerTo(t).Implements(reader) {
			return true
		}
	}
	return false
}

// missing names the first key that is not there; path: where `value` lies, for people.
func missing(value any, t reflect.Type, path string) error {
	if !needsKeys(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		if value == nil {
			return nil
		}
		return missing(value, t.Elem(), path)
	case reflect.Struct:
		object, _ := value.(map[string]any)
		return missingIn(object, t, path)
	case reflect.Slice, reflect.Array:
		items, _ := value.([]any)
		for i, item := range items {
			if err := missing(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		entries, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if err := missing(entries[key], t.Elem(), join(path, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func missingIn(object map[string]any, t reflect.Type, path string) error {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct && !readsItself(field.Type):
			if err := missingIn(object, field.Type, path); err != nil {
				return err
			}
			continue
		case !field.IsExported(), name == "-" && options == "":
			continue
		case name == "":
			name = field.Name
		}
		value, there := lookUp(object, name)
		if !there && !isOptional(field.Type, options) {
			return fmt.Errorf("the key `%s` is missing", join(path, name))
		}
		if there {
			if err := missing(value, field.Type, join(path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func isOptional(t reflect.Type, options string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == "omitempty" || option == "omitzero" {
			return true
		}
	}
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface
}

// lookUp finds a key as package json does: exactly, or else whatever its case.
func lookUp(object map[string]any, name string) (any, bool) {
	if value, ok := object[name]; ok {
		return value, true
	}
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
