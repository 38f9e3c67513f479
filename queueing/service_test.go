package queueing_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/queueing"
)

// With exponential services one line, and replicas that get requests at random,
// are M/M/c: what violates in all is the tail of its response time.
func TestViolationsOfExponentialServicesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(0.01, 2).Draw(t, "mean")
		s := queueing.Service{Law: queueing.Exponential(mean), Slots: rapid.IntRange(1, 20).Draw(t, "slots")}
		replicas := rapid.IntRange(1, 20).Draw(t, "replicas")
		rate := rapid.Float64Range(0.05, 0.97).Draw(t, "load") * float64(replicas) * s.CapacityPerReplica()
		threshold := rapid.Float64Range(1, 12).Draw(t, "threshold") * mean
		for topology, q := range map[queueing.Topology]queueing.MMc{
			queueing.Central: {Servers: replicas * s.Slots, ArrivalRate: rate, ServiceRate: 1 / mean},
			queueing.Random:  {Servers: s.Slots, ArrivalRate: rate / float64(replicas), ServiceRate: 1 / mean},
		} {
			s.Topology = topology
			avoidable, intrinsic := s.ViolationTail(replicas, rate, threshold)
			if want := q.ResponseTail(threshold); math.Abs(avoidable+intrinsic-want) > 0.02*want {
				t.Errorf("%v, %d×%d, load %.3f, threshold %.3g means: got %v, want %v", topology, replicas, s.Slots, q.Load()/float64(q.Servers), threshold/mean, avoidable+intrinsic, want)
			}
		}
	})
}

// Waits of M/D/1 (Erlang 1909): P(W ≤ t) = (1−ρ) Σ_{k≤t} (−ρ(t−k))^k/k! · e^ρ(t−k).
func TestWaitsOfMD1(t *testing.T) {
	erlang := func(rho, at float64) float64 {
		sum, factorial := 0.0, 1.0
		for k := 0; float64(k) <= at; k++ {
			if k > 0 {
				factorial *= float64(k)
			}
			sum += math.Pow(-rho*(at-float64(k)), float64(k)) / factorial * math.Exp(rho*(at-float64(k)))
		}
		return 1 - (1-rho)*sum
	}
	s := queueing.Service{Law: queueing.Deterministic(1), Slots: 1}
	for _, rho := range []float64{0.3, 0.6, 0.8, 0.9} {
		for _, threshold := range []float64{2.5, 4, 6.25} {
			got, _ := s.ViolationTail(1, rho, threshold)
			near(t, "M/D/1 wait", got, erlang(rho, threshold-1), 0.05)
		}
	}
}

// Mean responses against formulas that are exact.
func TestMeanResponses(t *testing.T) {
	for _, tc := range []struct {
		name     string
		service  queueing.Service
		replicas int
		rate     float64
		want     float64
	}{
		{"M/M/1", queueing.Service{Law: queueing.Exponential(1), Slots: 1}, 1, 0.8, 1 + 4},
		{"M/M/10, 4/(10−8)·C", queueing.Service{Law: queueing.Exponential(1), Slots: 10}, 1, 8, 1 + 0.204590},
		{"M/M/10 of 5 replicas", queueing.Service{Law: queueing.Exponential(1), Slots: 2, Topology: queueing.Central}, 5, 9, 1 + 0.668732},
		{"M/D/1 (Pollaczek)", queueing.Service{Law: queueing.Deterministic(1), Slots: 1}, 1, 0.8, 1 + 2},
		{"M/G/1, cv 0.5", queueing.Service{Law: queueing.Lognormal(1, 0.5), Slots: 1}, 1, 0.8, 1 + 4*1.25/2},
		{"4 × M/M/2 at random", queueing.Service{Law: queueing.Exponential(1), Slots: 2, Topology: queueing.Random}, 4, 6.4, 1 + 1.777778},
		{"M/G/1 shared: 1/(1−ρ)", queueing.Service{Law: queueing.Lognormal(1, 1.5), Slots: 1, Sharing: true}, 1, 0.75, 4},
		{"M/D/1 shared", queueing.Service{Law: queueing.Deterministic(1), Slots: 1, Sharing: true}, 1, 0.5, 2},
		{"3 × M/G/1 shared at random", queueing.Service{Law: queueing.Lognormal(1, 0.5), Slots: 1, Sharing: true, Topology: queueing.Random}, 3, 1.8, 2.5},
	} {
		c, err := queueing.NewCurve(tc.service, 6.25, 12)
		if err != nil {
			t.Fatal(err)
		}
		near(t, tc.name, c.MeanResponse(tc.replicas, tc.rate, 0), tc.want, 0.02)
	}
}

