package sqlite

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// layout says how the values of a type are laid out in bytes. Its text is
// kept in the file beside what was written in it, so a field that is added,
// moved or gone later neither breaks nor silently changes old entries:
//
//	{target:s,at:t,steps:[{guard:s,from:i,to:i}]}
//
// i whole number, f number, s text, b yes or no, t time, [] list, {} fields.
type layout struct {
	kind   byte
	elem   *layout // of a list
	names  []string
	fields []*layout
	index  []int // of each field in the Go type; -1: it has none, skip it
	text   bool  // the Go value is put into text
}

// maxDepth bounds how deep layouts nest; ours go 7 deep.
const maxDepth = 16

var (
	timeType        = reflect.TypeFor[time.Time]()
	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// layoutOf returns the layout of a type. It panics at a type that has none:
// a mistake that every test shows.
func layoutOf(t reflect.Type) *layout {
	switch {
	case t == timeType:
		return &layout{kind: 't'}
	case isText(t):
		return &layout{kind: 's', text: true}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return layoutOf(t.Elem())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return &layout{kind: 'i'}
	case reflect.Float64:
		return &layout{kind: 'f'}
	case reflect.String:
		return &layout{kind: 's'}
	case reflect.Bool:
		return &layout{kind: 'b'}
	case reflect.Slice, reflect.Array:
		return &layout{kind: '[', elem: layoutOf(t.Elem())}
	case reflect.Struct:
		return structLayout(t)
	default:
		panic(fmt.Sprintf("record/sqlite: %s cannot be laid out", t))
	}
}

func isText(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && t.Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType)
}

func structLayout(t reflect.Type) *layout {
	l := &layout{kind: '{'}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || fieldName(f) == "-" {
			continue
		}
		l.names = append(l.names, fieldName(f))
		l.fields = append(l.fields, layoutOf(f.Type))
		l.index = append(l.index, i)
	}
	return l
}

// fieldName is the name in JSON, else in Go.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

func (l *layout) String() string {
	switch l.kind {
	case '[':
		return "[" + l.elem.String() + "]"
	case '{':
		var fields []string
		for i, f := range l.fields {
			fields = append(fields, l.names[i]+":"+f.String())
		}
		return "{" + strings.Join(fields, ",") + "}"
	default:
		return string(l.kind)
	}
}

var errLayout = errors.New("unknown layout")

// parseLayout reads the text of a layout and finds its fields in a type.
func parseLayout(text string, t reflect.Type) (*layout, error) {
	l, rest, err := parse(text, 0)
	if err != nil || rest != "" {
		return nil, fmt.Errorf("%w: %.40q", errLayout, text)
	}
	if !l.bind(t) {
		return nil, fmt.Errorf("%w of %s: %.40q", errLayout, t, text)
	}
	return l, nil
}

func parse(text string, depth int) (l *layout, rest string, err error) {
	if text == "" || depth > maxDepth {
		return nil, "", errLayout
	}
	l, rest = &layout{kind: text[0]}, text[1:]
	switch l.kind {
	case 'i', 'f', 's', 'b', 't':
		return l, rest, nil
	case '[':
		if l.elem, rest, err = parse(rest, depth+1); err != nil || !strings.HasPrefix(rest, "]") {
			return nil, "", errLayout
		}
		return l, rest[1:], nil
	case '{':
		return l.parseFields(rest, depth)
	default:
		return nil, "", errLayout
	}
}

func (l *layout) parseFields(text string, depth int) (*layout, string, error) {
	for !strings.HasPrefix(text, "}") {
		name, rest, found := strings.Cut(strings.TrimPrefix(text, ","), ":")
		if !found || len(l.fields) == 64 {
			return nil, "", errLayout
		}
		field, rest, err := parse(rest, depth+1)
		if err != nil {
			return nil, "", err
		}
		l.names, l.fields, l.index = append(l.names, name), append(l.fields, field), append(l.index, -1)
		text = rest
	}
	return l, text[1:], nil
}

// bind finds the fields in a Go type, and reports whether the layout fits it.
// A field that does not fit is skipped when read.
func (l *layout) bind(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer && t != timeType {
		t = t.Elem()
	}
	own := layoutKind(t)
	if own != l.kind {
		return false
	}
	switch l.kind {
	case 's':
		l.text = isText(t)
	case '[':
		return l.elem.bind(t.Elem())
	case '{':
		l.bindFields(t)
	}
	return true
}

func (l *layout) bindFields(t reflect.Type) {
	for i, name := range l.names {
		for j := range t.NumField() {
			f := t.Field(j)
			if f.IsExported() && fieldName(f) == name && l.fields[i].bind(f.Type) {
				l.index[i] = j
			}
		}
	}
}

func layoutKind(t reflect.Type) byte {
	if t.Kind() == reflect.Struct && t != timeType && !isText(t) {
		return '{'
	}
	return layoutOf(t).kind
}
