package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// trusted reports rules for signals that no policy decides on: they would
// never come into force, most likely because the name is misspelt.
func (s *Spec) trusted() error {
	var known []string
	for _, spec := range append([]PolicySpec{s.Policy}, s.Shadows...) {
		if spec.build == nil {
			return nil // at fault already
		}
		p, err := spec.build(s.env())
		if err != nil {
			return nil // at fault already
		}
		known = append(known, p.Signals()...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	var errs []error
	for i, rules := range s.Trust.Signals {
		if !slices.Contains(known, rules.Name) {
			errs = append(errs, fmt.Errorf("signals[%d].name: no policy decides on %q; they decide on: %s", i, rules.Name, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}
