package queueing_test

import (
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/queueing"
)

func BenchmarkCurve(b *testing.B) {
	s := queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4, Topology: queueing.LeastConn}
	c, err := queueing.NewCurve(s, 0.5, 1000)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("avoidable", func(b *testing.B) {
		b.ReportAllocs()
		x, sum := 0, 0.0
		for b.Loop() {
			x = (x + 1) & 63
			sum += c.Avoidable(20+x, float64(900+8*x), float64(x))
		}
	})
	b.Run("quantile", func(b *testing.B) {
		b.ReportAllocs()
		x, sum := 0, 0.0
		for b.Loop() {
			x = (x + 1) & 63
			sum += c.Quantile(0.95, 20+x, float64(900+8*x), float64(x))
		}
	})
	b.Run("demand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Demand(1500, 0.001)
		}
	})
	b.Run("settled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.SettledRate(30, 5)
		}
	})
}

func BenchmarkNewCurve(b *testing.B) {
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.Central, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		for _, sharing := range []bool{false, true} {
			b.Run(fmt.Sprint(topology, " sharing=", sharing), func(b *testing.B) {
				s := queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4, Topology: topology, Sharing: sharing}
				for b.Loop() {
					_, _ = queueing.NewCurve(s, 0.5, 1000)
				}
			})
		}
	}
}
