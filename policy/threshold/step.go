package threshold

import (
	"math"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// up returns the count for a value above its threshold.
//
// A proportional step is the HPA's ratio: ceil(ready × value / up), so 4
// replicas at 95 % of a threshold of 70 % become ceil(4 × 1.36) = 6. Only
// ready replicas count, because the value is what those do; what is still
// starting must not be asked for again.
func (p *Policy) up(obs scale.Observation, r *rule, value float64) (int, scale.Reason) {
	current, ready := obs.CurrentReplicas, obs.ReadyReplicas()
	if current == 0 {
		ready = 1
	}
	want := current + p.cfg.Step
	if p.cfg.Step == 0 {
		want = whole(math.Ceil(float64(ready)*value/r.up - 1e-9))
		if ready >= current {
			want = max(want, current+1)
		}
		want = min(want, current+p.most(max(4, current)))
	}
	if want <= current {
		return current, scale.Because("AboveThreshold", r.text.onTheWay, value, r.up, float64(ready), float64(current)).About(r.signal)
	}
	return want, scale.Because("AboveThreshold", r.text.above, value, r.up, float64(current), float64(want)).About(r.signal)
}

// down returns the count for a value below its threshold: proportionally
// ceil(ready × value / down), which leaves the value at the lower threshold,
// but at least one fewer. It never goes to zero: without a replica there is
// no value to come back by.
func (p *Policy) down(obs scale.Observation, r *rule, value float64) (int, scale.Reason) {
	current := obs.CurrentReplicas
	want := current - p.cfg.Step
	if p.cfg.Step == 0 {
		want = whole(math.Ceil(float64(obs.ReadyReplicas())*value/r.down - 1e-9))
		want = max(min(want, current-1), current-p.most(max(1, current/4)))
	}
	want = min(max(want, 1), current)
	return want, scale.Because("BelowThreshold", r.text.below, value, r.down, float64(current), float64(want)).About(r.signal)
}

// most is the bound of a proportional step.
func (p *Policy) most(otherwise int) int {
	if p.cfg.MaxStep > 0 {
		return p.cfg.MaxStep
	}
	return otherwise
}

func whole(x float64) int { return int(min(x, math.MaxInt32)) }

// texts are the sentences of reasons, in the unit of the signal.
type texts struct{ above, onTheWay, between, notAbove, below string }

func (l levels) texts() texts {
	in := func(text string) string { return strings.ReplaceAll(text, "#", l.unit) }
	return texts{
		above:    in("{n} {0#} is above {1#}: from {2} to {3}"),
		onTheWay: in("{n} {0#} is above {1#}, but with only {2} of {3 replica} ready: stay at {3}"),
		between:  in("{n} {0#} is between {1#} and {2#}: stay at {3}"),
		notAbove: in("{n} {0#} is not above {1#}"),
		below:    in("{n} {0#} is below {1#}: from {2} to {3}"),
	}
}
