package strict

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Schema says what a document may hold.
type Schema struct {
	root *jsonschema.Schema
	// patterns puts the patterns of the schema into words, to follow "must be".
	patterns map[string]string
}

// Compile reads a JSON Schema. patterns puts regular expressions used in it
// into words: the duration pattern is "a duration with a unit, for example 30s".
func Compile(raw []byte, patterns map[string]string) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const name = "schema.json"
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("add JSON Schema: %w", err)
	}
	root, err := compiler.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("compile JSON Schema: %w", err)
	}
	return &Schema{root: root, patterns: patterns}, nil
}

// Check records everything in which the shape of a document differs from the
// schema.
func (s *Schema) Check(t *Tree) {
	err := s.root.Validate(t.Value)
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return
	}
	c := check{schema: s, tree: t, before: &Tree{faults: t.faults}}
	c.walk(top)
}

type check struct {
	schema *Schema
	tree   *Tree
	before *Tree // what was known before the check
}

// walk goes down to the causes that have none themselves.
func (c *check) walk(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		c.walk(cause)
	}
	if len(e.Causes) > 0 {
		return
	}
	path := Path(e.InstanceLocation)
	at, _ := find(c.schema.root, path)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			c.add(path.At(name), unknown(at, name))
		}
	case *kind.Required:
		for _, name := range k.Missing {
			c.add(path.At(name), "is required but missing")
		}
	default:
		c.add(path, c.sentence(e.ErrorKind, at, valueAt(c.tree.Value, path)))
	}
}

// add drops what only follows from a value that could not be read.
func (c *check) add(path Path, message string) {
	if !c.before.faultBelow(path) {
		c.tree.Add(path, message)
	}
}

// find returns the schema of the value at path.
func find(s *jsonschema.Schema, path Path) (*jsonschema.Schema, bool) {
	for s != nil && s.Ref != nil {
		s = s.Ref
	}
	if s == nil || len(path) == 0 {
		return s, s != nil
	}
	if below, ok := s.Properties[path[0]]; ok {
		return find(below, path[1:])
	}
	if below, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		return find(below, path[1:])
	}
	return find(s.Items2020, path[1:])
}

func index(key string, length int) int {
	i, err := strconv.Atoi(key)
	if err != nil || i < 0 || i >= length {
		return -1
	}
	return i
}

func valueAt(v any, path Path) any {
	for _, k := range path {
		switch parent := v.(type) {
		case map[string]any:
			v = parent[k]
		case []any:
			i := index(k, len(parent))
			if i < 0 {
				return nil
			}
			v = parent[i]
		default:
			return nil
		}
	}
	return v
}
