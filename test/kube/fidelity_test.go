//go:build linux

package kube

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/clustertest"
)

// settles is how long after a change of what is seen the two may differ: each
// looks every 5 s in its own time, at measurements of every 10 s.
const settles = 20 * time.Second

// usages are what each pod uses, one after the other, of 100m at a target of 60 %:
// more, within the tolerance, much more, within it again, and less.
var usages = []string{"100m", "61m", "150m", "64m", "60m", "30m", "10m"}

// exactAtEverySync has the exact HPA beside the live one: the same pods, the same
// measurements, up, down and within the tolerance, with its scale-down window and
// its rate. Their wishes are equal but for moments after a change that one has seen
// and the other not yet, and then by one look.
func (l *lab) exactAtEverySync() {
	t := l.t
	t.Helper()
	l.cluster.Apply(t, l.namespace, fmt.Sprintf(fakes, "webapp", 10, clustertest.OnFakeNodes))
	l.cluster.Ready(t, patience, l.namespace, "webapp", 10)
	l.measured("webapp")
	end := l.meanwhile("experiment", "--ai", "predictive", "-n", l.namespace, "--mode", "hpa_only", "--interval", "5", "--max-replicas", "60", "--min-replicas", "2", "--output-dir", "data")
	for _, cpu := range usages[:*steps] {
		l.cluster.SetCPU(t, l.namespace, "app=webapp", cpu)
		<-time.After(45 * time.Second)
	}
	end()

	equal, known := 0, 0
	var changed time.Time
	var before experiment.Row
	for i, r := range l.rows(experiment.HPAOnly) {
		if i == 0 || r.CurrentReplicas != before.CurrentReplicas || number(r.HPASimCPURatio) != number(before.HPASimCPURatio) {
			changed = r.Timestamp
		}
		before = r
		if r.HPASimDesired == nil || r.HPADesiredReplicas == nil {
			continue
		}
		known++
		switch since := r.Timestamp.Sub(changed); {
		case *r.HPASimDesired == *r.HPADesiredReplicas:
			equal++
		case since <= settles:
			t.Logf("%s: computed %d, live %d, at ratio %.2f: %v after a change", r.Timestamp.Format(time.TimeOnly), *r.HPASimDesired, *r.HPADesiredReplicas, number(r.HPASimCPURatio), since)
		default:
			t.Errorf("%s: computed %d, live %d, at ratio %.2f of %d replicas, and nothing has changed for %v", r.Timestamp.Format(time.TimeOnly), *r.HPASimDesired, *r.HPADesiredReplicas,
				number(r.HPASimCPURatio), r.CurrentReplicas, since)
		}
	}
	t.Logf("equal in %d of %d rows", equal, known)
	if known < 6**steps || equal*10 < known*7 {
		t.Errorf("equal in %d of %d rows, want 7 in 10 of %d and more", equal, known, 6**steps)
	}
}

func number(v *float64) float64 {
	if v == nil {
		return -1
	}
	return *v
}

// fakes is a Deployment of pods that use what the test says.
const fakes = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {kwok.x-k8s.io/usage-cpu: 60m, kwok.x-k8s.io/usage-memory: 20Mi}
    spec: {%[3]s, containers: [{name: app, image: none, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}
`

// One decision now sees what the pods use now, as the decisions of run do.
func TestPlanSeesWhatPodsUse(t *testing.T) {
	l := newPlace(t)
	l.cluster.Metrics(t)
	l.cluster.Apply(t, l.namespace, fmt.Sprintf(fakes, "web", 4, clustertest.OnFakeNodes))
	l.cluster.Ready(t, patience, l.namespace, "web", 4)
	file := l.write("  target: {kubernetes: {name: web}}\n  replicas: {min: 1, max: 10}\n  policy: {hpa: {cpuUtilization: 30}}\n")
	clustertest.Eventually(t, patience, func(ctx context.Context) error { // until all are measured
		out, err := l.command(ctx, "plan", "-f", file, "--state-dir", "state").CombinedOutput()
		if err == nil && (!strings.Contains(string(out), "web  4 → 8 ") || strings.Contains(string(out), "cannot read")) { // 60m of 100m, which is twice the target
			err = fmt.Errorf("got %s", out)
		}
		return err
	})
}
