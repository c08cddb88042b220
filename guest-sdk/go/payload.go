package reprise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// Raw is bytes as they are, where JSON is not wanted: as the input or output of a workflow or the payload of a handler.
type Raw []byte

// encode gives a value as bytes: JSON, compact and without escapes for HTML, or what Raw holds.
func encode(value any) ([]byte, error) {
	if raw, ok := value.(Raw); ok {
		return raw, nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// decode reads bytes into what `into` points to: JSON, or bytes as they are into Raw. No bytes at all read as `null`.
//
// Every key of a struct has to be there, unless its field is a pointer or has `omitempty` or `omitzero`.
func decode(data []byte, into any) error {
	if raw, ok := into.(*Raw); ok {
		*raw = data
		return nil
	}
	if len(data) == 0 {
		data = []byte("null")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return jsonMistake(err)
	}
	return checkKeys(data, reflect.TypeOf(into).Elem())
}

// jsonMistake says what is wrong with JSON in the words of those who wrote it.
func jsonMistake(err error) error {
	var shape *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &shape) && shape.Field != "":
		return fmt.Errorf("the key `%s`: expected %s, found %s", shape.Field, shape.Type, shape.Value)
	case errors.As(err, &shape):
		return fmt.Errorf("expected %s, found %s", shape.Type, shape.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON: %w", err)
	default:
		return err
	}
}

// excerpt gives bytes for people: text, cut where it gets long.
func excerpt(data []byte) string {
	const runesMax = 200
	text := []rune(string(data))
	if len(text) > runesMax {
		return string(text[:runesMax]) + "..."
	}
	if utf8.Valid(data) {
		return string(data)
	}
	return string(text)
}
