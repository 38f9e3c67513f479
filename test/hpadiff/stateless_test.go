package hpadiff

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

const statelessCases = 200_000

// Each metric of each case must propose what upstream's calculator does, or
// fail where it fails. The clock of the bubble stands still: both sides see the
// same time.
func TestProposalsAreThoseOfTheReplicaCalculator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		differences := 0
		cases := fewer(statelessCases)
		for seed := range uint64(cases) {
			if why := propose(seed, seen); why != "" {
				if differences++; differences <= 5 {
					t.Errorf("case %d: %s", seed, why)
				}
			}
		}
		t.Logf("%d cases, %d differences: %v", cases, differences, seen)
		for _, kind := range []string{"Resource", "ContainerResource", "Pods", "Object", "External"} {
			for _, outcome := range []string{"error", "hold", "up", "down"} {
				if n := seen[kind+" "+outcome]; n < cases/2000 {
					t.Errorf("%s ends in %s in %d cases only: the generator is too narrow", kind, outcome, n)
				}
			}
		}
	})
}

// propose compares one case and says how the two differ.
func propose(seed uint64, seen map[string]int) string {
	d := roll(seed)
	m := d.metric(0)
	current := int32(d.IntN(12))
	w := d.world(time.Now(), current, []metric{m}, d.load())
	up, down := d.tolerance(), d.tolerance()
	initial, delay := pick(d, 0, 2*time.Minute, 5*time.Minute), pick(d, 0, 10*time.Second, 30*time.Second)

	cfg := hpa.Default()
	cfg.Metrics, cfg.CPUInitializationPeriod, cfg.InitialReadinessDelay = []hpa.Metric{m.ours()}, scale.Duration(initial), scale.Duration(delay)
	if err := cfg.Validate(); err != nil {
		return err.Error()
	}
	p, err := hpa.New(cfg, policy.Env{ScaleUpTolerance: &up, ScaleDownTolerance: &down})
	if err != nil {
		return err.Error()
	}
	rec, _ := p.Recommend(w.observation([]metric{m}))
	ours := rec.Proposals[0]

	a := &api{world: w}
	calculator := podautoscaler.NewReplicaCalculator(a.metrics(), podLister{a}, initial, delay)
	theirs, err := calculate(calculator, &m, w, tolerances(up, down))
	seen[m.kind+" "+outcome(int(theirs), int(current), err)]++
	if ours.Missing != (err != nil) || err == nil && ours.Replicas != int(theirs) {
		return fmt.Sprintf("%+v at %d replicas, tolerance up %v down %v: we propose %d, missing %v (%s); upstream %d, %v\n%+v",
			m, current, up, down, ours.Replicas, ours.Missing, ours.Reason, theirs, err, w)
	}
	return ""
}

func outcome(n, current int, err error) string {
	switch {
	case err != nil:
		return "error"
	case n > current:
		return "up"
	case n < current:
		return "down"
	}
	return "hold"
}

func (d dice) tolerance() float64 { return pick(d, 0.1, 0.1, 0, 0.05, 0.2, 0.015) }

// tolerances makes upstream's value, whose fields are not exported: that of
// scaling down comes first.
func tolerances(up, down float64) podautoscaler.Tolerances {
	raw := [2]float64{down, up}
	return *(*podautoscaler.Tolerances)(unsafe.Pointer(&raw))
}

func TestTolerancesHaveTheLayoutWeWrite(t *testing.T) {
	if got, want := tolerances(0.3, 0.1).String(), "[down:10.0%, up:30.0%]"; got != want || unsafe.Sizeof(podautoscaler.Tolerances{}) != 16 {
		t.Fatalf("got %s, want %s: upstream's type has changed", got, want)
	}
}

// calculate asks upstream as computeReplicasForMetric does.
func calculate(c *podautoscaler.ReplicaCalculator, m *metric, w *world, tolerance podautoscaler.Tolerances) (n int32, err error) {
	spec, ctx := m.theirs(), context.Background()
	switch m.kind {
	case "Resource", "ContainerResource":
		name := corev1.ResourceName(m.name)
		if m.averageValue != 0 {
			n, _, _, err = c.GetRawResourceReplicas(ctx, w.spec, m.averageValue, name, tolerance, namespace, selector(), m.container)
			return n, err
		}
		n, _, _, _, err = c.GetResourceReplicas(ctx, w.spec, m.utilization, name, tolerance, namespace, selector(), m.container)
	case "Pods":
		n, _, _, err = c.GetMetricReplicas(w.spec, m.averageValue, m.name, tolerance, namespace, selector(), selector())
	case "Object":
		about := &autoscalingv2.CrossVersionObjectReference{Kind: "Service", Name: target}
		if m.value != 0 {
			n, _, _, err = c.GetObjectMetricReplicas(w.spec, m.value, m.name, tolerance, namespace, about, selector(), selector())
		} else {
			n, _, _, err = c.GetObjectPerPodMetricReplicas(w.status, m.averageValue, m.name, tolerance, namespace, about, selector())
		}
	case "External":
		if m.value != 0 {
			n, _, _, err = c.GetExternalMetricReplicas(w.spec, m.value, m.name, tolerance, namespace, spec.External.Metric.Selector, selector())
		} else {
			n, _, _, err = c.GetExternalPerPodMetricReplicas(w.status, m.averageValue, m.name, tolerance, namespace, spec.External.Metric.Selector)
		}
	}
	return n, err
}
