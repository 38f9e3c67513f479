package queueing_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/queueing"
)

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, relative)
	}
}

// Known values of M/M/c at a service rate of 1.
func TestWaitsOfMMc(t *testing.T) {
	for _, tc := range []struct {
		c         int
		a         float64
		waits     float64 // Erlang's C
		mean, p99 float64
	}{
		{1, 0.8, 0.8, 4, 21.910},
		{2, 1.6, 0.711111, 1.777778, 10.661},
		{10, 8, 0.409180, 0.204590, 1.8558},
		{10, 9, 0.668732, 0.668732, 4.2028},
		{50, 45, 0.363864, 0.072773, 0.7188},
		{100, 95, 0.506457, 0.101291, 0.7850},
	} {
		q := queueing.MMc{Servers: tc.c, ArrivalRate: tc.a, ServiceRate: 1}
		name := fmt.Sprintf("c=%d a=%v", tc.c, tc.a)
		near(t, name+": share that waits", queueing.ErlangC(tc.c, tc.a), tc.waits, 1e-5)
		near(t, name+": mean wait", q.MeanWait(), tc.mean, 1e-5)
		near(t, name+": p99 of the wait", q.WaitQuantile(0.99), tc.p99, 1e-4)
		near(t, name+": what waits longer than the p99", q.WaitTail(q.WaitQuantile(0.99)), 0.01, 1e-9)
	}
}

// The tail of the response time is the convolution of wait and service.
func TestResponseTailIsWaitPlusService(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.IntRange(1, 60).Draw(t, "c")
		mu := rapid.Float64Range(0.1, 20).Draw(t, "mu")
		a := rapid.Float64Range(0.01, 0.98).Draw(t, "rho") * float64(c)
		if rapid.Bool().Draw(t, "at the pole") && c > 1 {
			a = float64(c - 1)
		}
		q := queueing.MMc{Servers: c, ArrivalRate: a * mu, ServiceRate: mu}
		x := rapid.Float64Range(0.01, 5).Draw(t, "t") / mu
		// P(T>x) = P(S>x) + ∫₀ˣ μe^−μs · P(W>x−s) ds, by Simpson's rule.
		const steps = 2000
		h, sum := x/steps, 0.0
		for i := range steps + 1 {
			weight := 2.0 + 2*float64(i%2)
			if i == 0 || i == steps {
				weight = 1
			}
			s := float64(i) * h
			sum += weight * mu * math.Exp(-mu*s) * q.WaitTail(x-s)
		}
		want := math.Exp(-mu*x) + sum*h/3
		if got := q.ResponseTail(x); math.Abs(got-want) > 1e-6 {
			t.Fatalf("%+v t=%v: got %v, want %v", q, x, got, want)
		}
	})
}

func TestFewestServersKeepThePromiseAndOneLessDoesNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mu := rapid.Float64Range(0.5, 50).Draw(t, "mu")
		rate := rapid.Float64Range(0.01, 5000).Draw(t, "rate")
		threshold := rapid.Float64Range(1, 20).Draw(t, "threshold") / mu
		share := rapid.Float64Range(1.0001, 50).Draw(t, "slack") * math.Exp(-mu*threshold)
		if share >= 1 {
			return
		}
		n, err := queueing.Fewest(rate, mu, threshold, share)
		if err != nil {
			t.Fatal(err)
		}
		tail := func(c int) float64 {
			return queueing.MMc{Servers: c, ArrivalRate: rate, ServiceRate: mu}.ResponseTail(threshold)
		}
		if tail(n) > share || (n > 0 && tail(n-1) <= share) {
			t.Fatalf("got %d servers: %v miss, %v with one less, %v may", n, tail(n), tail(n-1), share)
		}
	})
}

func TestFewestServersOfOddLoads(t *testing.T) {
	if n, err := queueing.Fewest(0, 12.5, 0.5, 0.01); n != 0 || err != nil {
		t.Errorf("no load: got %d, %v, want none", n, err)
	}
	if _, err := queueing.Fewest(10, 1, 0.5, 0.01); !errors.Is(err, queueing.ErrInfeasible) {
		t.Errorf("services of 1 s within 500 ms: got %v, want ErrInfeasible", err)
	}
}

func TestOverloadWaitsForEver(t *testing.T) {
	q := queueing.MMc{Servers: 2, ArrivalRate: 2, ServiceRate: 1}
	if !math.IsInf(q.MeanWait(), 1) || !math.IsInf(q.WaitQuantile(0.5), 1) || q.WaitTail(9) != 1 || q.ResponseTail(9) != 1 {
		t.Errorf("%v, %v, %v, %v: want infinite waits", q.MeanWait(), q.WaitQuantile(0.5), q.WaitTail(9), q.ResponseTail(9))
	}
	if !math.IsInf(queueing.SharingResponse(1, 1), 1) || !math.IsInf(queueing.Sakasegawa(3, 1), 1) {
		t.Error("a full processor answers nobody")
	}
}

func TestApproximations(t *testing.T) {
	q := queueing.MMc{Servers: 10, ArrivalRate: 8, ServiceRate: 1}
	near(t, "Allen-Cunneen of M/M/c", queueing.AllenCunneen(q, 1, 1), q.MeanWait(), 1e-12)
	near(t, "Allen-Cunneen of M/D/c", queueing.AllenCunneen(q, 1, 0), q.MeanWait()/2, 1e-12)
	near(t, "Sakasegawa of M/M/1", queueing.Sakasegawa(1, 0.8), 4, 1e-9)
	near(t, "Sakasegawa of M/M/10", queueing.Sakasegawa(10, 0.8), q.MeanWait(), 0.08)
	near(t, "processor sharing", queueing.SharingResponse(0.1, 0.75), 0.4, 1e-12)
}

func BenchmarkFewest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = queueing.Fewest(1500, 12.5, 0.5, 0.01)
	}
}

// How many workers of 80 ms keep 99 % of 150 requests per second under half a
// second?
func ExampleFewest() {
	n, _ := queueing.Fewest(150, 1/0.080, 0.5, 0.01)
	fmt.Println(n, "workers")
	// Output: 14 workers
}
