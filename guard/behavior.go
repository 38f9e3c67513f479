package guard

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*Behavior)(nil)

// Behavior limits how fast the count moves, as the HorizontalPodAutoscaler
// with a behavior field does (normalizeDesiredReplicasWithBehaviors,
// horizontal.go): first stabilization windows over past recommendations, then
// rate policies over past changes.
type Behavior struct {
	// Sync is the time between two decisions; one that comes much later than
	// that comes after a gap.
	Sync time.Duration

	rules  BehaviorRules
	memory behaviorMemory
}

type behaviorMemory struct {
	Recommendations []recommendation `json:"recommendations"`
	changes
}

type recommendation struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}

// setBack makes of what is in the future, because the clock was set back, a
// thing of now: it counts for its window and not until the clock comes there
// again.
func setBack(recommendations []recommendation, at time.Time) {
	for i := range recommendations {
		recommendations[i].At = earlier(recommendations[i].At, at)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// NewBehavior returns a guard that remembers nothing yet.
func NewBehavior(rules BehaviorRules) *Behavior { return &Behavior{rules: rules} }

// Name of the guard.
func (*Behavior) Name() string { return "behavior" }

// Limit stabilizes want, then limits its rate.
func (b *Behavior) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	setBack(b.memory.Recommendations, obs.At)
	b.memory.setBack(obs.At)
	stable, reason := b.stabilize(obs, want)
	limited, rateReason := b.limitRate(obs, stable)
	if limited != stable {
		reason = rateReason
	}
	return limited, reason
}

// stabilize is stabilizeRecommendationWithBehaviors: going up, the lowest
// recommendation of the up window counts; going down, the highest of the down
// window. Between the two the current count stays.
func (b *Behavior) stabilize(obs scale.Observation, want int) (int, scale.Reason) {
	if b.knowsNothing(obs.At) {
		// The count it finds is the first recommendation
		// (recordInitialRecommendation, horizontal.go).
		b.memory.Recommendations = append(b.memory.Recommendations, recommendation{At: obs.At, Replicas: obs.CurrentReplicas})
	}
	stable := b.rules.stable(b.memory.Recommendations, obs, want)
	b.remember(obs.At, want, max(b.rules.Up.StabilizationWindow.Std(), b.rules.Down.StabilizationWindow.Std()))
	return stable, b.rules.stabilized(want, stable)
}

// stable is what the recommendations of the windows make of want.
func (r *BehaviorRules) stable(recommendations []recommendation, obs scale.Observation, want int) int {
	up, down := want, want
	for _, past := range recommendations {
		age := obs.At.Sub(past.At)
		if age < r.Up.StabilizationWindow.Std() {
			up = min(up, past.Replicas)
		}
		if age < r.Down.StabilizationWindow.Std() {
			down = max(down, past.Replicas)
		}
	}
	return min(max(obs.CurrentReplicas, up), down)
}

// knowsNothing reports whether nothing of the past is known: at the start, and
// after a gap in which the controller was off or the policy had no data. What
// is remembered from before the gap says nothing of the window then. It is the
// window for going down that counts, if there is one: in doubt the count does
// not fall. Decisions that always come more seldom have no gaps.
func (b *Behavior) knowsNothing(at time.Time) bool {
	known := b.memory.Recommendations
	if len(known) == 0 {
		return true
	}
	window := b.rules.Down.StabilizationWindow.Std()
	if window == 0 {
		window = b.rules.Up.StabilizationWindow.Std()
	}
	age := at.Sub(known[len(known)-1].At)
	return window > 0 && age >= window && age > 2*b.Sync
}

func (r *BehaviorRules) stabilized(want, stable int) scale.Reason {
	switch {
	case stable > want:
		return scale.Because("ScaleDownStabilized", "{0} instead of {1}: the highest recommendation of the last {2s} counts",
			float64(stable), float64(want), r.Down.StabilizationWindow.Std().Seconds())
	case stable < want:
		return scale.Because("ScaleUpStabilized", "{0} instead of {1}: the lowest recommendation of the last {2s} counts",
			float64(stable), float64(want), r.Up.StabilizationWindow.Std().Seconds())
	}
	return scale.Reason{}
}

// remember keeps the recommendation for as long as a window can need it.
func (b *Behavior) remember(at time.Time, want int, window time.Duration) {
	if window == 0 {
		return
	}
	kept := slices.DeleteFunc(b.memory.Recommendations, func(r recommendation) bool { return at.Sub(r.At) >= window })
	b.memory.Recommendations = append(kept, recommendation{At: at, Replicas: want})
}

// limitRate is convertDesiredReplicasWithBehaviorRate, in the direction of
// travel only.
func (b *Behavior) limitRate(obs scale.Observation, want int) (int, scale.Reason) {
	current := obs.CurrentReplicas
	switch {
	case want > current:
		if limit := b.memory.upLimit(b.rules.Up, obs); want > limit {
			return limit, rateReason("ScaleUpLimit", b.rules.Up, want, limit)
		}
	case want < current:
		if limit := b.memory.downLimit(b.rules.Down, obs); want < limit {
			return limit, rateReason("ScaleDownLimit", b.rules.Down, want, limit)
		}
	}
	return want, scale.Reason{}
}

func rateReason(code string, r Rules, want, limit int) scale.Reason {
	if r.Select == selectDisabled {
		return scale.Because(code, "stay at {0} instead of {1}: this direction is disabled", float64(limit), float64(want))
	}
	return scale.Because(code, "{0} instead of {1}: the rate policies allow no more for now", float64(limit), float64(want))
}

// Applied uses up the rate of the direction.
func (b *Behavior) Applied(at time.Time, from, to int) {
	switch {
	case to > from:
		b.memory.Ups = record(b.memory.Ups, change{at, to - from}, b.rules.longestPeriod())
	case to < from:
		b.memory.Downs = record(b.memory.Downs, change{at, from - to}, b.rules.longestPeriod())
	}
}

// record adds c and forgets changes no period reaches back to.
func record(changes []change, c change, longest time.Duration) []change {
	kept := slices.DeleteFunc(changes, func(old change) bool { return c.At.Sub(old.At) >= longest })
	return append(kept, c)
}

func (r *BehaviorRules) longestPeriod() time.Duration {
	return max(r.Up.longestPeriod(), r.Down.longestPeriod())
}

// Snapshot returns the remembered recommendations and changes.
func (b *Behavior) Snapshot() ([]byte, error) {
	return scale.Seal("guard/behavior", 2, nil, b.memory)
}

// Restore takes over the remembered recommendations and changes, also those under
// other rules: what was wanted and done then does not depend on them.
func (b *Behavior) Restore(s []byte) error {
	var memory behaviorMemory
	if err := scale.Unseal(s, "guard/behavior", 2, nil, &memory); err != nil {
		return err
	}
	b.memory = memory
	return nil
}
