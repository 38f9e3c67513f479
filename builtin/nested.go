package builtin

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/scale"
)

// checkNested checks the plug-ins that a configuration, given as a pointer,
// holds in its own fields.
func (r *Registry) checkNested(cfg any) error {
	var errs []error
	walk(reflect.ValueOf(cfg).Elem(), "", "", func(v reflect.Value, path string, tag reflect.StructTag) bool {
		p, ok := v.Interface().(scale.Plugin)
		if !ok {
			return true
		}
		contract, _ := strings.CutPrefix(tag.Get("jsonschema_extras"), "plugin=")
		for _, m := range strict.Messages(r.Check(v1alpha1.Contract(contract), p)) {
			if below, rest := strict.SplitMessage(m); below != nil {
				m = below.String() + ": " + rest
				errs = append(errs, fmt.Errorf("%s.%s.%s", path, p.Kind, m))
				continue
			}
			errs = append(errs, fmt.Errorf("%s: %s", path, m))
		}
		return false
	})
	return errors.Join(errs...)
}
