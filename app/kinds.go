package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// served is what the target says of the service: nothing where there is none, as
// in an evaluation.
func (s *Spec) served() target.Facts {
	if s.Target == nil {
		return target.Facts{}
	}
	return s.Target.Facts()
}

// front is what the balancer says of itself: nothing where there is none.
func (s *Spec) front() balancer.Facts {
	if s.Balancer == nil {
		return balancer.Facts{}
	}
	return s.Balancer.Facts()
}

// proxy is the configuration of the built-in balancer, nil where another one
// balances. It is the one kind that this package knows: it may be a process of
// its own.
func (s *Spec) proxy() *proxy.Config {
	own, _ := s.Balancer.(*proxy.Config)
	return own
}

func (s *Spec) decodeTarget(p scale.Plugin, plugins *builtin.Registry) error {
	cfg, err := plugins.Targets.Decode(p)
	if err != nil {
		return err
	}
	decoded, ok := cfg.(target.Config)
	if !ok {
		return fmt.Errorf("%s: flyball run cannot drive this target yet", p.Kind)
	}
	if placed, ok := cfg.(target.Placed); ok && s.doc.Metadata.Namespace != "" {
		placed.In(s.doc.Metadata.Namespace)
	}
	s.Target = decoded
	return nil
}

// decodeBalancer reads the balancer's configuration, which fills in what other
// parts of the document say: the port of the service, its readiness path and
// the objective's threshold.
func (s *Spec) decodeBalancer(p *scale.Plugin, plugins *builtin.Registry) error {
	cfg, err := plugins.Balancers.Decode(*p)
	if err != nil {
		return err
	}
	decoded, ok := cfg.(balancer.Config)
	if !ok {
		return fmt.Errorf("%s: flyball run cannot drive this balancer yet", p.Kind)
	}
	decoded.Complete(s.balanced(p))
	s.Balancer, s.topology = decoded, decoded.Facts().Topology
	if whole, ok := decoded.(builtin.Config); ok { // what was filled in need not fit
		return builtin.Under(p.Kind, whole.Validate())
	}
	return nil
}

// balanced is what a balancer may know of the service.
func (s *Spec) balanced(p *scale.Plugin) balancer.Service {
	facts := s.served()
	service := balancer.Service{
		Port: facts.Port, ReadinessPath: facts.ReadinessPath, DrainTimeout: facts.DrainTimeout, MaxReplicas: s.Max,
		States: func(field string) bool { return states(p, field) },
	}
	if s.Objective != nil {
		service.Threshold = s.Objective.Threshold
	}
	return service
}

// Ship writes what the document's balancer is to be configured with, where that
// is a program of its own.
func (s *Spec) Ship(ctx context.Context, w io.Writer, listen string) error {
	shipped, ok := s.Balancer.(balancer.Shipped)
	if !ok {
		return fmt.Errorf("%s: its balancer %s needs no configuration of its own: flyball run starts it", s.Name, s.doc.Spec.Balancer.Kind)
	}
	return shipped.Ship(ctx, w, listen, s.balanced(s.doc.Spec.Balancer))
}

// states reports whether the body of a plug-in has a field.
func states(p *scale.Plugin, field string) bool {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(p.Body, &fields); err != nil {
		return false
	}
	_, found := fields[field]
	return found
}

// Decisive names the signals that the policy decides on; nil where it is at
// fault.
func (s *Spec) Decisive() []string {
	p := s.decides()
	if p == nil {
		return nil
	}
	return append([]string{}, p.Signals()...)
}

// decides is the policy; nil where it is at fault.
func (s *Spec) decides() policy.Policy {
	if s.Policy.build == nil {
		return nil
	}
	p, err := s.Policy.build(s.env())
	if err != nil {
		return nil
	}
	return p
}

// Named are the signals that the document's sources deliver.
func (s *Spec) Named() []string { return s.named() }

// fits says that there cannot be as many replicas as the document allows.
func (s *Spec) fits() error {
	if most := s.served().Most; most > 0 && s.Max > most {
		return fmt.Errorf("must be at most %d, got %d: the target publishes each replica at a port of its own, and names no more", most, s.Max)
	}
	return nil
}

// wakes reports a service that could go to zero and never come back: nobody
// holds requests for it, and all that its policy decides on is measured of
// replicas, or by who balances them.
func (s *Spec) wakes() error {
	p := s.decides()
	if s.Min > 0 || s.Balancer == nil || s.Balancer.Facts().Holds || p == nil || policy.Wakes(p) {
		return nil
	}
	decisive := p.Signals()
	for _, src := range s.Sources {
		if src.independent && slices.ContainsFunc(src.Signals, func(name string) bool { return name == scale.QueueDepth || slices.Contains(decisive, name) }) {
			return nil
		}
	}
	why := fmt.Sprintf("what %s decides on (%s) is measured of replicas alone", s.Policy.Kind, strings.Join(decisive, ", "))
	if len(decisive) == 0 {
		why = fmt.Sprintf("%s knows no time at which it wants any", s.Policy.Kind)
	}
	return fmt.Errorf("must be at least 1 behind this balancer: it refuses requests while there is no replica, and %s, so nothing would ever wake the service; "+
		"decide on a signal that others measure (below signals: prometheus, or kubernetes with external) or on times alone (schedule), or choose the balancer builtin, which holds requests (not in an operator)", why)
}

// Claims are what no other service may do, in words that are the same for
// everybody.
func (s *Spec) Claims() []string { return slices.Concat(s.front().Claims, s.served().Claims) }

// shared is what two services would both do, in words: "takes requests at
// 127.0.0.1:80"; "" where they do not meet.
func shared(a, b *Spec) string {
	mine, other := a.front(), b.front()
	if mine.Listen != "" && mine.Listen == other.Listen && !strings.HasSuffix(mine.Listen, ":0") {
		return "takes requests at " + mine.Listen
	}
	claimed := b.Claims()
	for _, claim := range a.Claims() {
		if slices.Contains(claimed, claim) {
			return claim
		}
	}
	return ""
}
