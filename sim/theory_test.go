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

// Mean waits of Erlang's formula, with the vectors of the literature (μ = 1).
func TestWaitsAreErlangs(t *testing.T) {
	for _, tc := range []struct {
		servers int
		load    float64
		want    float64
	}{
		{1, 0.8, 4.0}, {2, 1.6, 1.777778}, {10, 8, 0.204590}, {10, 9, 0.668732}, {50, 45, 0.072773}, {100, 95, 0.101291},
	} {
		t.Run(fmt.Sprintf("M/M/%d at %v", tc.servers, tc.load), func(t *testing.T) {
			t.Parallel()
			s := bare(tc.servers, tc.load, 20e6, queueing.Exponential(1))
			w := sim.NewEvents(s)
			w.Advance(s.Length())
			r := w.Result()
			got := r.Waited / r.Requests
			if math.Abs(got/tc.want-1) > 0.01 {
				t.Errorf("mean wait: got %.5f, want %.5f within 1 %%", got, tc.want)
			}
			q := queueing.MMc{Servers: tc.servers, ArrivalRate: tc.load, ServiceRate: 1}
			if got, want := r.AvoidableRatio()+r.IntrinsicRatio(), q.ResponseTail(1); math.Abs(got/want-1) > 0.01 {
				t.Errorf("slower than 1 s: got %.5f, want %.5f within 1 %%", got, want)
			}
		})
	}
}
