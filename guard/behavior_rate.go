package guard

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// changes are the changes of the count that were applied, by direction.
type changes struct {
	Ups   []change `json:"ups"`
	Downs []change `json:"downs"`
}

// change is an applied change; Replicas is its size, always positive.
type change struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}

// upLimit is calculateScaleUpLimitWithScalingRules (horizontal.go): the count
// each policy allows from what the count was at the start of its period. It is
// never below the current count.
func (c *changes) upLimit(r Rules, obs scale.Observation) int {
	if r.Select == selectDisabled {
		return obs.CurrentReplicas
	}
	if len(r.Rates) == 0 {
		return math.MaxInt32
	}
	limit := math.MinInt32
	if r.Select == selectMin {
		limit = math.MaxInt32
	}
	for _, rate := range r.Rates {
		start := c.startOfPeriod(obs, rate.Period.Std())
		allowed := start + rate.Value
		if rate.Percent {
			allowed = int(math.Ceil(float64(start) * (1 + float64(rate.Value)/100)))
		}
		if r.Select == selectMin {
			limit = min(limit, allowed)
		} else {
			limit = max(limit, allowed)
		}
	}
	return max(limit, obs.CurrentReplicas)
}

// downLimit is calculateScaleDownLimitWithBehaviors. It is never above the
// current count.
func (c *changes) downLimit(r Rules, obs scale.Observation) int {
	if r.Select == selectDisabled {
		return obs.CurrentReplicas
	}
	if len(r.Rates) == 0 {
		return 0
	}
	limit := math.MaxInt32
	if r.Select == selectMin {
		limit = math.MinInt32
	}
	for _, rate := range r.Rates {
		start := c.startOfPeriod(obs, rate.Period.Std())
		allowed := start - rate.Value
		if rate.Percent {
			allowed = int(float64(start) * (1 - float64(rate.Value)/100))
		}
		if r.Select == selectMin {
			limit = max(limit, allowed)
		} else {
			limit = min(limit, allowed)
		}
	}
	return min(limit, obs.CurrentReplicas)
}

// startOfPeriod is what the count was before the changes of the period.
func (c *changes) startOfPeriod(obs scale.Observation, period time.Duration) int {
	return obs.CurrentReplicas - within(c.Ups, obs.At, period) + within(c.Downs, obs.At, period)
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

func (c *changes) setBack(at time.Time) {
	for _, all := range [][]change{c.Ups, c.Downs} {
		for i := range all {
			all[i].At = earlier(all[i].At, at)
		}
	}
}

func (r *Rules) longestPeriod() time.Duration {
	longest := time.Duration(0)
	for _, rate := range r.Rates {
		longest = max(longest, rate.Period.Std())
	}
	return longest
}
