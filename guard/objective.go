package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*ObjectiveFloor)(nil)

// ObjectiveFloor never takes replicas away from a service that is missing its
// objective: while the share of requests that were not good is above what the
// objective allows, the count may not fall. The ratio is the fresh one of the
// source's window, seconds to minutes, not that of the objective's window.
type ObjectiveFloor struct {
	Objective scale.Objective
}

// Name of the guard.
func (*ObjectiveFloor) Name() string { return "objective floor" }

// Limit holds the current count against scale-down while the objective is
// violated. Without a fresh violation ratio it has no opinion: doubtful data
// is the matter of [Data], which knows the ratio as one of its signals.
func (o *ObjectiveFloor) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	ratio, ok := obs.Last(scale.ViolationRatio)
	allowed := 1 - o.Objective.Target
	if !ok || want >= obs.CurrentReplicas || ratio <= allowed {
		return want, scale.Reason{}
	}
	return obs.CurrentReplicas, scale.Because("ObjectiveViolated",
		"no scale-down to {0}: {1%} of requests miss {2s}, {3%} allowed",
		float64(want), ratio, o.Objective.Threshold.Std().Seconds(), allowed)
}

// Applied changes nothing: the rule has no memory.
func (*ObjectiveFloor) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (o *ObjectiveFloor) Snapshot() ([]byte, error) {
	return scale.Seal("guard/objective-floor", 1, o.Objective, struct{}{})
}

// Restore checks that the snapshot fits.
func (o *ObjectiveFloor) Restore(s []byte) error {
	return scale.Unseal(s, "guard/objective-floor", 1, o.Objective, &struct{}{})
}
