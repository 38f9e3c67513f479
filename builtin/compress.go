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
// returns it; factor must be above 0. Bodies of nested plug-ins that are
// still raw are not reached.
func Compress(cfg any, factor float64) []Change {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.IsNil() || !(factor > 0) {
		panic(fmt.Sprintf("builtin: Compress(%T, %v) needs a pointer and a factor above 0", cfg, factor))
	}
	var changes []Change
	walk(v.Elem(), "", "", func(v reflect.Value, path string, _ reflect.StructTag) bool {
		if v.Type() != reflect.TypeFor[scale.Duration]() {
			return true
		}
		before := scale.Duration(v.Int())
		after := scale.Duration(math.Round(float64(before) / factor))
		if after != before {
			v.SetInt(int64(after))
			changes = append(changes, Change{path, before, after})
		}
		return false
	})
	return changes
}
