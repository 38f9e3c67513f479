package app

import (
	"slices"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/target"
)

// reached reports replicas without an address behind a balancer that is to send
// them requests: they would be ready, and every request would wait for ever.
func (s *Spec) reached() error {
	cfg, may := s.Target.(target.Reached)
	if !may || s.Balancer == nil || !s.servesRequests() {
		return nil
	}
	if missing := cfg.Unreached(); missing != nil {
		return builtin.Under(s.doc.Spec.Target.Kind, missing)
	}
	return nil
}

// servesRequests is true where the document speaks of requests. Every one has a
// balancer, the built-in one unless it says otherwise, also one of workers that
// take none.
func (s *Spec) servesRequests() bool {
	measured, stated := s.front().Signals, s.doc.Spec.Balancer
	switch {
	case len(measured) == 0: // it is somebody else's
		return false
	case s.proxy() == nil, states(stated, "listen"), s.Objective != nil:
		return true
	}
	elsewhere := s.named()
	return slices.ContainsFunc(s.Decisive(), func(name string) bool {
		return slices.Contains(measured, name) && !slices.Contains(elsewhere, name)
	})
}
