package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/scale"
)

//go:generate go test . -run IsTheGeneratedOne -update

// Load reads a configuration from a YAML file, with ${VARIABLES} expanded. The
// error is [strict.Faults]: everything that is wrong, with its line. None tells
// an address or a key.
func Load(file string, env strict.Env) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	return Parse(file, data, env)
}

// Parse is Load for what was read already.
func Parse(file string, data []byte, env strict.Env) (Config, error) {
	c := Config{Source: DefaultSource}
	trees, faults := strict.Parse(file, data, env)
	if err := faults.Err(); err != nil {
		return c, err
	}
	if len(trees) != 1 {
		return c, strict.Faults{{File: file, Line: 1, Message: fmt.Sprintf("must hold one document with receivers, and holds %d", len(trees))}}
	}
	tree := trees[0]
	schema, err := compiled()
	if err != nil {
		return c, err
	}
	schema.Check(tree)
	sound, err := json.Marshal(tree.Sound())
	if err == nil {
		err = json.Unmarshal(sound, &c)
	}
	if err != nil && len(tree.Faults()) == 0 {
		return c, errors.New("it cannot be read") // the error may quote a secret
	}
	shape := tree.Shape()
	shape.AddInvalid(nil, c.Validate())
	return c, tree.Faults().Err()
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`

// Schema returns the JSON Schema of the file, indented, as editors use it.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: func(t reflect.Type) *jsonschema.Schema {
		if t == reflect.TypeFor[scale.Duration]() {
			return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
		}
		return nil
	}}
	s := r.Reflect(Config{})
	s.Version, s.Title = jsonschema.Version, "Flyball notifications"
	return json.MarshalIndent(s, "", "  ")
}

func compiled() (*strict.Schema, error) {
	raw, err := Schema()
	if err != nil {
		return nil, err
	}
	return strict.Compile(raw, map[string]strict.Pattern{
		durationPattern: {
			Words: "a duration with a unit (ms, s, m, h, d), for example 30s",
			Valid: func(text string) bool { _, err := scale.ParseDuration(text); return err == nil },
		},
		receiverName.String(): {Words: "lower-case letters, digits and hyphens, starting and ending with a letter or digit"},
	})
}
