package queueing_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/queueing"
)

func curveOf(t interface{ Fatal(...any) }, s queueing.Service, threshold float64, most int) *queueing.Curve {
	c, err := queueing.NewCurve(s, threshold, most)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCurveIsTheTableOfTheService(t *testing.T) {
	for _, s := range []queueing.Service{
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 4},
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 4, Topology: queueing.Central},
		{Law: queueing.Exponential(0.08), Slots: 1, Topology: queueing.PowerOfTwo},
		{Law: queueing.Deterministic(0.08), Slots: 2, Topology: queueing.RoundRobin},
		{Law: queueing.Exponential(0.08), Slots: 2, Sharing: true},
	} {
		c := curveOf(t, s, 0.5, 100)
		for _, x := range []int{1, 2, 7, 11, 35, 80} {
			for _, load := range []float64{0.3, 0.6, 0.8, 0.93, 0.98} {
				rate := load * float64(x) * s.CapacityPerReplica()
				want, _ := s.ViolationTail(x, rate, 0.5)
				if got := c.Avoidable(x, rate, 0); math.Abs(got-want) > 0.08*want+1e-8 {
					t.Errorf("%v %v, %d replicas at %v: got %v, the service says %v", s.Topology, s.Law, x, load, got, want)
				}
			}
		}
		for _, rate := range []float64{1, 30, 300, 700} {
			want, _ := s.Demand(rate, 0.5, 0.01)
			if got, err := c.Demand(rate, 0.01); err != nil || got != want {
				t.Errorf("%v %v at %v/s: demand of %d (%v), the service says %d", s.Topology, s.Law, rate, got, err, want)
			}
		}
	}
}

func TestCurveIsMonotone(t *testing.T) {
	curves := map[string]*queueing.Curve{}
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.Central, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		for _, sharing := range []bool{false, true} {
			s := queueing.Service{Law: queueing.Lognormal(0.08, 0.7), Slots: 3, Topology: topology, Sharing: sharing}
			curves[fmt.Sprintf("%v %v", topology, sharing)] = curveOf(t, s, 0.4, 14)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.IntRange(0, 18).Draw(t, "replicas")
		rate := rapid.Float64Range(0, 700).Draw(t, "rate")
		backlog := rapid.Float64Range(0, 90).Draw(t, "backlog")
		more := rapid.Float64Range(0, 50).Draw(t, "more")
		const rounding = 1 + 1e-5 // of 32 bits
		for name, c := range curves {
			at := c.Avoidable(x, rate, backlog)
			if a := c.Avoidable(x, rate+more, backlog); a*rounding < at {
				t.Fatalf("%s: %v violate, %v at a higher rate", name, at, a)
			}
			if a := c.Avoidable(x, rate, backlog+more); a*rounding < at {
				t.Fatalf("%s: %v violate, %v with more backlog", name, at, a)
			}
			if a := c.Avoidable(x+1, rate, backlog); a > at*rounding {
				t.Fatalf("%s: %v violate, %v with one replica more", name, at, a)
			}
			if a := c.Avoidable(x, rate, backlog); !(a >= 0) || a > 1-c.Intrinsic() {
				t.Fatalf("%s: %v violate", name, a)
			}
			last := 0.0
			for _, p := range []float64{0.3, 0.5, 0.8, 0.9, 0.95, 0.97, 0.99, 0.9995} {
				q := c.Quantile(p, x, rate, backlog)
				if q < last*(1-1e-9) || q*rounding < c.Quantile(p, x+1, rate, backlog) {
					t.Fatalf("%s: quantile %v is %v after %v, %v with one more", name, p, q, last, c.Quantile(p, x+1, rate, backlog))
				}
				last = q
			}
		}
	})
}

// A backlog delays everybody by the time it takes to answer it.
func TestBacklogDelays(t *testing.T) {
	s := queueing.Service{Law: queueing.Exponential(0.1), Slots: 2, Topology: queueing.Central}
	c := curveOf(t, s, 1, 10)
	const replicas, rate, backlog = 5, 60.0, 30.0 // 100/s: 0.3 s
	late, _ := s.ViolationTail(replicas, rate, 0.7)
	_, alone := s.ViolationTail(replicas, rate, 1)
	_, sooner := s.ViolationTail(replicas, rate, 0.7)
	near(t, "share that violates", c.Avoidable(replicas, rate, backlog), late+sooner-alone, 0.03)
	near(t, "mean", c.MeanResponse(replicas, rate, backlog), c.MeanResponse(replicas, rate, 0)+0.3, 1e-9)
	near(t, "p95", c.Quantile(0.95, replicas, rate, backlog), c.Quantile(0.95, replicas, rate, 0)+0.3, 1e-9)
	if got := c.Avoidable(replicas, rate, 101); got != 1-c.Intrinsic() {
		t.Errorf("a backlog of more than the threshold: %v violate, want all whose service met it", got)
	}
}

