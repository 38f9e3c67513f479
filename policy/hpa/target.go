package hpa

import (
	"math"

	"github.com/flyball-io/flyball/scale"
)

// ofTarget proposes by one value of the whole target.
func (r *rule) ofTarget(obs *scale.Observation) scale.Proposal {
	value, ok := obs.Last(r.watched)
	switch {
	case !ok:
		return r.missing(obs)
	case r.AverageValue != nil:
		return r.total(obs, value)
	case r.utilization != 0:
		return r.ratio(obs, value, value*100/float64(r.utilization), float64(r.utilization)/100,
			"{n} {0%} against a target of {1%} over {2 ready replica}: {3}", false)
	default:
		v, exact := thousandths(value)
		return r.ratio(obs, value, v/r.target, *r.Value, "{n} {0} against a target of {1} over {2 ready replica}: {3}", exact)
	}
}

// total is GetExternalPerPodMetricReplicas (replica_calculator.go): ceil(total
// / target), unless total per existing replica is within the tolerance of
// target. With no replica that is infinite, or not a number, and the tolerance
// does not apply. Without a type the specified replicas count instead of the
// existing ones: those that start are not asked for again.
func (r *rule) total(obs *scale.Observation, value float64) scale.Proposal {
	const text = "{n} {0} at {1} per replica: {2}"
	total, exact := thousandths(value)
	if r.Type == External && total < 0 {
		total = math.MaxInt64 // it is taken for the overflow of a sum
	}
	existing := obs.CurrentReplicas
	if r.Type != "" {
		existing = obs.ObservedReplicas
	}
	if r.within(total / (r.target * float64(existing))) {
		return r.hold(existing, value, *r.AverageValue*float64(existing))
	}
	want := r.roundUp(total/r.target, exact)
	return scale.Proposal{Signal: r.Signal, Replicas: want,
		Reason: scale.Because("Target", text, value, *r.AverageValue, float64(want)).About(r.Signal)}
}

// ratio is getUsageRatioReplicaCount (replica_calculator.go): ceil(usage ×
// ready replicas); ceil(usage) when there is none at all.
func (r *rule) ratio(obs *scale.Observation, value, usage, target float64, text string, exact bool) scale.Proposal {
	if obs.CurrentReplicas == 0 {
		want := r.roundUp(usage, exact)
		return scale.Proposal{Signal: r.Signal, Replicas: want, Reason: scale.Because("Target", text, value, target, 0, float64(want)).About(r.Signal)}
	}
	if r.within(usage) {
		return r.hold(obs.CurrentReplicas, value, target)
	}
	ready := obs.ReadyReplicas()
	if r.Type != "" {
		if len(obs.Replicas) == 0 {
			return r.without(obs, "no replica is known for {n} to count on")
		}
		ready = runningAndReady(obs)
	}
	want := r.roundUp(usage*float64(ready), exact)
	if r.Type == "" && turned(usage, want, obs.CurrentReplicas) {
		// Replicas that are not ready are left out of the product. For a
		// resource the HPA keeps that from turning the direction round
		// (GetResourceReplicas), for other values it does not.
		return r.notAllReady(obs, value, target)
	}
	return scale.Proposal{Signal: r.Signal, Replicas: want,
		Reason: scale.Because("Target", text, value, target, float64(ready), float64(want)).About(r.Signal)}
}

// turned reports that a count goes down while too much is used, or up while
// too little is.
func turned(usage float64, want, current int) bool {
	return (usage > 1 && want < current) || (usage < 1 && want > current)
}

// runningAndReady counts as getReadyPodsCount does: also replicas that are
// about to go.
func runningAndReady(obs *scale.Observation) int {
	n := 0
	for i := range obs.Replicas {
		if r := &obs.Replicas[i]; r.Phase == scale.Running && r.Readiness.Known && r.Readiness.Ready {
			n++
		}
	}
	return n
}

// roundUp does not round up for the dust of a division, unless it is one of
// whole numbers as in Kubernetes, where it does.
func (r *rule) roundUp(x float64, exact bool) int {
	if r.Type == "" && (!exact || !r.exact) {
		x -= 1e-9
	}
	return replicas(x)
}

// hold keeps the specified count, not the ready one: some are still starting.
func (r *rule) hold(count int, value, target float64) scale.Proposal {
	return scale.Proposal{Signal: r.Signal, Replicas: count,
		Reason: scale.Because("WithinTolerance", "{n} {0} is within tolerance of {1}: stay at {2}",
			value, target, float64(count)).About(r.Signal)}
}

func (r *rule) notAllReady(obs *scale.Observation, value, target float64) scale.Proposal {
	return scale.Proposal{Signal: r.Signal, Replicas: obs.CurrentReplicas,
		Reason: scale.Because("NotAllReady", "{n} {0} against {1}, but with only {2} of {3 replica} ready: stay at {3}",
			value, target, float64(obs.ReadyReplicas()), float64(obs.CurrentReplicas)).About(r.Signal)}
}
