package builtin

import (
	"fmt"
	"math"
	"reflect"

	"github.com/flyball-io/flyball/scale"
)

// Change is one time constant that was divided.
type Change struct {
	Path          string
	Before, After scale.Duration
}

// String shows the change as the demo prints it: "startTimeout 30s -> 62.5ms".
func (c Change) String() string { return fmt.Sprintf("%s %v -> %v", c.Path, c.Before, c.After) }

// Compress divides every [scale.Duration] that is reachable from a
// configuration by factor, rounded to the nanosecond, and lists those that
// changed in the order of their fields. cfg must be a pointer, as Decode
// returns it; factor must be above 0. Nested plug-ins are reached when they are
// decoded, as those of [Policies.Decode] are. A field with the tag
// compress:"-" is no time constant: it stays.
func Compress(cfg any, factor float64) []Change {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.IsNil() || !(factor > 0) {
		panic(fmt.Sprintf("builtin: Compress(%T, %v) needs a pointer and a factor above 0", cfg, factor))
	}
	var changes []Change
	var visit visitor
	visit = func(v reflect.Value, path string, tag reflect.StructTag) bool {
		if p, ok := v.Interface().(scale.Plugin); ok {
			if p.Config != nil {
				walk(reflect.ValueOf(p.Config).Elem(), path+"."+p.Kind, "", visit)
			}
			return false
		}
		if v.Type() != reflect.TypeFor[scale.Duration]() || tag.Get("compress") == "-" {
			return true
		}
		before := scale.Duration(v.Int())
		after := scale.Duration(math.Round(float64(before) / factor))
		if after != before {
			v.SetInt(int64(after))
			changes = append(changes, Change{path, before, after})
		}
		return false
	}
	walk(v.Elem(), "", "", visit)
	return changes
}
