package balancer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Change returns what a [Reconfigurer] is to become: a valid configuration of
// the same kind that differs from the one before in no fields but those that may
// change while the balancer serves. Path is where it stands in a document, and
// fields are named as there.
func Change[C interface{ Validate() error }](path string, before C, after Config, changeable ...string) (C, error) {
	changed, same := any(after).(*C)
	if !same {
		return before, fmt.Errorf("balancer: must stay %s: another kind needs a restart of the controller", path)
	}
	errs := []error{(*changed).Validate()}
	old, fresh := reflect.ValueOf(before), reflect.ValueOf(*changed)
	for i := range old.NumField() {
		name, _, _ := strings.Cut(old.Type().Field(i).Tag.Get("json"), ",")
		if !slices.Contains(changeable, name) && !reflect.DeepEqual(old.Field(i).Interface(), fresh.Field(i).Interface()) {
			errs = append(errs, fmt.Errorf("%s.%s: needs a restart of the controller; without one may change: %s", path, name, strings.Join(changeable, ", ")))
		}
	}
	return *changed, errors.Join(errs...)
}
