package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a document; far above any honest one.
const (
	maxDepth  = 50
	maxValues = 10000
)

// Parse reads all documents of a file. Empty documents are passed over. A
// syntax error ends the reading; the documents before it are returned.
func Parse(file string, data []byte, env Env) ([]*Tree, Faults) {
	var trees []*Tree
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return trees, nil
		}
		if err != nil {
			return trees, Faults{syntaxFault(file, data, err)}
		}
		if root := doc.Content[0]; root.ShortTag() != "!!null" {
			trees = append(trees, build(file, root, env))
		}
	}
}

var (
	syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// parserError are the messages for which the library counts lines from 0.
	parserError = regexp.MustCompile(`did not find expected (node content|key|'-' indicator|',' or|<document start>)|undefined tag handle`)
	// inFlow finds ${ without quotes inside { } or [ ].
	inFlow = regexp.MustCompile(`(?m)^[^"'#\n]*[^$"'#\n][{\[][^"'#\n]*\$\{`)
	// tabIndent finds a tab before the first character of a line.
	tabIndent = regexp.MustCompile(`(?m)^ *\t`)
)

func syntaxFault(file string, data []byte, err error) Fault {
	text := err.Error()
	f := Fault{File: file, Line: 1, Message: "not valid YAML: " + strings.ReplaceAll(syntaxError.ReplaceAllString(text, ""), "\n", " ")}
	if m := syntaxError.FindStringSubmatch(text); m != nil && m[1] != "" {
		f.Line, _ = strconv.Atoi(m[1])
		if parserError.MatchString(text) {
			f.Line++
		}
	}
	explain := func(found *regexp.Regexp, sentence string) {
		if at := found.FindIndex(data); at != nil {
			f.Line, f.Message = 1+bytes.Count(data[:at[1]], []byte("\n")), "not valid YAML: "+sentence
		}
	}
	switch {
	case strings.Contains(text, "cannot start any token"), strings.Contains(text, "tab character"):
		explain(tabIndent, "a tab is used for indentation; use spaces")
	case strings.Contains(text, "expected ',' or"):
		explain(inFlow, "${...} must not stand without quotes inside {...} or [...]; give it a line of its own")
	}
	return f
}

// maxNumber is the limit up to which a JSON reader need not round a whole
// number.
const maxNumber = 1 << 53

// builder turns the nodes of one document into a value.
type builder struct {
	tree   *Tree
	env    Env
	values int
	full   bool // a limit was reached; nothing more is read
}

func build(file string, root *yaml.Node, env Env) *Tree {
	b := &builder{env: env, tree: &Tree{File: file, Line: root.Line, spots: map[string]spot{}}}
	b.tree.Value, b.tree.Readable = b.value(nil, root)
	return b.tree
}

func (b *builder) fault(path Path, n *yaml.Node, format string, args ...any) (any, bool) {
	b.tree.addAt(path, spot{n.Line, n.Column}, fmt.Sprintf(format, args...))
	return nil, false
}

// value returns false when the node cannot be used; the fault is recorded.
func (b *builder) value(path Path, n *yaml.Node) (any, bool) {
	if b.full {
		return nil, false
	}
	if b.values++; b.values > maxValues || len(path) > maxDepth {
		b.full = true
		return b.fault(nil, n, "the document is too large: at most %d values (aliases counted wherever they are used), nested %d deep", maxValues, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.value(path, n.Alias)
	case yaml.MappingNode:
		return b.mapping(path, n)
	case yaml.SequenceNode:
		return b.sequence(path, n)
	default:
		return b.scalar(path, n)
	}
}

func (b *builder) mapping(path Path, n *yaml.Node) (any, bool) {
	if tag := n.ShortTag(); tag != "!!map" {
		return b.fault(path, n, "the tag %s is not supported", tag)
	}
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		b.entry(path, m, k, v)
	}
	return m, !b.full
}

func (b *builder) entry(path Path, m map[string]any, k, v *yaml.Node) {
	switch tag := k.ShortTag(); {
	case tag == "!!merge":
		b.fault(path, k, "merge keys (<<) are not supported; repeat the fields")
		return
	case k.Kind != yaml.ScalarNode || tag != "!!str":
		b.fault(path, k, "a key must be a string, got %s", nodeWords(k))
		return
	}
	at := path.At(k.Value)
	if first, ok := b.tree.spots[key(at)]; ok {
		b.fault(at, k, "is given twice; first on line %d", first.line)
		return
	}
	b.tree.spots[key(at)] = spot{k.Line, k.Column}
	if value, ok := b.value(at, v); ok {
		m[k.Value] = value
	}
}

// sequence is of no use when one of its items is not.
func (b *builder) sequence(path Path, n *yaml.Node) (any, bool) {
	if tag := n.ShortTag(); tag != "!!seq" {
		return b.fault(path, n, "the tag %s is not supported", tag)
	}
	list, sound := make([]any, len(n.Content)), true
	for i, item := range n.Content {
		at := path.Index(i)
		b.tree.spots[key(at)] = spot{item.Line, item.Column}
		value, ok := b.value(at, item)
		list[i], sound = value, sound && ok
	}
	return list, sound
}

func (b *builder) scalar(path Path, n *yaml.Node) (any, bool) {
	expanded, err := expand(n.Value, b.env)
	if err != nil {
		return b.fault(path, n, "%v", err)
	}
	if expanded != n.Value {
		n = reread(n, expanded)
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp":
		return n.Value, true
	case "!!null":
		return nil, true
	case "!!bool":
		var v bool
		err = n.Decode(&v)
		return v, err == nil
	case "!!int", "!!float":
		return b.number(path, n)
	default:
		return b.fault(path, n, "the tag %s is not supported", tag)
	}
}

// reread gives a plain scalar the type that its expanded text has:
// ${MAX:-20} is a number. A quoted one stays a string.
func reread(n *yaml.Node, text string) *yaml.Node {
	again := *n
	again.Value = text
	if n.Style == 0 {
		again.Tag = ""
	}
	return &again
}

func (b *builder) number(path Path, n *yaml.Node) (any, bool) {
	var f float64
	err := n.Decode(&f)
	if err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return b.fault(path, n, "must be a finite number, got %s", n.Value)
	}
	if err != nil || !(math.Abs(f) <= maxNumber) {
		return b.fault(path, n, "must be a number of at most %d, got %s", int64(maxNumber), Words(json.Number(n.Value)))
	}
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64)), true
}

func nodeWords(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return Words(json.Number(n.Value))
	}
	return "a list or an object"
}
