// Package strict reads YAML documents without mercy: every fault is found at
// once and says in a sentence which file, line and field is wrong and what is
// allowed there.
package strict

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with a document.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column  int    `json:"column,omitempty"` // from 1
	Path    string `json:"path,omitempty"`   // field, for example spec.signals[0].name
	Message string `json:"message"`
}

// String is the line that is shown: "shop.yaml:12: spec.replicas.mx: unknown field".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Path != "" {
		b.WriteString(": " + f.Path)
	}
	b.WriteString(": " + f.Message)
	return b.String()
}

// Faults is everything that is wrong, one line for each.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// Err returns the faults sorted by file and line, each once, or nil when
// there is none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	sorted := slices.Clone(f)
	slices.SortStableFunc(sorted, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(sorted)
}

// Path leads to a value of a document: keys, and indexes of lists in decimal.
type Path []string

// At returns the path of a key below p.
func (p Path) At(key string) Path { return append(slices.Clip(p), key) }

// Index returns the path of a list item below p.
func (p Path) Index(i int) Path { return p.At(strconv.Itoa(i)) }

// Parent returns the path of the object or list that holds p.
func (p Path) Parent() Path { return p[:max(len(p)-1, 0)] }

// HasPrefix reports whether p is prefix or lies below it.
func (p Path) HasPrefix(prefix Path) bool {
	return len(p) >= len(prefix) && slices.Equal(p[:len(prefix)], prefix)
}

// String writes the path as spec.signals[0].name.
func (p Path) String() string {
	var b strings.Builder
	for _, key := range p {
		_, err := strconv.Atoi(key)
		switch {
		case err == nil || strings.ContainsAny(key, ".[]: \n\t"):
			fmt.Fprintf(&b, "[%s]", shown(key))
		case b.Len() > 0:
			b.WriteString("." + key)
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

// shown keeps a key that somebody wrote on one line.
func shown(key string) string {
	quoted := strconv.Quote(key)
	return quoted[1 : len(quoted)-1]
}

// fieldPath is how the message of a Validate method starts.
var fieldPath = regexp.MustCompile(`^([A-Za-z][\w-]*(?:\[[^\]]+\]|\.[A-Za-z][\w-]*)*): `)

// SplitMessage takes the field path off the start of a message such as
// "metrics[0].signal: must not be empty".
func SplitMessage(message string) (Path, string) {
	m := fieldPath.FindStringSubmatch(message)
	if m == nil {
		return nil, message
	}
	return ParsePath(m[1]), message[len(m[0]):]
}

// ParsePath reads a path as [Path.String] writes it.
func ParsePath(text string) Path {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// Messages lists the messages of an error that joins others.
func Messages(err error) []string {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && sameText(err, joined.Unwrap()) {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, Messages(e)...)
		}
		return all
	}
	return []string{strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// sameText is true when err says nothing but what its parts say.
func sameText(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, e := range parts {
		texts[i] = e.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}
