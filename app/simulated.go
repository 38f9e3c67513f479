package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Simulated readies a spec for a simulated service, of which only the named
// signals are measured: the sources of the document are not asked. It returns
// a line for each of them and for each shadow that has nothing to decide on.
// The policy must be able to decide; it would hold for ever otherwise.
func (s *Spec) Simulated(signals []string) (notes []string, err error) {
	for _, src := range s.Sources {
		note := fmt.Sprintf("signal %s: %s is not asked: ", src.Signal, src.Plugin.Kind)
		if slices.Contains(signals, src.Signal) {
			note += "it is measured of the simulated service"
		} else {
			note += "it cannot be simulated, and is absent"
		}
		notes = append(notes, note)
	}
	s.Sources, s.simulated = nil, true
	needs, err := s.Needs()
	if err != nil {
		return nil, err
	}
	for _, need := range needs {
		if cfg, is := need.Config.(*advised.Advisor); is && cfg.Simulated == nil {
			notes = append(notes, "policy advised: no language model is asked: a simulated one that advises well stands in")
		}
	}
	faults := at(s.doc, "spec.policy", s.unsimulated(s.Policy, signals))
	for _, shadow := range s.Shadows {
		if err := s.unsimulated(shadow, signals); err != nil {
			notes = append(notes, "shadow "+err.Error())
		}
	}
	_, err = s.Plan()
	faults = append(faults, at(s.doc, "spec", err)...)
	return notes, faults.Err()
}

// unsimulated reports the signals that a policy decides on and that are none of
// those.
func (s *Spec) unsimulated(spec PolicySpec, signals []string) error {
	p, err := spec.build(s.env())
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(p.Signals()), func(name string) bool { return slices.Contains(signals, name) })
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s decides on %s, which cannot be simulated; a simulation has: %s", spec.Name, strings.Join(missing, ", "), strings.Join(signals, ", "))
}

// unpromised is how a service without an objective is judged: nothing is
// promised, but what would be a good request is counted.
func unpromised() scale.Objective {
	o := sim.Default().Objective
	o.Target = 0.001
	return o
}

// Scenario is the simulation of the service that the spec says: base, with the
// bounds, objective and times of the document, and measured as the live loop
// measures. Scrape and window of base hold where they are set, and so does its
// name: services of one name meet the same chances.
func (s *Spec) Scenario(base sim.Scenario) sim.Scenario {
	base.Sync, base.Service.Topology = s.Sync.Std(), s.topology
	base.Replicas.Min, base.Replicas.Max, base.Replicas.Drain = s.Min, s.Max, s.served().DrainTimeout.Std()
	base.Objective = unpromised()
	if s.Objective != nil {
		base.Objective = *s.Objective
	} else if stated := s.front().Threshold; stated > 0 {
		base.Objective.Threshold = stated
	}
	m := &base.Metrics
	m.BalancerInterval, m.BalancerWindow = s.interval(), window(s.front().Window)
	m.Scrape, m.Window = or(m.Scrape, s.interval()), or(m.Window, or(window(s.served().Window), usualWindow))
	return base
}

// usualWindow is that of a target of the simulation where the live one averages
// nothing.
const usualWindow = 15 * time.Second

// window is 0 where nothing is averaged.
func window(d *scale.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Std()
}

func or(a, b time.Duration) time.Duration {
	if a != 0 {
		return a
	}
	return b
}
