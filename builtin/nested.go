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

// eachNested visits the plug-ins that a configuration, given as a pointer,
// holds in its own fields, with their path and contract.
func eachNested(cfg any, visit func(p *scale.Plugin, path string, c v1alpha1.Contract)) {
	walk(reflect.ValueOf(cfg).Elem(), "", "", func(v reflect.Value, path string, tag reflect.StructTag) bool {
		p, ok := v.Addr().Interface().(*scale.Plugin)
		if !ok {
			return true
		}
		contract, _ := strings.CutPrefix(tag.Get("jsonschema_extras"), "plugin=")
		visit(p, path, v1alpha1.Contract(contract))
		return false
	})
}

// checkNested checks the plug-ins that a configuration, given as a pointer,
// holds in its own fields.
func (r *Registry) checkNested(cfg any) error {
	var errs []error
	eachNested(cfg, func(p *scale.Plugin, path string, c v1alpha1.Contract) {
		errs = append(errs, below(path, p.Kind, r.Check(c, *p)))
	})
	return errors.Join(errs...)
}

// below puts the path of a nested plug-in before each message about it.
func below(path, kind string, err error) error {
	var errs []error
	for _, m := range strict.Messages(err) {
		if field, rest := strict.SplitMessage(m); field != nil {
			errs = append(errs, fmt.Errorf("%s.%s.%s: %s", path, kind, field, rest))
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %s", path, m))
	}
	return errors.Join(errs...)
}
