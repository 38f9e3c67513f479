package builtin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// Take removes a field and returns it as JSON; nil where it is not there.
func (w Written) Take(key string) json.RawMessage {
	value, there := w.Fields[key]
	if !there {
		return nil
	}
	delete(w.Fields, key)
	raw, err := json.Marshal(value)
	if err != nil {
		return nil // the parser made it of valid JSON
	}
	return raw
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
