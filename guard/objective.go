package guard

import (
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

var (
	_ Guard   = (*ObjectiveFloor)(nil)
	_ Witness = (*ObjectiveFloor)(nil)
)

// ObjectiveFloor takes no replica away that the objective needs:
//
//   - none at all while it is missed, by the fresh share of requests that were
//     not good over the source's window, seconds to minutes, not that of the
//     objective's window;
//   - none of the fewest with which the queueing model expects the objective to
//     be met at the rate measured now, once the service is known well enough:
//     not from response times alone.
//
// It adds none: to have enough is the matter of the policy.
type ObjectiveFloor struct {
	Objective scale.Objective
	// Topology is how the balancer spreads requests.
	Topology queueing.Topology
	// Curves are shared by all models of a program; nil: made here.
	Curves *queueing.Library
	// Service is what is learned of the service, where the policy learns the same;
	// nil: learned here.
	Service *capacity.Learner

	learner *capacity.Learner
}

// mostNeeded bounds what the model is asked about.
const mostNeeded = 1 << 20

// Name of the guard.
func (*ObjectiveFloor) Name() string { return "objective floor" }

// Witness learns from what is measured while the policy has no opinion: the
// service does not pause.
func (o *ObjectiveFloor) Witness(obs scale.Observation) { o.learn().Observe(&obs) }

// Limit holds what is needed against scale-down. Without a fresh violation ratio
// nobody can tell a miss: doubtful data is the matter of [Data], which knows the
// ratio as one of its signals.
func (o *ObjectiveFloor) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	o.learn().Observe(&obs)
	if want >= obs.CurrentReplicas {
		return want, scale.Reason{}
	}
	allowed, threshold := 1-o.Objective.Target, o.Objective.Threshold.Std().Seconds()
	if ratio, ok := obs.Last(scale.ViolationRatio); ok && ratio > allowed {
		return obs.CurrentReplicas, scale.Because("ObjectiveViolated",
			"no scale-down to {0}: {1%} of requests miss {2s}, {3%} allowed", float64(want), ratio, threshold, allowed)
	}
	rate, share, known := o.load(&obs)
	if !known || o.learner.Avoidable(want, rate, 0) <= share {
		return want, scale.Reason{}
	}
	floor := min(obs.CurrentReplicas, o.learner.Demand(rate, share))
	if floor <= want {
		return want, scale.Reason{}
	}
	return floor, scale.Because("ObjectiveNeeds", "{0} instead of {1}: at {2} requests/s and {3} per replica fewer would miss {4s} more often than {5%}",
		float64(floor), float64(want), rate, o.learner.PerReplica(), threshold, allowed)
}

// load is the rate now and the share of it that may violate avoidably: what the
// objective allows less what services alone take of it, but at least half: with
// less left no number of replicas mends the objective, and with more for waits the
// floor of a worse service would be lower.
func (o *ObjectiveFloor) load(obs *scale.Observation) (rate, share float64, known bool) {
	rate, measured := obs.Last(scale.RequestRate)
	facts := o.learner.Facts()
	if !measured || !(rate > 0) || facts.Uncertain {
		return 0, 0, false
	}
	allowed := 1 - o.Objective.Target
	return rate, max(allowed-facts.Intrinsic, allowed/2), true
}

// learn returns the shared learner, or the guard's own.
func (o *ObjectiveFloor) learn() *capacity.Learner {
	switch {
	case o.learner != nil:
	case o.Service != nil:
		o.learner = o.Service
	default:
		o.learner = capacity.NewLearner(capacity.Config{}, o.Objective, o.Topology, mostNeeded, o.Curves)
	}
	return o.learner
}

// Applied changes nothing: what is taken away shows in the next observation.
func (*ObjectiveFloor) Applied(time.Time, int, int) {}

// Snapshot returns what was learned of the service.
func (o *ObjectiveFloor) Snapshot() ([]byte, error) { return o.learn().Snapshot() }

// Restore checks that the snapshot fits.
func (o *ObjectiveFloor) Restore(s []byte) error { return o.learn().Restore(s) }