// M/D/c waits half as long as M/M/c, times 1 + (1−ρ)(c−1)(√(4+5c)−2)/(16ρc)
// (Cosmetatos 1975, within 2 % of the exact tables).
func TestWaitsOfMDc(t *testing.T) {
	for _, tc := range []struct {
		c   int
		rho float64
	}{{2, 0.8}, {5, 0.8}, {5, 0.9}, {10, 0.9}} {
		c := float64(tc.c)
		q := queueing.MMc{Servers: tc.c, ArrivalRate: tc.rho * c, ServiceRate: 1}
		want := q.MeanWait() / 2 * (1 + (1-tc.rho)*(c-1)*(math.Sqrt(4+5*c)-2)/(16*tc.rho*c))
		curve, err := queueing.NewCurve(queueing.Service{Law: queueing.Deterministic(1), Slots: tc.c}, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "mean wait of M/D/c", curve.MeanResponse(1, tc.rho*c, 0)-1, want, 0.1)
	}
}

func TestDemandIsTheFewestThatKeepThePromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := queueing.Service{
			Law: queueing.Lognormal(0.08, rapid.Float64Range(0, 1).Draw(t, "cv")), Slots: rapid.IntRange(1, 8).Draw(t, "slots"),
			Topology: rapid.SampledFrom([]queueing.Topology{queueing.LeastConn, queueing.Central, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo}).Draw(t, "topology"),
			Sharing:  rapid.Bool().Draw(t, "sharing"),
		}
		rate := rapid.Float64Range(0.1, 800).Draw(t, "rate")
		n, err := s.Demand(rate, 0.8, 0.01)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := s.ViolationTail(n, rate, 0.8)
		if fewer, _ := s.ViolationTail(n-1, rate, 0.8); got > 0.01 || fewer <= 0.01 {
			t.Errorf("%+v at %v/s: %d replicas, of which %v violate, %v with one less", s, rate, n, got, fewer)
		}
	})
}

func TestPromisesNobodyCanKeep(t *testing.T) {
	s := queueing.Service{Law: queueing.Exponential(0.08), Slots: 4}
	if _, err := s.Demand(0, 0.25, 0.001); !errors.Is(err, queueing.ErrInfeasible) {
		t.Errorf("4.4 %% of the services take over 250 ms: got %v, want ErrInfeasible", err)
	}
	for _, bad := range []struct{ rate, threshold, share float64 }{{-1, 1, 0.1}, {math.NaN(), 1, 0.1}, {1, 0, 0.1}, {1, 1, 0}, {1, 1, 1}, {math.Inf(1), 1, 0.1}} {
		if n, err := s.Demand(bad.rate, bad.threshold, bad.share); err == nil {
			t.Errorf("%+v: got %d, want an error", bad, n)
		}
	}
	if err := (queueing.Service{Topology: 9}).Validate(); err == nil {
		t.Error("a service of nothing is valid")
	}
}

func TestWithoutReplicasAllViolate(t *testing.T) {
	s := queueing.Service{Law: queueing.Exponential(1), Slots: 1}
	for _, replicas := range []int{0, 2} {
		if avoidable, intrinsic := s.ViolationTail(replicas, 2, 3); math.Abs(avoidable+intrinsic-1) > 1e-12 {
			t.Errorf("%d replicas: %v + %v violate, want all", replicas, avoidable, intrinsic)
		}
	}
	if avoidable, _ := s.ViolationTail(3, 0, 3); avoidable != 0 {
		t.Errorf("no load: %v violate avoidably", avoidable)
	}
}
