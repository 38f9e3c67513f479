package example_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/example"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func build(t *testing.T, perReplica float64) policy.Policy {
	t.Helper()
	p, err := example.New(example.Config{PerReplica: perReplica}, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	policytest.Run(t,
		func(t *testing.T) policy.Policy { return build(t, 3) },
		func(t *testing.T) policy.Policy { return build(t, 4) })
}

func TestSevenRequestsAtThreeEachWantThreeReplicas(t *testing.T) {
	load := scaletest.Fresh(scale.Concurrency, scaletest.At(time.Second), 7)
	rec, err := build(t, 3).Recommend(scaletest.Observation(time.Second, 1, load))
	if err != nil || rec.Replicas != 3 {
		t.Errorf("got %d (%s), %v; want 3", rec.Replicas, rec.Reason, err)
	}
}
