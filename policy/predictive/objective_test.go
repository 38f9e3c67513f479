package predictive_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/scale"
)

// A balancer may tell what share is not good although nobody stated an objective:
// there is then none that the share could be held against.
func TestMissesWithoutAnObjective(t *testing.T) {
	env := environment()
	env.Objective = nil
	p := build(t, predictive.Default(), env)
	for i := range 10 {
		obs := serves(time.Duration(i+1)*sync, 400, 10)
		if rec, err := p.Recommend(obs); err != nil || rec.Replicas < 1 {
			t.Fatalf("decision %d: %d replicas, %v", i+1, rec.Replicas, err)
		}
		if _, known := obs.Last(scale.ViolationRatio); !known {
			t.Fatal("the balancer tells no share, so the test tests nothing")
		}
	}
}

// While more requests miss the objective than it allows, less risk is taken: the
// same load gets more replicas.
func TestMissesMakeCareful(t *testing.T) {
	lucky, unlucky := build(t, predictive.Default(), environment()), build(t, predictive.Default(), environment())
	more := 0
	for i := range 200 {
		rate := 1000 + float64(i*7919%100)
		obs := serves(time.Duration(i+1)*sync, rate, 25)
		a, err := lucky.Recommend(obs)
		if err != nil {
			t.Fatal(err)
		}
		obs.Signal(scale.ViolationRatio).Points[0].Value = 0.05
		b, err := unlucky.Recommend(obs)
		if err != nil {
			t.Fatal(err)
		}
		if b.Replicas < a.Replicas {
			t.Fatalf("decision %d: %d replicas where 5 %% miss, %d where none does", i+1, b.Replicas, a.Replicas)
		}
		more += b.Replicas - a.Replicas
	}
	if more == 0 {
		t.Error("5 % of the requests missed the objective all the time, and nothing changed")
	}
}

// What uses CPU are the replicas that are ready: those that start answer nobody.
func TestCPUIsOfReadyReplicas(t *testing.T) {
	env := environment()
	env.Objective = nil
	p := build(t, predictive.Default(), env)
	obs := serves(sync, 200, 5)
	obs.CurrentReplicas = 10
	rec, err := p.Recommend(obs)
	if err != nil {
		t.Fatal(err)
	}
	if said := rec.Proposals[0].Reason.Args[0]; said != 4 {
		t.Errorf("5 ready replicas use 80 %% of their CPU: %v replicas' worth, want 4 (%s)", said, rec.Reason)
	}
}
