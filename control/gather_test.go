package control

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// A round waits for all monitors. What has changed meanwhile and was told at
// once is not taken back by the counts with which the round began.
//
//	executor: counts │ executor: a replica runs │ balancer: samples = whole
func TestAWholeReportIsNoOlderThanAChangeThatWasTold(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	counts := func(phase scale.Phase) *target.Status {
		return &target.Status{SpecReplicas: 1, Replicas: []scale.Replica{{ID: "a", Phase: phase}}}
	}
	refuses := []scale.Condition{{Type: scale.BalancerRefuses}}
	g := Gatherer{round: map[string]Report{}, missed: map[string]int{"balancer": 0, "executor": 0}, beside: map[string][]scale.Condition{}}
	g.take(Report{By: "executor", Measured: true, At: began, Status: counts(scale.Pending)})
	told := g.take(Report{By: "executor", At: began.Add(400 * time.Millisecond), Status: counts(scale.Running)})
	if len(told) != 1 || told[0].Status.Replicas[0].Phase != scale.Running {
		t.Fatalf("a change is told as %+v, want it at once", told)
	}
	whole := g.take(Report{By: "balancer", Measured: true, At: began.Add(700 * time.Millisecond), Conditions: refuses})
	if len(whole) != 1 || whole[0].Status.Replicas[0].Phase != scale.Running || !whole[0].At.Equal(told[0].At) || len(whole[0].Status.Conditions) != 1 {
		t.Errorf("the round is told as %+v, want the counts of the change, and what the balancer says", whole)
	}
	g.take(Report{By: "balancer", Measured: true, At: began.Add(1700 * time.Millisecond)})
	whole = g.take(Report{By: "executor", Measured: true, At: began.Add(time.Second), Status: counts(scale.Failed)})
	if len(whole) != 1 || whole[0].Status.Replicas[0].Phase != scale.Failed || !whole[0].At.Equal(began.Add(time.Second)) {
		t.Errorf("the next round is told as %+v, want its own counts", whole)
	}
}
