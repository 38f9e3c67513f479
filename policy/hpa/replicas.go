package hpa

import (
	"math"

	"github.com/flyball-io/flyball/scale"
)

// tally is what the replicas of a target add up to, for one metric, in
// thousandths: groupPods and calculateRequests (replica_calculator.go).
type tally struct {
	ready, unready, missing int
	usage, requests         int64 // of the ready ones
	unreadyRequests         int64
	missingRequests         int64
	// missingFallback is what the missing ones are taken to use when the
	// others use too little.
	missingFallback int64
}

// count groups the replicas, in the order of groupPods. It is false when a
// replica requests nothing of the resource that is a share of the request.
func (r *rule) count(obs *scale.Observation, measured measurement) (t tally, ok bool) {
	for i := range obs.Replicas {
		replica := &obs.Replicas[i]
		request, requested := int64(0), true
		if r.utilization != 0 {
			request, requested = r.request(replica, measured)
		}
		if !requested {
			return t, false // also of one that does not count
		}
		u, sampled := r.usage(replica, request, measured)
		switch {
		case !replica.DeletedAt.IsZero() || replica.Phase == scale.Failed:
		case replica.Phase == scale.Pending, sampled && r.startsUp(replica, u, obs.At):
			t.unready++
			t.unreadyRequests += request
		case !sampled:
			t.missing++
			t.missingRequests += request
			t.missingFallback += r.fallback(request)
		default:
			t.ready++
			t.requests += request
			t.usage += u.amount
		}
	}
	return t, true
}

// fallback is what a replica that is not measured is taken to use when the
// others use too little: all it requests, or the target where that is more;
// of a plain value exactly the target.
func (r *rule) fallback(request int64) int64 {
	if r.utilization == 0 {
		return int64(r.target)
	}
	return request * int64(max(100, r.utilization)) / 100
}

// ratioOf is what the counted replicas use per target, and that usage: in
// percent or in thousandths. Both are cut to whole numbers first, as
// GetResourceUtilizationRatio and GetMetricUsageRatio (metrics/utilization.go)
// do. Some must be counted, and for a utilization request something.
func (r *rule) ratioOf(t tally) (ratio, used float64) {
	if r.utilization != 0 {
		percent := int32(min(t.usage, math.MaxInt64/100) * 100 / t.requests)
		return float64(percent) / float64(r.utilization), float64(percent)
	}
	average := t.usage / int64(t.ready)
	return float64(average) / r.target, float64(average)
}

// byReplica is GetResourceReplicas and calcPlainMetricReplicas.
func (r *rule) byReplica(obs *scale.Observation, measured measurement) scale.Proposal {
	if measured == none {
		return r.without(obs, "no replica is measured for {n}")
	}
	t, requested := r.count(obs, measured)
	switch {
	case t.ready == 0 && requested:
		return r.without(obs, "{n} is measured of no replica that counts: {0} not ready, {1} not measured", float64(t.unready), float64(t.missing))
	case !requested || r.utilization != 0 && t.requests == 0:
		return r.without(obs, "{n} is a share of what is requested, and a replica requests nothing")
	}
	ratio, used := r.ratioOf(t)
	upWithUnready := t.unready > 0 && ratio > 1
	if !upWithUnready && t.missing == 0 {
		if r.within(ratio) {
			return r.stay(obs, used)
		}
		want := replicas(ratio * float64(t.ready))
		if r.Type == "" && turned(ratio, want, obs.CurrentReplicas) {
			return r.notAllReady(obs, used/100, float64(r.utilization)/100) // the others are not even listed
		}
		return r.move(want, used, t)
	}
	// Some are not known. They are taken to use what makes the change smaller,
	// and what is left of it must still go the same way.
	careful := r.assume(t, ratio)
	again, _ := r.ratioOf(careful)
	if r.within(again) && r.within(ratio) {
		return r.stay(obs, used)
	}
	if r.within(again) || (ratio < 1 && again > 1) || (ratio > 1 && again < 1) {
		return r.uncertain(obs, used, t)
	}
	want := replicas(again * float64(careful.ready))
	if turned(again, want, obs.CurrentReplicas) {
		return r.uncertain(obs, used, t)
	}
	return r.move(want, used, careful)
}

// assume counts the replicas of which nothing is known as well: with nothing
// used when too much is used otherwise, those not measured with their fallback
// when it is too little.
func (r *rule) assume(t tally, ratio float64) tally {
	all := t
	if ratio != 1 {
		all.ready += t.missing
		all.requests += t.missingRequests
	}
	if ratio < 1 {
		all.usage += t.missingFallback
	}
	if t.unready > 0 && ratio > 1 {
		all.ready += t.unready
		all.requests += t.unreadyRequests
	}
	return all
}

// The answers show a utilization as a percentage and anything else per replica
// in its unit.
func (r *rule) move(want int, used float64, t tally) scale.Proposal {
	return r.answer(want, used, float64(t.ready), float64(want), "Target",
		"{n} {0%} against a target of {1%} over {2 replica}: {3}", "{n} {0} per replica against a target of {1} over {2 replica}: {3}")
}

func (r *rule) stay(obs *scale.Observation, used float64) scale.Proposal {
	return r.answer(obs.CurrentReplicas, used, float64(obs.CurrentReplicas), 0, "WithinTolerance",
		"{n} {0%} is within tolerance of {1%}: stay at {2}", "{n} {0} per replica is within tolerance of {1}: stay at {2}")
}

func (r *rule) uncertain(obs *scale.Observation, used float64, t tally) scale.Proposal {
	return r.answer(obs.CurrentReplicas, used, float64(t.missing+t.unready), float64(obs.CurrentReplicas), "NotAllReady",
		"{n} {0%} against {1%}, but {2 replica} not ready or not measured may change that: stay at {3}",
		"{n} {0} per replica against {1}, but {2 replica} not ready or not measured may change that: stay at {3}")
}

func (r *rule) answer(count int, used, a, b float64, code, percent, plain string) scale.Proposal {
	target, text, unit := r.target, plain, 1000.0
	if r.utilization != 0 {
		target, text, unit = float64(r.utilization), percent, 100
	}
	return scale.Proposal{Signal: r.Signal, Replicas: count, Reason: scale.Because(code, text, used/unit, target/unit, a, b).About(r.Signal)}
}
