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
