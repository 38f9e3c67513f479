// Package hpa scales by ratio like the Kubernetes HorizontalPodAutoscaler:
// each metric proposes the count that would bring it to its target, deviations
// within a tolerance propose no change, and the largest proposal wins.
package hpa

import (
	"fmt"
	"math"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "hpa", 1

var _ policy.Policy = (*Policy)(nil)

// Policy is the ratio rule. It has no memory.
type Policy struct {
	cfg       Config
	metrics   []Metric
	proposals []scale.Proposal
}

// New returns the policy for a valid configuration.
func New(cfg Config, _ policy.Env) (*Policy, error) {
	metrics := cfg.metrics()
	return &Policy{cfg: cfg, metrics: metrics, proposals: make([]scale.Proposal, 0, len(metrics))}, nil
}

// Signals names the signals the policy reads.
func (p *Policy) Signals() []string {
	names := make([]string, len(p.metrics))
	for i, m := range p.metrics {
		names[i] = m.Signal
	}
	return names
}

// Recommend returns the largest proposal. A metric without trustworthy data
// makes no proposal and forbids going down, as in computeReplicasForMetrics
// (horizontal.go): errors block scale-down only.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.proposals = p.proposals[:0]
	best := -1
	for _, m := range p.metrics {
		proposal := p.propose(obs, m)
		p.proposals = append(p.proposals, proposal)
		if !proposal.Missing && (best < 0 || proposal.Replicas > p.proposals[best].Replicas) {
			best = len(p.proposals) - 1
		}
	}
	if best < 0 {
		return scale.Recommendation{Proposals: p.proposals}, fmt.Errorf("hpa: no metric has a value: %w", scale.ErrNoData)
	}
	return p.combine(obs, p.proposals[best]), nil
}

func (p *Policy) combine(obs scale.Observation, best scale.Proposal) scale.Recommendation {
	rec := scale.Recommendation{Replicas: best.Replicas, Reason: best.Reason, Confidence: 1, Proposals: p.proposals}
	if missing := p.missing(); missing != nil && rec.Replicas < obs.CurrentReplicas {
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

// propose computes one metric's count.
func (p *Policy) propose(obs scale.Observation, m Metric) scale.Proposal {
	value, ok := obs.Last(m.Signal)
	if !ok {
		return scale.Proposal{Signal: m.Signal, Missing: true, Replicas: obs.CurrentReplicas,
			Reason: scale.Because("NoData", "{n} has no trustworthy value").About(m.Signal)}
	}
	switch {
	case m.AverageValue != 0:
		return p.perReplica(obs, m, value)
	case m.AverageUtilization != 0:
		return p.ratio(obs, m, value, float64(m.AverageUtilization)/100,
			"{n} {0%} against a target of {1%} over {2} ready replicas: {3}")
	default:
		return p.ratio(obs, m, value, m.Value, "{n} {0} against a target of {1} over {2} ready replicas: {3}")
	}
}

// perReplica is GetExternalPerPodMetricReplicas (replica_calculator.go):
// ceil(total / target), unless total per specified replica is within the
// tolerance of target. With no replica the tolerance does not apply.
func (p *Policy) perReplica(obs scale.Observation, m Metric, total float64) scale.Proposal {
	const text = "{n} {0} at {1} per replica: {2}"
	if obs.CurrentReplicas > 0 && p.within(m, total/(m.AverageValue*float64(obs.CurrentReplicas))) {
		return p.hold(obs, m, total, m.AverageValue*float64(obs.CurrentReplicas))
	}
	want := replicas(total / m.AverageValue)
	return scale.Proposal{Signal: m.Signal, Replicas: want,
		Reason: scale.Because("Target", text, total, m.AverageValue, float64(want)).About(m.Signal)}
}

// ratio is GetObjectMetricReplicas (replica_calculator.go): ceil(value /
// target × ready replicas); ceil(value / target) when there is none at all.
func (p *Policy) ratio(obs scale.Observation, m Metric, value, target float64, text string) scale.Proposal {
	usage := value / target
	if obs.CurrentReplicas > 0 && p.within(m, usage) {
		return p.hold(obs, m, value, target)
	}
	ready := obs.ReadyReplicas()
	want := replicas(usage * float64(ready))
	if obs.CurrentReplicas == 0 {
		want = replicas(usage)
	} else if (usage > 1 && want < obs.CurrentReplicas) || (usage < 1 && want > obs.CurrentReplicas) {
		// Replicas that are not ready are left out of the product: it must not
		// turn the direction round (GetResourceReplicas).
		return p.contradiction(obs, m, value, target)
	}
	return scale.Proposal{Signal: m.Signal, Replicas: want,
		Reason: scale.Because("Target", text, value, target, float64(ready), float64(want)).About(m.Signal)}
}

func (p *Policy) within(m Metric, usage float64) bool {
	tolerance := p.cfg.Tolerance
	if m.Tolerance != nil {
		tolerance = *m.Tolerance
	}
	return 1-tolerance <= usage && usage <= 1+tolerance
}

// hold keeps the specified count, not the ready one: some are still starting.
func (p *Policy) hold(obs scale.Observation, m Metric, value, target float64) scale.Proposal {
	return scale.Proposal{Signal: m.Signal, Replicas: obs.CurrentReplicas,
		Reason: scale.Because("WithinTolerance", "{n} {0} is within tolerance of {1}: stay at {2}",
			value, target, float64(obs.CurrentReplicas)).About(m.Signal)}
}

func (p *Policy) contradiction(obs scale.Observation, m Metric, value, target float64) scale.Proposal {
	return scale.Proposal{Signal: m.Signal, Replicas: obs.CurrentReplicas,
		Reason: scale.Because("NotAllReady", "{n} {0} against {1}, but only {2} of {3} replicas are ready: stay at {3}",
			value, target, float64(obs.ReadyReplicas()), float64(obs.CurrentReplicas)).About(m.Signal)}
}

// replicas rounds up, but not for the dust of a division: 2.1/0.7 is 3, not 4.
func replicas(x float64) int {
	return int(math.Min(math.Ceil(x-1e-9), math.MaxInt32))
}

// Snapshot returns the envelope alone: the rule has no memory.
func (p *Policy) Snapshot() ([]byte, error) { return scale.Seal(kind, version, p.cfg, struct{}{}) }

// Restore checks that the snapshot is of the same configuration.
func (p *Policy) Restore(snapshot []byte) error {
	return scale.Unseal(snapshot, kind, version, p.cfg, &struct{}{})
}
