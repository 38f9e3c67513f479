package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
)

// data keeps the count from falling while a signal is in doubt that must not be:
// those that policies decide on, and with an objective what says whether it is
// violated. The balancer that every target has measures it, also while there
// are no requests. Only in a simulation there may be none that tells.
func (s *Spec) data(health guard.Health, deciding func() []string) *guard.Data {
	d := &guard.Data{Deciding: deciding, Trust: s.Trust, Health: health}
	if s.Objective != nil && !s.unmeasured {
		d.Signals = []string{scale.ViolationRatio}
	}
	return d
}

// trusted reports rules for signals that nothing decides on: they would never
// come into force, most likely because the name is misspelt.
func (s *Spec) trusted() error {
	var known []string
	specs := append([]PolicySpec{s.Policy}, s.Shadows...)
	if e := s.Policy.Envelope; e != nil {
		specs = append(specs, e.Expert)
	}
	for _, spec := range specs {
		if spec.build == nil {
			return nil // at fault already
		}
		p, err := spec.build(s.env())
		if err != nil {
			return nil // at fault already
		}
		known = append(known, p.Signals()...)
	}
	if s.Objective != nil {
		known = append(known, scale.ViolationRatio)
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
