package sim_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// bare is a constant load on one replica of so many slots, without measurements.
func bare(servers int, load float64, requests float64, law queueing.Law) *sim.Scenario {
	s := sim.Default()
	s.Service = queueing.Service{Law: law, Slots: servers, Topology: queueing.Central}
	rate := load / law.Mean()
	s.Load = workload.Constant{RPS: rate, For: time.Duration(requests / rate * float64(time.Second))}
	s.Warmup = s.Load.Duration() / 20
	s.Replicas.Min, s.Replicas.Initial = 1, 1
	s.Metrics = sim.Metrics{}
	s.Objective.Threshold = scale.Duration(time.Second)
	return &s
}

// Mean waits and tails of Erlang's formulas, with the vectors of the literature
// (μ = 1). Waits that follow each other are alike, the more so the more servers
// and the higher the load, so these take many requests.
func TestWaitsAreErlangs(t *testing.T) {
	for _, tc := range []struct {
		servers int
		load    float64
		want    float64
		seeds   uint64 // of 10 million requests each
	}{
		{1, 0.8, 4.0, 2}, {2, 1.6, 1.777778, 2}, {10, 8, 0.204590, 2}, {10, 9, 0.668732, 4}, {50, 45, 0.072773, 16}, {100, 95, 0.101291, 24},
	} {
		t.Run(fmt.Sprintf("M/M/%d at %v", tc.servers, tc.load), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && tc.seeds > 2 {
				return
			}
			waited, slower, requests := 0.0, 0.0, 0.0
			for seed := range tc.seeds {
				s := bare(tc.servers, tc.load, 10e6, queueing.Exponential(1))
				s.Seed = seed
				w := sim.NewEvents(s)
				w.Advance(s.Length())
				r := w.Result()
				waited, slower, requests = waited+r.Waited, slower+r.Violations, requests+r.Requests
			}
			q := queueing.MMc{Servers: tc.servers, ArrivalRate: tc.load, ServiceRate: 1}
			if got := waited / requests; math.Abs(got/tc.want-1) > 0.01 || math.Abs(q.MeanWait()/tc.want-1) > 1e-4 {
				t.Errorf("mean wait: got %.5f, want %.5f within 1 %%", got, tc.want)
			}
			if got, want := slower/requests, q.ResponseTail(1); math.Abs(got/want-1) > 0.01 {
				t.Errorf("slower than 1 s: got %.5f, want %.5f within 1 %%", got, want)
			}
		})
	}
}
