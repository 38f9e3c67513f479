package app

import (
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// AsItIs is the name under which the policy of a document is judged.
const AsItIs = "document"

// Contestant is the policy of the document as it runs live: with its own rules,
// cooldown and all guards. Bounds, objective and the time between decisions are
// the scenario's.
func (s *Spec) Contestant() evaluate.Contestant {
	return evaluate.Contestant{Policy: AsItIs, Params: s.Policy.Description(), New: func(scenario *sim.Scenario) (sim.Decider, error) {
		spec := *s
		spec.Min, spec.Max, spec.Sync = scenario.Replicas.Min, scenario.Replicas.Max, scale.Duration(scenario.Sync)
		spec.Objective = s.Objective
		if s.Objective != nil {
			spec.Objective = &scenario.Objective
		}
		// What the sources of the document measure is not simulated.
		spec.Sources = nil
		return spec.judged(s.Policy)
	}}
}
