package predictive

import (
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// withoutObjective is the share that is to be answered in time where nobody
// says.
const withoutObjective = 0.99

// assumed is the service of which only the CPU it uses is known, in units of a
// replica: one request at a time, services without memory, and an objective that
// can just be kept: as many services take longer by themselves as it allows.
func assumed(hints capacity.Config, objective scale.Objective) (capacity.Config, scale.Objective) {
	hints.ServiceMean, hints.ServiceCV, hints.Concurrency = scale.Duration(time.Second), 1, 1
	if objective.Target == 0 {
		objective.Target = withoutObjective
	}
	longest := queueing.Lognormal(1, 1).Quantile(objective.Target)
	objective.Threshold = scale.Duration(longest * float64(time.Second))
	return hints, objective
}

// full is a utilization beyond which requests wait for CPU: what is used is then
// no more than what there is, and says nothing of what arrives.
const full = 0.98

// saturated reports that the load cannot be seen for lack of CPU.
func (p *Policy) saturated(obs *scale.Observation) bool {
	ready := obs.ReadyReplicas()
	return p.signal == scale.CPUUtilization && ready > 0 && p.load.newest >= full*float64(ready)
}

// relieve is what is asked for while the load cannot be seen: twice the replicas
// that are ready. So the true need is found within as many starts as it is
// doublings away, and missed by no more than half.
func (p *Policy) relieve(obs *scale.Observation) int {
	if !p.saturated(obs) {
		return 0
	}
	return min(2*obs.ReadyReplicas(), 2*p.env.Max)
}
