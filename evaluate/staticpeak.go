package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// StaticPeak always asks for a share, in percent, of what the highest rate
// demands: what somebody provides who knows the peak and does not scale. At 100
// the objective is met at the peak.
func StaticPeak(percent float64) Contestant {
	var mu sync.Mutex
	demands := map[string]int{} // by what they follow from: seeds share them
	return Contestant{Policy: "static", Params: "peak=" + strconv.FormatFloat(percent, 'g', -1, 64) + "%", Knob: percent,
		New: func(s *sim.Scenario) (sim.Decider, error) {
			mu.Lock()
			defer mu.Unlock()
			key := fmt.Sprintln(workload.Peak(s.Load), serviceKey(s.Service), s.Objective)
			demand, known := demands[key]
			if !known {
				var err error
				if demand, err = peakDemand(s); err != nil {
					return nil, err
				}
				demands[key] = demand
			}
			n := int(math.Ceil(float64(demand) * percent / 100))
			return Static(max(n, 1)).New(s)
		}}
}

// peakDemand is the fewest replicas that meet the objective at the highest rate.
func peakDemand(s *sim.Scenario) (int, error) {
	peak, share := workload.Peak(s.Load), 1-s.Objective.Target
	curve, err := curveFor(s, peak, share)
	if err != nil {
		return 0, err
	}
	return curve.Demand(peak, share)
}
