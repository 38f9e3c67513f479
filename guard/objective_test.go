package guard_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

// shop is what is measured of replicas with 4 slots and services of 80 ms, CV
// 0.5, at a rate that they answer without a wait.
func shop(after time.Duration, replicas int, rate float64, more ...scale.Signal) scale.Observation {
	return varied(0.5, after, replicas, rate, more...)
}

// varied is the shop with services of another CV.
func varied(cv float64, after time.Duration, replicas int, rate float64, more ...scale.Signal) scale.Observation {
	rng, h := rand.New(rand.NewPCG(1, 1)), &series.Histogram{}
	sigma := math.Sqrt(math.Log1p(cv * cv))
	for range 4000 {
		h.Add(0.08 * math.Exp(sigma*rng.NormFloat64()-sigma*sigma/2))
	}
	at := scaletest.At(after)
	signals := append([]scale.Signal{
		scaletest.Fresh(scale.Concurrency, at, rate*0.08),
		scaletest.Fresh(scale.Latency, at, 0.15),
		scaletest.Fresh(scale.RequestRate, at, rate),
		scaletest.Fresh(scale.Utilization, at, rate*0.08/float64(4*replicas)),
	}, more...)
	for i := range signals {
		signals[i].Window = 10 * time.Second
	}
	signals[1].Distribution = h
	return scaletest.Observation(after, replicas, signals...)
}

// 400 requests a second are 32 busy slots, of 8 replicas; the formulas say how
// many more there must be for 99.9 % to be answered within 500 ms.
func TestTheFloorIsWhatTheObjectiveNeeds(t *testing.T) {
	needed, err := queueing.Service{Law: queueing.Lognormal(0.08, 0.5), Slots: 4}.Demand(400, 0.5, 0.001)
	if err != nil {
		t.Fatal(err)
	}
	g := &guard.ObjectiveFloor{Objective: objective()}
	if n, reason := g.Limit(shop(0, 20, 400), 20); n != 20 || reason.String() != "" {
		t.Errorf("nothing is taken away: got %d (%s)", n, reason)
	}
	g.Limit(shop(15*time.Second, 20, 400), 20)
	n, reason := g.Limit(shop(30*time.Second, 20, 400), 4)
	if n < needed || n > needed+1 || !strings.Contains(reason.String(), "instead of 4: at 400 requests/s") {
		t.Errorf("20 replicas, 4 wanted: got %d (%s), the formulas need %d", n, reason, needed)
	}
	if n, reason := g.Limit(shop(45*time.Second, 20, 400), needed+2); n != needed+2 {
		t.Errorf("more wanted than needed: got %d (%s)", n, reason)
	}
	if n, _ := g.Limit(shop(60*time.Second, 6, 400), 4); n != 6 {
		t.Errorf("6 replicas are too few, but the floor adds none: got %d, want 6", n)
	}
	if n, _ := g.Limit(shop(75*time.Second, 20, 20), 2); n != 2 {
		t.Errorf("20 requests a second: got %d, want 2", n)
	}
}

// What is measured while the policy has no opinion is learned all the same: the
// floor knows the service when the policy speaks again, and only a rate is left.
func TestTheFloorLearnsWithoutAnOpinion(t *testing.T) {
	later := shop(30*time.Second, 20, 400)
	later.Signals = later.Signals[2:3] // the rate
	g, unseen := &guard.ObjectiveFloor{Objective: objective()}, &guard.ObjectiveFloor{Objective: objective()}
	for k := range 2 {
		guard.Witness(g).Witness(shop(time.Duration(k)*15*time.Second, 20, 400))
	}
	if n, reason := g.Limit(later, 4); n <= 4 || reason.Code != "ObjectiveNeeds" {
		t.Errorf("after two silent decisions: got %d (%s), want what the objective needs", n, reason)
	}
	if n, reason := unseen.Limit(later, 4); n != 4 {
		t.Errorf("without them: got %d (%s), want 4", n, reason)
	}
}

// Lines at random wait more, so more is needed.
func TestTheFloorKnowsTheTopology(t *testing.T) {
	needs := func(topology queueing.Topology) int {
		g := &guard.ObjectiveFloor{Objective: objective(), Topology: topology}
		g.Limit(shop(0, 30, 400), 30)
		g.Limit(shop(15*time.Second, 30, 400), 30)
		n, _ := g.Limit(shop(30*time.Second, 30, 400), 1)
		return n
	}
	if least, random := needs(queueing.LeastConn), needs(queueing.Random); random <= least {
		t.Errorf("at random %d are needed, by least connections %d: want more at random", random, least)
	}
}

// The more services vary, the more of them are too slow by themselves, and the
// less of what the objective allows is left to waits. The floor of a service that
// gets worse never falls, also not from a CV of 0.7 on, where less than half is left.
func TestTheFloorOfAWorseServiceIsNoLower(t *testing.T) {
	before := 0
	for cv := 0.4; cv < 1.2; cv += 0.02 {
		g := &guard.ObjectiveFloor{Objective: objective(), Topology: queueing.Random}
		guard.Witness(g).Witness(varied(cv, 0, 200, 2000))
		n, reason := g.Limit(varied(cv, 15*time.Second, 200, 2000), 1)
		if n < before || reason.Code != "ObjectiveNeeds" {
			t.Errorf("CV %.2f: got %d (%s), want no fewer than the %d of a service that varies less", cv, n, reason, before)
		}
		before = n
	}
}

// From response times alone nobody can tell how few would do: all is as without
// a model.
func TestTheFloorNeedsToKnow(t *testing.T) {
	g := &guard.ObjectiveFloor{Objective: objective()}
	for k := range 5 {
		obs := shop(time.Duration(k)*15*time.Second, 20, 400)
		obs.Signals = obs.Signals[:3] // no utilization
		if n, reason := g.Limit(obs, 1); n != 1 {
			t.Errorf("got %d (%s), want 1", n, reason)
		}
	}
}
