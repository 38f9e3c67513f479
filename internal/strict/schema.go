package strict

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Schema says what a document may hold.
type Schema struct {
	root     *jsonschema.Schema
	patterns map[string]Pattern
}

// Pattern is what is behind a regular expression of a schema.
type Pattern struct {
	// Words say what matches, to follow "must be": "a duration with a unit".
	Words string
	// Valid checks what the expression is too weak to say; nil: nothing.
	Valid func(text string) bool
}

// Compile reads a JSON Schema. patterns tells what is behind the regular
// expressions used in it.
func Compile(raw []byte, patterns map[string]Pattern) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.UseRegexpEngine(func(expression string) (jsonschema.Regexp, error) {
		r, err := regexp.Compile(expression)
		return matcher{r, patterns[expression].Valid}, err
	})
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

// matcher is an expression with what it is too weak to say.
type matcher struct {
	*regexp.Regexp
	valid func(string) bool
}

func (m matcher) MatchString(text string) bool {
	return m.Regexp.MatchString(text) && (m.valid == nil || m.valid(text))
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
	if _, choice := e.ErrorKind.(*kind.OneOf); choice {
		c.choice(Path(e.InstanceLocation))
		return
	}
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

// choice records what is wrong with the choice of a plug-in.
func (c *check) choice(path Path) {
	at, _ := find(c.schema.root, path)
	if message := notOne(at, valueAt(c.tree.Value, path)); message != "" {
		c.add(path, message)
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
