package builtin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// Config is the configuration of a plug-in: a struct of plain values.
// Each message of Validate starts with the path of its field.
type Config interface{ Validate() error }

// Kinds are the plug-ins of one contract, by name. The zero value is empty.
type Kinds struct {
	// Contract is the word for one of them, for example "target".
	Contract string
	byName   map[string]kind
}

type kind struct {
	defaults any
	decode   func(body json.RawMessage) (any, error)
}

// RegisterConfig adds a kind whose plug-in is built elsewhere, because
// building it needs things of run time.
func RegisterConfig[C Config](kinds *Kinds, name string, defaults func() C) {
	if _, taken := kinds.byName[name]; taken {
		panic(fmt.Sprintf("builtin: %s %q is registered twice", kinds.Contract, name))
	}
	if kinds.byName == nil {
		kinds.byName = map[string]kind{}
	}
	kinds.byName[name] = kind{
		defaults: defaults(),
		decode: func(body json.RawMessage) (any, error) {
			cfg := defaults()
			if err := decodeStrict(body, &cfg); err != nil {
				return nil, err
			}
			return &cfg, cfg.Validate()
		},
	}
}

// Names lists the kinds, sorted.
func (k *Kinds) Names() []string { return slices.Sorted(maps.Keys(k.byName)) }

// Defaults returns the default configuration of each kind.
func (k *Kinds) Defaults() map[string]any {
	all := make(map[string]any, len(k.byName))
	for name, kind := range k.byName {
		all[name] = kind.defaults
	}
	return all
}

// Decode reads the body of a plug-in strictly over the defaults of its kind
// and validates it. The configuration comes as a pointer (*hpa.Config), so
// that it can be compressed. Each message of the error starts with a field
// path.
func (k *Kinds) Decode(p scale.Plugin) (any, error) {
	found, ok := k.byName[p.Kind]
	switch {
	case p.Kind == "":
		return nil, fmt.Errorf("needs exactly one %s; known: %s", k.Contract, strings.Join(k.Names(), ", "))
	case !ok:
		return nil, fmt.Errorf("unknown %s %q; known: %s", k.Contract, p.Kind, strings.Join(k.Names(), ", "))
	}
	return found.decode(p.Body)
}

// decodeStrict reads one JSON object; an empty body is {}.
func decodeStrict(body json.RawMessage, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s: must be %s, got %s", wrong.Field, inWords(wrong.Type), wrong.Value)
	case errors.As(err, &wrong) && wrong.Type.Kind() == reflect.Struct:
		return fmt.Errorf("must be an object with any of %s, got %s", strings.Join(fieldNames(into), ", "), wrong.Value)
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("%s; allowed: %s", strings.TrimPrefix(err.Error(), "json: "), strings.Join(fieldNames(into), ", "))
	case err != nil:
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("must be one JSON object")
	}
	return nil
}

// inWords names a type as somebody who writes JSON or YAML knows it.
func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inWords(t.Elem())
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// fieldNames lists the fields of the configuration that v points to.
func fieldNames(v any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
