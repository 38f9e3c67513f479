// Package hpa scales by ratio like the Kubernetes HorizontalPodAutoscaler:
// each metric proposes the count that would bring it to its target, deviations
// within a tolerance propose no change, and the largest proposal wins.
//
// A metric that says its type counts exactly as in Kubernetes 1.36
// (pkg/controller/podautoscaler), which test/hpadiff proves against the
// original.
package hpa

import (
	"fmt"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "hpa", 1

var _ policy.Policy = (*Policy)(nil)

// Policy is the ratio rule. It has no memory.
type Policy struct {
	cfg       Config
	rules     []rule
	proposals []scale.Proposal
}

// New returns the policy for a valid configuration.
func New(cfg Config, env policy.Env) (*Policy, error) {
	p := &Policy{cfg: cfg}
	for _, m := range cfg.metrics() {
		p.rules = append(p.rules, newRule(m, cfg, env))
	}
	p.proposals = make([]scale.Proposal, 0, len(p.rules))
	return p, nil
}

// Signals names the signals the policy reads.
func (p *Policy) Signals() []string {
	names := make([]string, len(p.rules))
	for i := range p.rules {
		names[i] = p.rules[i].watched
	}
	return names
}

// Recommend returns the largest proposal. A metric without trustworthy data
// makes no proposal and forbids going down, as in computeReplicasForMetrics
// (horizontal.go): errors block scale-down only.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.proposals = p.proposals[:0]
	best := -1
	for i := range p.rules {
		proposal := p.rules[i].propose(&obs)
		p.proposals = append(p.proposals, proposal)
		// A wish of none gives way to any other, as there.
		if !proposal.Missing && (best < 0 || p.proposals[best].Replicas == 0 || proposal.Replicas > p.proposals[best].Replicas) {
			best = i
		}
	}
	if best < 0 {
		return scale.Recommendation{Proposals: p.proposals}, fmt.Errorf("hpa: no metric has a value: %w", scale.ErrNoData)
	}
	return p.combine(obs, p.proposals[best]), nil
}

// combine holds the count, without confidence, where the largest proposal is
// to go down and one is missing.
func (p *Policy) combine(obs scale.Observation, best scale.Proposal) scale.Recommendation {
	rec := scale.Recommendation{Replicas: max(0, best.Replicas), Reason: best.Reason, Confidence: 1, Proposals: p.proposals}
	if missing := p.missing(); missing != nil && best.Replicas < obs.CurrentReplicas {
		rec.Replicas = obs.CurrentReplicas
		rec.Reason = scale.Because("MetricMissing", "no scale-down while {n} has no trustworthy value").About(missing.Signal)
		rec.Confidence = 0
	}
	return rec
}

func (p *Policy) missing() *scale.Proposal {
	for i := range p.proposals {
		if p.proposals[i].Missing {
			return &p.proposals[i]
		}
	}
	return nil
}

// Snapshot returns the envelope alone: the rule has no memory.
func (p *Policy) Snapshot() ([]byte, error) { return scale.Seal(kind, version, p.cfg, struct{}{}) }

// Restore checks that the snapshot is of the same configuration.
func (p *Policy) Restore(snapshot []byte) error {
	return scale.Unseal(snapshot, kind, version, p.cfg, &struct{}{})
}
