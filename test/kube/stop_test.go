//go:build linux

package kube

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// A controller that is killed leaves the HPA resting. Who asks what is left is
// told, and by one command more the HPA scales again.
func TestStopHandsBackWhatAKilledControllerTookOver(t *testing.T) {
	l := newPlace(t, clustertest.HPA(2*time.Second, 10*time.Second))
	l.deployFake("web", 1)
	l.cluster.Apply(t, l.namespace, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
`)
	l.cluster.Ready(t, patience, l.namespace, "web", 3)
	spec := func() string {
		return l.cluster.Kubectl(t, "get", "hpa", "web", "--namespace", l.namespace, "--output", "jsonpath={.spec}{.metadata.annotations}")
	}
	before := spec()
	file := l.write("  target: {kubernetes: {name: web, takeOver: true}}\n  replicas: {min: 1, max: 8}\n  policy: {schedule: {windows: [{cron: \"* * * * *\", duration: 1m, min: 3}]}}\n") // needs no data to decide
	stop := func(args ...string) []string { return append([]string{"stop", "--state-dir", "state"}, args...) }

	kill := l.killable("run", "-f", file, "--state-dir", "state", "--listen", "127.0.0.1:0")
	clustertest.Eventually(t, patience, func(context.Context) error {
		if !strings.Contains(spec(), "flyball.io/taken-over") {
			return errors.New("the HPA is not taken over")
		}
		return nil
	})
	// While the controller runs it is its own: it takes it over again.
	_ = l.command(t.Context(), stop("hpa/web", "--namespace", l.namespace, "--yes")...).Run() // whether that is soon enough to be said depends on the machine
	clustertest.Eventually(t, patience, func(context.Context) error {
		if !strings.Contains(spec(), "flyball.io/taken-over") {
			return errors.New("the HPA is not taken over again")
		}
		return nil
	})
	kill()
	if out, _ := l.run(stop()...); !strings.Contains(out, "hpa/web in namespace "+l.namespace) || !strings.Contains(out, "scales Deployment/web from 3 to 5, rests for the document web") {
		t.Errorf("it is not listed: %s", out)
	}
	l.cluster.Kubectl(t, "scale", "deployment", "web", "--namespace", l.namespace, "--replicas=1")
	l.cluster.Ready(t, patience, l.namespace, "web", 1) // nobody scales
	if out, _ := l.run(stop("hpa/web", "--yes")...); !strings.Contains(out, "hpa/web in namespace "+l.namespace+": handed back; it scales Deployment/web from 3 to 5") {
		t.Errorf("got %s", out)
	}
	if after := spec(); after != before {
		t.Errorf("the HPA is %s, and was %s", after, before)
	}
	l.cluster.Ready(t, patience, l.namespace, "web", 3) // the HPA scales again
	if out, _ := l.run(stop("--taken-over")...); out != "Nothing is taken over\n" {
		t.Errorf("what is left after all: %s", out)
	}
}

// killable runs the program beside the test, until it is killed.
func (l *lab) killable(args ...string) (kill func()) {
	l.t.Helper()
	cmd := l.command(context.WithoutCancel(l.t.Context()), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	gone := false
	kill = func() {
		if !gone {
			gone = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed, and says so
		}
	}
	l.t.Cleanup(func() {
		kill()
		if l.t.Failed() {
			l.t.Logf("flyball %v:\n%s", args, out.String())
		}
	})
	return kill
}