// Response quantiles of M/M/1 are exponential: t_p = −ln(1−p)/(μ−λ).
func TestQuantilesOfMM1(t *testing.T) {
	c := curveOf(t, queueing.Service{Law: queueing.Exponential(0.1), Slots: 1}, 1, 1)
	for _, p := range []float64{0.5, 0.6, 0.9, 0.95, 0.99} {
		for _, load := range []float64{0.2, 0.5, 0.8, 0.9} {
			near(t, fmt.Sprintf("p%v at %v", 100*p, load), c.Quantile(p, 1, load*10, 0), -math.Log(1-p)*0.1/(1-load), 0.02)
		}
	}
}

// Servers of models have hundreds of slots: the formulas hold there too.
func TestCurvesOfManySlots(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.Central, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		for _, slots := range []int{17, 64, 256} {
			c := curveOf(t, queueing.Service{Law: queueing.Lognormal(1, 0.5), Slots: slots, Topology: topology}, 6, 5)
			if n, err := c.Demand(3*float64(slots), 0.01); err != nil || n != 4 {
				t.Errorf("%v, %d slots: a load of 3 replicas needs %d (%v), want 4", topology, slots, n, err)
			}
			for _, load := range []float64{0.001, 0.3, 0.9, 0.99, 1.2} {
				rate := load * 5 * float64(slots)
				if a, m := c.Avoidable(5, rate, 0), c.MeanResponse(5, rate, 0); !(a >= 0 && a <= 1) || !(m > 0.99) || math.IsInf(m, 1) {
					t.Errorf("%v, %d slots at %v: %v violate, mean %v", topology, slots, load, a, m)
				}
			}
		}
	}
}

func TestCurvesOfNothing(t *testing.T) {
	s := queueing.Service{Law: queueing.Exponential(0.1), Slots: 2}
	if _, err := queueing.NewCurve(s, 0, 5); err == nil {
		t.Error("a threshold of 0: no error")
	}
	if _, err := queueing.NewCurve(queueing.Service{}, 1, 5); err == nil {
		t.Error("no law: no error")
	}
	c := curveOf(t, s, 1, 5)
	if _, err := c.Demand(1000, 0.01); !errors.Is(err, queueing.ErrInfeasible) {
		t.Errorf("more than 5 replicas: got %v", err)
	}
	if !math.IsInf(c.Quantile(0.9, 0, 1, 0), 1) || !math.IsInf(c.MeanResponse(0, 1, 0), 1) || c.Avoidable(0, 1, 0) != 1-c.Intrinsic() {
		t.Error("without replicas nobody is answered")
	}
}

func BenchmarkCurve(b *testing.B) {
	c := curveOf(b, queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4}, 0.5, 1000)
	for name, read := range map[string]func(x int) float64{
		"avoidable":                 func(x int) float64 { return c.Avoidable(20+x, float64(900+8*x), float64(x)) },
		"avoidable without backlog": func(x int) float64 { return c.Avoidable(20+x, float64(900+8*x), 0) },
		"p95":                       func(x int) float64 { return c.Quantile(0.95, 20+x, float64(900+8*x), 0) },
		"mean":                      func(x int) float64 { return c.MeanResponse(20+x, float64(900+8*x), 0) },
		"demand":                    func(x int) float64 { n, _ := c.Demand(float64(900+8*x), 0.001); return float64(n) },
		"exp, to compare":           func(x int) float64 { return math.Exp(-float64(x) / 10) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for x := 0; b.Loop(); x = (x + 1) & 63 {
				read(x)
			}
		})
	}
}

func BenchmarkNewCurve(b *testing.B) {
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.Central, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		for _, sharing := range []bool{false, true} {
			b.Run(fmt.Sprint(topology, " sharing=", sharing), func(b *testing.B) {
				for b.Loop() {
					curveOf(b, queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4, Topology: topology, Sharing: sharing}, 0.5, 1000)
				}
			})
		}
	}
}

// Requests of 80 ms, 4 at a time on a replica: 20 replicas carry 1,000 a second.
// What do those meet that come 900 a second, and when 300 wait too many?
func ExampleCurve() {
	service := queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4, Topology: queueing.LeastConn}
	curve, err := queueing.NewCurve(service, 0.5, 40)
	if err != nil {
		panic(err)
	}
	for _, backlog := range []float64{0, 300} {
		fmt.Printf("%.3f %% over 500 ms, p95 %.0f ms\n", 100*curve.Avoidable(20, 900, backlog), 1000*curve.Quantile(0.95, 20, 900, backlog))
	}
	n, _ := curve.Demand(900, 0.001)
	fmt.Println(n, "replicas for at most 0.1 %")
	// Output:
	// 0.000 % over 500 ms, p95 159 ms
	// 1.618 % over 500 ms, p95 459 ms
	// 19 replicas for at most 0.1 %
}
