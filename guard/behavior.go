package guard

import (
	"math"
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
	Ups             []change         `json:"ups"`
	Downs           []change         `json:"downs"`
}

type recommendation struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}

// change is an applied change; Replicas is its size, always positive.
type change struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}

// setBack makes of what is in the future, because the clock was set back, a
// thing of now: it counts for its window and not until the clock comes there
// again.
func (m *behaviorMemory) setBack(at time.Time) {
	for i := range m.Recommendations {
		m.Recommendations[i].At = earlier(m.Recommendations[i].At, at)
	}
	for _, changes := range [][]change{m.Ups, m.Downs} {
		for i := range changes {
			changes[i].At = earlier(changes[i].At, at)
		}
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
	up, down := want, want
	upWindow, downWindow := b.rules.Up.StabilizationWindow.Std(), b.rules.Down.StabilizationWindow.Std()
	for _, r := range b.memory.Recommendations {
		age := obs.At.Sub(r.At)
		if age < upWindow {
			up = min(up, r.Replicas)
		}
		if age < downWindow {
			down = max(down, r.Replicas)
		}
	}
	b.remember(obs.At, want, max(upWindow, downWindow))
	stable := obs.CurrentReplicas
	if stable < up {
		stable = up
	}
	if stable > down {
		stable = down
	}
	return stable, b.stabilized(want, stable)
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

func (b *Behavior) stabilized(want, stable int) scale.Reason {
	switch {
	case stable > want:
		return scale.Because("ScaleDownStabilized", "{0} instead of {1}: the highest recommendation of the last {2s} counts",
			float64(stable), float64(want), b.rules.Down.StabilizationWindow.Std().Seconds())
	case stable < want:
		return scale.Because("ScaleUpStabilized", "{0} instead of {1}: the lowest recommendation of the last {2s} counts",
			float64(stable), float64(want), b.rules.Up.StabilizationWindow.Std().Seconds())
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
		if limit := max(current, b.upLimit(obs)); want > limit {
			return limit, rateReason("ScaleUpLimit", b.rules.Up, want, limit)
		}
	case want < current:
		if limit := min(current, b.downLimit(obs)); want < limit {
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

// upLimit is calculateScaleUpLimitWithScalingRules: the count each policy
// allows from what the count was at the start of its period.
func (b *Behavior) upLimit(obs scale.Observation) int {
	r := b.rules.Up
	if r.Select == selectDisabled {
		return obs.CurrentReplicas
	}
	if len(r.Rates) == 0 {
		return math.MaxInt32
	}
	limit := -1
	for _, rate := range r.Rates {
		start := b.startOfPeriod(obs, rate.Period.Std())
		allowed := start + rate.Value
		if rate.Percent {
			allowed = int(math.Ceil(float64(start) * (1 + float64(rate.Value)/100)))
		}
		if limit < 0 || (r.Select == selectMin && allowed < limit) || (r.Select == selectMax && allowed > limit) {
			limit = allowed
		}
	}
	return limit
}

// downLimit is calculateScaleDownLimitWithBehaviors.
func (b *Behavior) downLimit(obs scale.Observation) int {
	r := b.rules.Down
	if r.Select == selectDisabled {
		return obs.CurrentReplicas
	}
	if len(r.Rates) == 0 {
		return 0
	}
	limit := math.MinInt
	for _, rate := range r.Rates {
		start := b.startOfPeriod(obs, rate.Period.Std())
		allowed := start - rate.Value
		if rate.Percent {
			allowed = int(float64(start) * (1 - float64(rate.Value)/100))
		}
		if limit == math.MinInt || (r.Select == selectMin && allowed > limit) || (r.Select == selectMax && allowed < limit) {
			limit = allowed
		}
	}
	return limit
}

// startOfPeriod is what the count was before the changes of the period.
func (b *Behavior) startOfPeriod(obs scale.Observation, period time.Duration) int {
	return obs.CurrentReplicas - within(b.memory.Ups, obs.At, period) + within(b.memory.Downs, obs.At, period)
}

func within(changes []change, at time.Time, period time.Duration) int {
	sum := 0
	for _, c := range changes {
		if at.Sub(c.At) < period {
			sum += c.Replicas
		}
	}
	return sum
}

// Applied uses up the rate of the direction.
func (b *Behavior) Applied(at time.Time, from, to int) {
	switch {
	case to > from:
		b.memory.Ups = record(b.memory.Ups, change{at, to - from}, b.longestPeriod())
	case to < from:
		b.memory.Downs = record(b.memory.Downs, change{at, from - to}, b.longestPeriod())
	}
}

// record adds c and forgets changes no period reaches back to.
func record(changes []change, c change, longest time.Duration) []change {
	kept := slices.DeleteFunc(changes, func(old change) bool { return c.At.Sub(old.At) >= longest })
	return append(kept, c)
}

func (b *Behavior) longestPeriod() time.Duration {
	longest := time.Duration(0)
	for _, r := range b.rules.Up.Rates {
		longest = max(longest, r.Period.Std())
	}
	for _, r := range b.rules.Down.Rates {
		longest = max(longest, r.Period.Std())
	}
	return longest
}

// Snapshot returns the remembered recommendations and changes.
func (b *Behavior) Snapshot() ([]byte, error) {
	return scale.Seal("guard/behavior", 1, b.rules, b.memory)
}

// Restore takes over the remembered recommendations and changes.
func (b *Behavior) Restore(s []byte) error {
	var memory behaviorMemory
	if err := scale.Unseal(s, "guard/behavior", 1, b.rules, &memory); err != nil {
		return err
	}
	b.memory = memory
	return nil
}
