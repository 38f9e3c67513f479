package advised

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// The keys of dynamic thresholds: the p95 latency, in seconds, above which one
// more replica is advised than the base wants, and below which one fewer.
const (
	Up   = scale.Latency + "P95.up"
	Down = scale.Latency + "P95.down"
)

// valid is the newest advice that may be used, or why there is none.
func (p *Policy) valid(obs *scale.Observation) (best *scale.Advice, why string) {
	why = "nothing was advised yet"
	for i := range obs.Advice {
		a := &obs.Advice[i]
		if a.From != p.from {
			continue
		}
		if fault := p.fault(a, obs.At); fault != "" {
			why = fault
			continue
		}
		if best == nil || a.SeenAt.After(best.SeenAt) {
			best = a
		}
	}
	return best, why
}

// fault is why advice must not be used; "": it may. Who asked has looked at it
// already, but what is recorded may be of other bounds and another time.
func (p *Policy) fault(a *scale.Advice, now time.Time) string {
	switch {
	case a.Failed:
		return a.Reason
	case a.SeenAt.After(now) || a.At.After(now):
		return "the advice is of a time that is to come"
	case !now.Before(a.Expires) || now.Sub(a.SeenAt) > p.cfg.Advisor.MaxAge.Std():
		return "the last advice has expired"
	case !(a.Confidence >= 0 && a.Confidence <= 1):
		return "the advice's confidence is none"
	case p.cfg.Advisor.Question == Thresholds:
		return thresholdsFault(a)
	case a.Replicas == nil:
		return "the advice holds no count"
	case *a.Replicas < p.env.Min || *a.Replicas > p.env.Max:
		return "the advice is out of bounds"
	}
	return ""
}

// mostLatency bounds a threshold, in seconds.
const mostLatency = 3600

// thresholdsFault is what is wrong with a direction and thresholds.
func thresholdsFault(a *scale.Advice) string {
	if a.Direction < -1 || a.Direction > 1 {
		return "the advice's direction is none"
	}
	for name, v := range a.Thresholds {
		if name != Up && name != Down {
			return "the advice has a threshold of something else"
		}
		if !(v > 0 && v <= mostLatency) {
			return "the advice's threshold is no latency"
		}
	}
	up, has := a.Thresholds[Up]
	down, both := a.Thresholds[Down]
	if has && both && down >= up {
		return "the advice's lower threshold is not below the upper one"
	}
	return ""
}

// wish is the count that is advised where the base wants another. A direction is
// one step from that, and so is a threshold on one side of which the p95 latency
// is now; both together are one step too, or none.
func (p *Policy) wish(a *scale.Advice, base int, obs *scale.Observation) int {
	if p.cfg.Advisor.Question == Replicas {
		return *a.Replicas
	}
	step := a.Direction
	if latency, known := obs.Last(scale.Latency); known && !math.IsNaN(latency) {
		if up, has := a.Thresholds[Up]; has && latency > up {
			step++
		}
		if down, has := a.Thresholds[Down]; has && latency < down {
			step--
		}
	}
	return min(max(base+min(max(step, -1), 1), p.env.Min), p.env.Max)
}
