package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// rateLimits is convertDesiredReplicasWithBehaviorRate, or without a behavior
// convertDesiredReplicasWithRules: both include the bounds.
type rateLimits struct {
	hpa    HPA
	zero   *zeroRule
	memory changes
}

func (*rateLimits) Name() string { return rateLimitsName }

func (l *rateLimits) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	l.memory.setBack(obs.At)
	switch l.hpa.place(obs.CurrentReplicas, l.zero.scaledToZero) {
	case switchOff:
		return changed(want, 0, switchedOff, "0 instead of {1}: the target was switched off")
	case above:
		return changed(want, l.hpa.Max, "TooManyReplicas", "{0} instead of {1}: there are more than the maximum of {0}")
	case below:
		return changed(want, l.hpa.Min, "TooFewReplicas", "{0} instead of {1}: there are fewer than the minimum of {0}")
	}
	return l.convert(obs, want)
}

// switchedOff is the reason to leave a target at zero alone.
const switchedOff = "ScalingDisabled"

func changed(want, to int, code, text string) (int, scale.Reason) {
	if want == to {
		return to, scale.Reason{}
	}
	return to, scale.Because(code, text, float64(to), float64(want))
}

func (l *rateLimits) convert(obs scale.Observation, want int) (int, scale.Reason) {
	if l.hpa.Behavior == nil {
		return l.withoutBehavior(obs, want)
	}
	switch {
	case want > obs.CurrentReplicas:
		if limit := l.memory.upLimit(l.hpa.Behavior.Up, obs); limit < l.hpa.Max && want > limit {
			return limit, rateReason("ScaleUpLimit", l.hpa.Behavior.Up, want, limit)
		}
		return l.most(want)
	case want < obs.CurrentReplicas:
		if limit := l.memory.downLimit(l.hpa.Behavior.Down, obs); limit > l.hpa.Min && want < limit {
			return limit, rateReason("ScaleDownLimit", l.hpa.Behavior.Down, want, limit)
		}
		return l.least(want)
	}
	return want, scale.Reason{}
}

// withoutBehavior allows twice the current count, or 4, at each decision.
func (l *rateLimits) withoutBehavior(obs scale.Observation, want int) (int, scale.Reason) {
	limit := max(2*obs.CurrentReplicas, 4)
	switch {
	case want < l.hpa.Min:
		return l.least(want)
	case limit < l.hpa.Max && want > limit:
		return limit, scale.Because("ScaleUpLimit", "{0} instead of {1}: twice the current count, or 4, at once", float64(limit), float64(want))
	}
	return l.most(want)
}

func (l *rateLimits) most(want int) (int, scale.Reason) {
	return changed(want, min(want, l.hpa.Max), "TooManyReplicas", "{1} is above the maximum of {0}")
}

func (l *rateLimits) least(want int) (int, scale.Reason) {
	return changed(want, max(want, l.hpa.Min), "TooFewReplicas", "{1} is below the minimum of {0}")
}

// Applied is storeScaleEvent.
func (l *rateLimits) Applied(at time.Time, from, to int) {
	l.zero.scaledToZero = from > 0 && to == 0 && l.hpa.Min == 0 && l.hpa.FromZero
	switch rules := l.hpa.Behavior; {
	case rules == nil:
	case to > from:
		l.memory.Ups = recycle(l.memory.Ups, change{at, to - from}, rules.Up.longestPeriod())
	default:
		l.memory.Downs = recycle(l.memory.Downs, change{at, from - to}, rules.Down.longestPeriod())
	}
}

// recycle puts c in the place of the last change that is older than every
// period of its own direction, if there is any. A longer period of the other
// direction may still have counted the one that is lost: so it is there.
func recycle(changes []change, c change, longest time.Duration) []change {
	for i := len(changes) - 1; i >= 0; i-- {
		if c.At.Sub(changes[i].At) > longest {
			changes[i] = c
			return changes
		}
	}
	return append(changes, c)
}

type rateMemory struct {
	changes
	ScaledToZero bool `json:"scaledToZero,omitempty"`
}

func (l *rateLimits) Snapshot() ([]byte, error) {
	return scale.Seal("guard/hpa/rate", 1, l.hpa, rateMemory{l.memory, l.zero.scaledToZero})
}

func (l *rateLimits) Restore(data []byte) error {
	var memory rateMemory
	if err := scale.Unseal(data, "guard/hpa/rate", 1, l.hpa, &memory); err != nil {
		return err
	}
	l.memory, l.zero.scaledToZero = memory.changes, memory.ScaledToZero
	return nil
}

// hpaBounds are the bounds for a target of which no metric has a value. One at
// zero is left alone.
type hpaBounds struct {
	hpa  HPA
	zero *zeroRule
}

func (hpaBounds) Unconditional() {}

func (hpaBounds) Name() string { return boundsName }

func (b hpaBounds) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	if obs.CurrentReplicas == 0 && want == 0 {
		return want, scale.Reason{}
	}
	return Bounds{Min: b.hpa.Min, Max: b.hpa.Max}.Limit(obs, want)
}

// Condition tells of a target that is switched off, which lasts.
func (b hpaBounds) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	if b.hpa.place(obs.CurrentReplicas, b.zero.scaledToZero) != switchOff {
		return time.Time{}, scale.Reason{}, false
	}
	return time.Time{}, scale.Because(switchedOff, "the target was switched off: it has no replicas, and not by its autoscaler"), true
}

func (hpaBounds) Applied(time.Time, int, int) {}

func (b hpaBounds) Snapshot() ([]byte, error) {
	return scale.Seal("guard/hpa/bounds", 1, b.hpa, struct{}{})
}

func (b hpaBounds) Restore(data []byte) error {
	return scale.Unseal(data, "guard/hpa/bounds", 1, b.hpa, &struct{}{})
}
