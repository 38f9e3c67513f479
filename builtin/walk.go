package builtin

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// visitor is told of a value, its path in JSON names and the tag of the field
// that holds it. It returns false to stay out of the value.
type visitor func(v reflect.Value, path string, tag reflect.StructTag) bool

// walk visits every exported value reachable from v, which must be settable:
// outer ones first, fields in their order, map entries sorted by key. What a
// visitor sets inside a map or an interface is put back.
func walk(v reflect.Value, path string, tag reflect.StructTag, visit visitor) {
	if !visit(v, path, tag) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, tag, visit)
		}
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(walkCopy(v.Elem(), path, tag, visit))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				walk(v.Field(i), fieldPath(path, f), f.Tag, visit)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), tag, visit)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, k := range keys {
			v.SetMapIndex(k, walkCopy(v.MapIndex(k), fmt.Sprintf("%s[%v]", path, k), tag, visit))
		}
	}
}

// walkCopy walks a copy of a value that cannot be set where it is.
func walkCopy(v reflect.Value, path string, tag reflect.StructTag, visit visitor) reflect.Value {
	settable := reflect.New(v.Type()).Elem()
	settable.Set(v)
	walk(settable, path, tag, visit)
	return settable
}

// fieldPath is the path of a field as JSON has it: an embedded struct without
// a name of its own adds nothing.
func fieldPath(path string, f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "" && f.Anonymous:
		return path
	case name == "":
		name = f.Name
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
