package evaluate

import (
	"context"
	"testing"
	"time"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// day is a day of the default service with a wave of up to 1,500 requests per
// second.
func day(b *testing.B, fluid bool, hours time.Duration) *ground {
	s := sim.Default()
	s.Load = workload.Diurnal{Base: 200, Peak: 1500, Period: 2 * time.Hour, For: hours * time.Hour}
	return groundOf(b, Case{Trace: "day", Scenario: s, Fluid: fluid})
}

// BenchmarkPlay plays and scores.
func BenchmarkPlay(b *testing.B) {
	for _, tc := range []struct {
		name  string
		fluid bool
		hours time.Duration
	}{{"fluid day", true, 24}, {"requests of an hour", false, 1}} {
		b.Run(tc.name, func(b *testing.B) {
			g := day(b, tc.fluid, tc.hours)
			for b.Loop() {
				if _, _, err := g.play(context.Background(), SquareRoot(1), 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOracle plans a day for one price.
func BenchmarkOracle(b *testing.B) {
	o := day(b, true, 24).oracle()
	for b.Loop() {
		o.AtPrice(1)
	}
}

// BenchmarkScore scores a day alone.
func BenchmarkScore(b *testing.B) {
	g := day(b, true, 24)
	_, result, err := g.play(context.Background(), SquareRoot(1), 1)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var run Run
		run.score(g.scored, g.demand, result.Changes)
	}
}
