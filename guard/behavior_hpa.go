package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// HPA makes the guards that do to a recommendation what the
// HorizontalPodAutoscaler's controller does, to the last replica, and nothing
// else. Behind the policy hpa they are that autoscaler: what others are
// measured against. Live it is [Behavior] that runs, with the same rules and
// more care where the past is not known.
type HPA struct {
	// Behavior is the behavior field with its defaults filled in; nil: the
	// object has none.
	Behavior *BehaviorRules
	// StabilizationWindow is how long the highest recommendation counts
	// without Behavior.
	StabilizationWindow scale.Duration
	Min, Max            int
	// FromZero is the feature HPAScaleToZero, where the policy has a metric
	// that is not of replicas. Otherwise a target at zero is switched off.
	FromZero bool
}

// DefaultHPA is an object without a behavior field, under the controller's
// default flags.
func DefaultHPA() HPA {
	return HPA{StabilizationWindow: HPADefaults().Down.StabilizationWindow, Min: 1, Max: 1}
}

// Guards returns them in their order, with a memory of their own.
func (h HPA) Guards() []Guard {
	zero := &zeroRule{}
	return []Guard{&stabilization{hpa: h, zero: zero}, &rateLimits{hpa: h, zero: zero}, hpaBounds{hpa: h, zero: zero}}
}

// zeroRule remembers whether it was the autoscaler that went to zero: only
// then may it go up from there.
type zeroRule struct{ scaledToZero bool }

// place is where the current count lies, which decides what is done at all
// (reconcileAutoscaler, horizontal.go).
type place uint8

const (
	inside    place = iota // metrics decide
	switchOff              // at zero: nothing is done
	above                  // down to the maximum, whatever metrics say
	below                  // up to the minimum
)

func (h *HPA) place(current int, scaledToZero bool) place {
	switch {
	case current == 0 && scaledToZero:
		return inside
	case current == 0:
		return switchOff
	case current > h.Max:
		return above
	case current < h.Min:
		return below
	}
	return inside
}

// The guards' names.
const (
	stabilizationName = "stabilization"
	rateLimitsName    = "rate limits"
	boundsName        = "bounds"
)

// stabilization is stabilizeRecommendation, or with a behavior
// stabilizeRecommendationWithBehaviors.
type stabilization struct {
	hpa    HPA
	zero   *zeroRule
	memory struct {
		Known           bool             `json:"known"`
		Recommendations []recommendation `json:"recommendations"`
	}
}

func (*stabilization) Name() string { return stabilizationName }

// Witness takes the count that is found first for the first recommendation
// (recordInitialRecommendation), also while no metric has a value.
func (s *stabilization) Witness(obs scale.Observation) {
	setBack(s.memory.Recommendations, obs.At)
	if s.memory.Known {
		return
	}
	s.memory.Known = true
	s.memory.Recommendations = append(s.memory.Recommendations, recommendation{At: obs.At, Replicas: obs.CurrentReplicas})
}

func (s *stabilization) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	s.Witness(obs)
	if s.hpa.place(obs.CurrentReplicas, s.zero.scaledToZero) != inside {
		return want, scale.Reason{} // nothing is recommended there
	}
	rules := s.hpa.rules()
	stable := rules.stable(s.memory.Recommendations, obs, want)
	if s.hpa.Behavior == nil {
		stable = highest(s.memory.Recommendations, obs.At, rules.Down.StabilizationWindow.Std(), want)
	}
	s.remember(obs.At, want, max(rules.Up.StabilizationWindow.Std(), rules.Down.StabilizationWindow.Std()))
	return stable, rules.stabilized(want, stable)
}

// rules are those of the behavior field; without one the window alone.
func (h *HPA) rules() *BehaviorRules {
	if h.Behavior != nil {
		return h.Behavior
	}
	return &BehaviorRules{Down: Rules{StabilizationWindow: h.StabilizationWindow}}
}

// highest is the highest recommendation of the window. Its end counts, as it
// does not with a behavior field.
func highest(recommendations []recommendation, at time.Time, window time.Duration, want int) int {
	for _, r := range recommendations {
		if at.Sub(r.At) <= window {
			want = max(want, r.Replicas)
		}
	}
	return want
}

// remember puts the recommendation in the place of one that no window reaches,
// if there is any.
func (s *stabilization) remember(at time.Time, want int, window time.Duration) {
	known := s.memory.Recommendations
	for i := range known {
		if at.Sub(known[i].At) > window {
			known[i] = recommendation{At: at, Replicas: want}
			return
		}
	}
	s.memory.Recommendations = append(known, recommendation{At: at, Replicas: want})
}

func (*stabilization) Applied(time.Time, int, int) {}

func (s *stabilization) Snapshot() ([]byte, error) {
	return scale.Seal("guard/hpa/stabilization", 1, s.hpa, s.memory)
}

func (s *stabilization) Restore(data []byte) error {
	return scale.Unseal(data, "guard/hpa/stabilization", 1, s.hpa, &s.memory)
}
