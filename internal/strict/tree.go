package strict

import (
	"slices"
	"strings"
)

// Tree is one document: its value as JSON would hold it, where each field
// stands in the file, and what is wrong so far.
type Tree struct {
	File string
	Line int // where the document starts
	// Value holds map[string]any, []any, string, json.Number, bool and nil.
	// What could not be read is left out.
	Value any
	// Readable is false when nothing of the document could be used.
	Readable bool

	spots  map[string]spot
	faults []located
}

type spot struct{ line, column int }

type located struct {
	path Path
	Fault
}

func key(path Path) string { return strings.Join(path, "\x00") }

// Faults lists what is wrong so far.
func (t *Tree) Faults() Faults {
	all := make(Faults, len(t.faults))
	for i := range t.faults {
		all[i] = t.faults[i].Fault
	}
	return all
}

// At returns the line and column of a field, or of the nearest object around
// it that is in the file.
func (t *Tree) At(path Path) (line, column int) {
	for p := path; ; p = p.Parent() {
		if s, ok := t.spots[key(p)]; ok {
			return s.line, s.column
		}
		if len(p) == 0 {
			return t.Line, 1
		}
	}
}

// Add records a fault of a field.
func (t *Tree) Add(path Path, message string) {
	line, column := t.At(path)
	t.addAt(path, spot{line, column}, message)
}

func (t *Tree) addAt(path Path, at spot, message string) {
	t.faults = append(t.faults, located{path, Fault{
		File: t.File, Line: at.line, Column: at.column, Path: path.String(), Message: message}})
}

// Shape returns what is known to be wrong with the shape of the document now.
func (t *Tree) Shape() Shape { return Shape{tree: t, known: slices.Clone(t.faults)} }

// Shape is a document whose faults of shape are known, about to be checked
// against rules.
type Shape struct {
	tree  *Tree
	known []located
}

// AddInvalid records the messages of an error that a Validate method returned
// for the object at path. A message is dropped where the shape of the
// document is at fault beside, above or below the field: it would only repeat
// that fault in other words.
func (s Shape) AddInvalid(path Path, err error) {
	for _, m := range Messages(err) {
		below, rest := SplitMessage(m)
		at := slices.Concat(path, below)
		if !slices.ContainsFunc(s.known, func(l located) bool { return related(l.path, at) }) {
			s.tree.Add(at, rest)
		}
	}
}

func related(a, b Path) bool {
	return a.HasPrefix(b) || b.HasPrefix(a) || slices.Equal(a.Parent(), b.Parent())
}

// faultBelow reports whether a fault is known at path or below it.
func (t *Tree) faultBelow(path Path) bool {
	return slices.ContainsFunc(t.faults, func(l located) bool { return l.path.HasPrefix(path) })
}

// Sound returns a copy of the value without the fields at fault. A list with
// a faulty item is left out whole, because the others would move.
func (t *Tree) Sound() any {
	v := clone(t.Value)
	for _, l := range t.faults {
		v = without(v, l.path)
	}
	return v
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = clone(e)
		}
		return s
	}
	return v
}

// removed marks a list that has to go.
type removed struct{}

func without(v any, path Path) any {
	if len(path) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		child, ok := v[path[0]]
		if !ok {
			return v
		}
		if len(path) > 1 {
			child = without(child, path[1:])
		}
		if _, gone := child.(removed); gone || len(path) == 1 {
			delete(v, path[0])
			return v
		}
		v[path[0]] = child
	case []any:
		i := index(path[0], len(v))
		if i < 0 {
			return v
		}
		if len(path) == 1 {
			return removed{}
		}
		if v[i] = without(v[i], path[1:]); v[i] == (removed{}) {
			return removed{}
		}
	}
	return v
}
