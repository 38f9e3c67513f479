package sim_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
)

// BenchmarkMMc is the bare queue: no measurements, no decisions.
func BenchmarkMMc(b *testing.B) {
	events := uint64(0)
	for b.Loop() {
		s := bare(10, 9, 1e6, queueing.Exponential(1))
		w := sim.NewEvents(s)
		w.Advance(s.Length())
		events += w.Result().Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// autoscaled is an hour of waves between 300 and 1,500 requests per second.
func autoscaled() *sim.Scenario {
	s := sim.Default()
	s.Load = workload.Diurnal{Base: 300, Peak: 1500, Period: 20 * time.Minute, For: time.Hour}
	s.Replicas.Initial = 10
	return &s
}

// ratio is the exact HPA at 60 % of the CPU behind its own rules.
func ratio(tb testing.TB, s *sim.Scenario) *decide.Decider {
	cfg := hpa.Default()
	cfg.CPUUtilization = 60
	p, err := hpa.New(cfg, policy.Env{Min: s.Replicas.Min, Max: s.Replicas.Max, Sync: s.Sync})
	if err != nil {
		tb.Fatal(err)
	}
	return decide.New("hpa", p, guard.NewBehavior(guard.HPADefaults()), guard.Bounds{Min: s.Replicas.Min, Max: s.Replicas.Max})
}

// BenchmarkAutoscaled is the whole life: starts, drains, clocks of measurements
// and decisions, and the HPA.
func BenchmarkAutoscaled(b *testing.B) {
	events := uint64(0)
	for b.Loop() {
		s := autoscaled()
		events += sim.Run(s, sim.NewEvents(s), ratio(b, s), sim.Options{}).Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
