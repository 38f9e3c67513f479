package builtin

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/scale"
)

// Written is a plug-in as it is written on a command line: NAME or
// NAME:key=value,key=value. A value is JSON or plain text. A dot in a key goes
// into an object: cpuUtilization.up=70 is cpuUtilization={"up":70}.
type Written struct {
	Kind   string
	Fields map[string]any // json.RawMessage, or again such a map
}

// ParseWritten splits what is written. Which kinds and keys there are is for
// those who know the plug-ins.
func ParseWritten(text string) (Written, error) {
	name, parameters, found := strings.Cut(text, ":")
	w := Written{Kind: name, Fields: map[string]any{}}
	if !found || parameters == "" {
		return w, nil
	}
	for _, pair := range splitPairs(parameters) {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return Written{}, fmt.Errorf("parameters are key=value, separated by commas, got %q", pair)
		}
		if err := put(w.Fields, strings.Split(key, "."), scalar(value)); err != nil {
			return Written{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	return w, nil
}

// put stores a value below nested objects.
func put(fields map[string]any, keys []string, value json.RawMessage) error {
	for len(keys) > 1 {
		if _, there := fields[keys[0]]; !there {
			fields[keys[0]] = map[string]any{}
		}
		inner, object := fields[keys[0]].(map[string]any)
		if !object {
			return fmt.Errorf("%s has a value already", keys[0])
		}
		fields, keys = inner, keys[1:]
	}
	if _, twice := fields[keys[0]]; twice {
		return fmt.Errorf("is given twice")
	}
	fields[keys[0]] = value
	return nil
}

// Take removes a field and decodes it strictly. What is not there leaves into
// as it is. Each message of the error starts with the field's path.
func (w Written) Take(key string, into any) error {
	value, there := w.Fields[key]
	if !there {
		return nil
	}
	delete(w.Fields, key)
	raw, err := json.Marshal(value)
	if err == nil {
		err = decodeStrict(raw, into)
	}
	return Under(key, err)
}

// Under puts the field that holds it before each message of an error, as a path
// where the message starts with a field: "lambda: must …" is then
// "envelope.lambda: must …".
func Under(field string, err error) error {
	var errs []error
	for _, m := range strict.Messages(err) {
		separator := ": "
		if path, _ := strict.SplitMessage(m); len(path) > 0 {
			separator = "."
		}
		errs = append(errs, errors.New(field+separator+m))
	}
	return errors.Join(errs...)
}

// Clone returns a copy whose fields can be changed.
func (w Written) Clone() Written { return Written{Kind: w.Kind, Fields: cloneFields(w.Fields)} }

func cloneFields(fields map[string]any) map[string]any {
	c := make(map[string]any, len(fields))
	for key, value := range fields {
		if inner, object := value.(map[string]any); object {
			value = cloneFields(inner)
		}
		c[key] = value
	}
	return c
}

// Set writes a field; a dot in the key goes into an object.
func (w Written) Set(key string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	fields, keys := w.Fields, strings.Split(key, ".")
	for _, k := range keys[:len(keys)-1] {
		inner, object := fields[k].(map[string]any)
		if !object {
			inner = map[string]any{}
			fields[k] = inner
		}
		fields = inner
	}
	fields[keys[len(keys)-1]] = json.RawMessage(raw)
	return nil
}

// Parameters are the fields as they are written, sorted, so that what is the
// same is written the same.
func (w Written) Parameters() string {
	var pairs []string
	flatten("", w.Fields, func(key string, value json.RawMessage) {
		text := string(value)
		var plain string
		if json.Unmarshal(value, &plain) == nil && !json.Valid([]byte(plain)) && !strings.ContainsAny(plain, `,"[]{}`) {
			text = plain
		}
		pairs = append(pairs, key+"="+text)
	})
	return strings.Join(pairs, ",")
}

func flatten(path string, fields map[string]any, visit func(key string, value json.RawMessage)) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch value := fields[key].(type) {
		case map[string]any:
			flatten(path+key+".", value, visit)
		case json.RawMessage:
			visit(path+key, value)
		}
	}
}

// Keys lists the fields, sorted.
func (w Written) Keys() []string { return slices.Sorted(maps.Keys(w.Fields)) }

// Plugin returns it as a document would hold it.
func (w Written) Plugin() scale.Plugin {
	p := scale.Plugin{Kind: w.Kind}
	if len(w.Fields) > 0 {
		if body, err := json.Marshal(w.Fields); err == nil {
			p.Body = body
		}
	}
	return p
}

// splitPairs splits at the commas outside of brackets and quotes, so that
// lists and objects stay whole.
func splitPairs(text string) []string {
	var pairs []string
	start, depth, quoted := 0, 0, false
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		case r == ',' && depth <= 0:
			pairs, start = append(pairs, text[start:i]), i+1
		}
	}
	return append(pairs, text[start:])
}

// scalar is value as JSON when it is valid, else the text.
func scalar(value string) json.RawMessage {
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return quoted
}
