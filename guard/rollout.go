package guard

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*Rollout)(nil)

// RolloutConfig says how long a rollout may hold the count.
type RolloutConfig struct {
	// MaxHold is the longest hold, from the beginning of the rollout; 0 = no
	// hold.
	MaxHold scale.Duration `json:"maxHold" jsonschema:"description=longest time for which a rollout in progress holds the count; 0s = not at all"`
}

// DefaultRollout holds for ten minutes, the time after which Kubernetes calls
// a rollout stuck (progressDeadlineSeconds).
func DefaultRollout() RolloutConfig { return RolloutConfig{MaxHold: scale.Duration(10 * time.Minute)} }

// Validate reports every fault.
func (c RolloutConfig) Validate() error {
	if c.MaxHold < 0 {
		return fmt.Errorf("maxHold: must not be negative, got %v", c.MaxHold)
	}
	return nil
}

// Rollout holds the count while replicas are being replaced by others of a
// changed definition: those that start use more than they will, and those
// that are gone make the rest look overloaded. What users feel is stronger: a
// violated objective or requests that wait for a replica allow a scale-up.
// A rollout that is stuck holds nothing once MaxHold is over.
type Rollout struct {
	Config RolloutConfig
	// Objective is nil without one.
	Objective *scale.Objective
}

// Name of the guard.
func (*Rollout) Name() string { return "rollout" }

// Limit holds the current count during a rollout.
func (r *Rollout) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	left, holds := r.left(&obs)
	if !holds || want == obs.CurrentReplicas || (want > obs.CurrentReplicas && r.suffering(&obs)) {
		return want, scale.Reason{}
	}
	return obs.CurrentReplicas, scale.Because(scale.RolloutInProgress,
		"{0} instead of {1} during a rollout, for {2s} at most", float64(obs.CurrentReplicas), float64(want), left.Seconds())
}

// left is the rest of the hold. A rollout that began in the future, by a
// clock that was set back, holds no longer than any other.
func (r *Rollout) left(obs *scale.Observation) (time.Duration, bool) {
	c := condition(obs, scale.RolloutInProgress)
	if c == nil {
		return 0, false
	}
	left := r.Config.MaxHold.Std() - obs.At.Sub(c.Since).Abs()
	return left, left > 0
}

// suffering reports whether users feel a lack of replicas now.
func (r *Rollout) suffering(obs *scale.Observation) bool {
	return obs.Waiting() || violated(obs, r.Objective)
}

// violated reports whether more requests than the objective allows are not
// good, by a fresh ratio.
func violated(obs *scale.Observation, o *scale.Objective) bool {
	if o == nil {
		return false
	}
	ratio, ok := obs.Last(scale.ViolationRatio)
	return ok && ratio > 1-o.Target
}

// Condition says that a rollout may hold the count.
func (r *Rollout) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	left, holds := r.left(&obs)
	if !holds {
		return time.Time{}, scale.Reason{}, false
	}
	return condition(&obs, scale.RolloutInProgress).Since, scale.Because(scale.RolloutInProgress,
		"a rollout holds the count for {0s} at most", left.Seconds()), true
}

// Applied changes nothing: the rule has no memory.
func (*Rollout) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (r *Rollout) Snapshot() ([]byte, error) { return scale.Seal("guard/rollout", 1, r, struct{}{}) }

// Restore checks that the snapshot fits.
func (r *Rollout) Restore(s []byte) error {
	return scale.Unseal(s, "guard/rollout", 1, r, &struct{}{})
}
