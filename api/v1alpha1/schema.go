package v1alpha1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/scale"
)

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`

func patterns() map[string]strict.Pattern {
	return map[string]strict.Pattern{
		durationPattern: {
			Words: "a duration with a unit (ms, s, m, h, d), for example 30s",
			Valid: func(text string) bool { _, err := scale.ParseDuration(text); return err == nil },
		},
		percentagePattern: {Words: percentageWords},
		namePattern:       {Words: nameWords},
	}
}

// Schema returns the JSON Schema of the document with the configurations of
// all plug-ins, indented, as editors use it.
func Schema(plugins Plugins) ([]byte, error) {
	root := reflectSchema(Default())
	root.Version = jsonschema.Version
	root.Title = "Flyball Autoscaler"
	root.Properties.Value("apiVersion").Const = APIVersion
	root.Properties.Value("kind").Const = Kind
	root.Definitions = jsonschema.Definitions{}
	for _, c := range Contracts() {
		root.Definitions[string(c)] = pluginSchema(c, plugins.Defaults(c))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("write JSON Schema: %w", err)
	}
	return out.Bytes(), nil
}

// pluginSchema is an object with exactly one property: the kind. A source
// stands beside what is said of its signal.
func pluginSchema(c Contract, defaults map[string]any) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Title: string(c), Properties: jsonschema.NewProperties(),
		AdditionalProperties: jsonschema.FalseSchema}
	if c == SourceContract {
		describeSignal(s)
	}
	for _, kind := range slices.Sorted(maps.Keys(defaults)) {
		s.Properties.Set(kind, reflectSchema(defaults[kind]))
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{kind}})
	}
	return s
}

func describeSignal(s *jsonschema.Schema) {
	one := uint64(1)
	duration := func(description string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Description: description}
	}
	s.Properties.Set("name", &jsonschema.Schema{Type: "string", MinLength: &one, Description: "name of the signal"})
	s.Properties.Set("interval", duration("time between two measurements (a third of sync by default; 1s at least and 15s at most); a probe has one of its own"))
	s.Properties.Set("maxAge", duration("how old a value may be before the signal is stale; 2.5 times the time between its values by default; at least sync and at most 5m"))
	s.Required = []string{"name"}
}

// reflectSchema returns the schema of a configuration's type, without
// references, and with its values as defaults.
func reflectSchema(defaults any) *jsonschema.Schema {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: mapType}
	s := r.Reflect(defaults)
	s.Version = ""
	raw, err := json.Marshal(defaults)
	if err != nil {
		panic(fmt.Sprintf("default configuration %T: %v", defaults, err)) // a programmer's mistake
	}
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		panic(fmt.Sprintf("default configuration %T is no object: %v", defaults, err))
	}
	annotate(s, values)
	return s
}

func mapType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[scale.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
	case reflect.TypeFor[Percentage]():
		return &jsonschema.Schema{Type: "string", Pattern: percentagePattern}
	case reflect.TypeFor[Signal]():
		return &jsonschema.Schema{Ref: definition(SourceContract)}
	}
	switch t.Kind() {
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &jsonschema.Schema{Type: "integer", Minimum: "0"}
	}
	return nil
}

func definition(c Contract) string { return "#/$defs/" + string(c) }

// annotate writes default values into the properties and replaces plug-ins by
// a reference to their contract.
func annotate(s *jsonschema.Schema, values map[string]any) {
	if s == nil {
		return
	}
	annotate(s.Items, nil)
	if s.Properties == nil {
		return
	}
	for name, property := range s.Properties.FromOldest() {
		if contract, ok := property.Extras["plugin"].(string); ok {
			refer(property, Contract(contract))
			continue
		}
		below, isObject := values[name].(map[string]any)
		if v, ok := values[name]; ok && !isObject && !slices.Contains(s.Required, name) && v != nil {
			property.Default = v
		}
		annotate(property, below)
	}
}

func refer(property *jsonschema.Schema, c Contract) {
	ref := &jsonschema.Schema{Ref: definition(c), Description: property.Description}
	if property.Type == "array" {
		ref.Description = ""
		property.Items, property.Extras = ref, nil
		return
	}
	*property = *ref
}

// compile returns the schema as the loader uses it.
func compile(plugins Plugins) (*strict.Schema, error) {
	raw, err := Schema(plugins)
	if err != nil {
		return nil, err
	}
	return strict.Compile(raw, patterns())
}
