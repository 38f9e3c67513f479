//go:build linux

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/stress"
)

// Requests go to all ready pods: each has answered its share. What the kubelet
// says that they have used is some seconds old.
func TestLoadReachesEveryPod(t *testing.T) {
	l := newLab(t)
	l.deploy("web", "rig.test/workload:1", 3)
	out, _ := l.run("load", "--deployment", "web", "-n", l.namespace, "--rps", "30", "--duration", "10s", "--timeout", "5s", "--url", "/burn?cpu=5ms", "--json")
	var result struct {
		Requests int            `json:"requests"`
		Statuses map[string]int `json:"statuses"`
		Failed   int            `json:"failed"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || result.Failed > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, pod := range l.pods("web") {
		clustertest.Eventually(t, 30*time.Second, func(context.Context) error {
			if used := l.cpuSeconds(pod); used < 0.25 { // of a third of 300 requests of 5 ms; probes take a tenth of that
				return fmt.Errorf("%s has used %.3f s of CPU: it got no requests", pod, used)
			}
			return nil
		})
	}
}

// Pods are made busy from within, and left as they were.
func TestStressOnRealPods(t *testing.T) {
	l := newLab(t)
	l.makeShellImage()
	l.deploy("webapp", shellImage, 2)
	out, _ := l.run("stress", "cpu", "-n", l.namespace, "--workers", "2", "--duration", "8", "--json")
	var result stress.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil || len(result.Replicas) != 2 || len(result.Failed) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, pod := range result.Replicas {
		if used := l.cpuSeconds(pod); used < 0.5 { // of 2.4 s that its limit lets it have
			t.Errorf("%s has used %.2f s of CPU", pod, used)
		}
	}
	if _, said := l.run("stress", "memory", "-n", l.namespace, "--mb", "500", "--duration", "4", "--max-pods", "1"); !strings.Contains(said, "holds 63 MB of 500") {
		t.Errorf("said %s", said)
	}
	for _, pod := range result.Replicas {
		look := `for p in /proc/[0-9]*; do [ "${p#/proc/}" != $$ ] && echo $p; done; echo /dev/shm/*; true`
		got := l.cluster.Kubectl(t, "exec", "--namespace", l.namespace, pod, "--", "sh", "-c", look)
		if got != "/proc/1\n/dev/shm/*\n" {
			t.Errorf("%s holds %q, want its own process and nothing in /dev/shm", pod, got)
		}
	}
	cmd := l.command(t.Context(), "stress", "cpu", "-n", l.namespace, "--deployment", "nobody", "--duration", "5")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "--deployment: there is no Deployment "+l.namespace+"/nobody") {
		t.Errorf("%v: %s", err, out)
	}
}

// pods are those of an app.
func (l *lab) pods(app string) []string {
	l.t.Helper()
	out := l.cluster.Kubectl(l.t, "get", "pods", "--namespace", l.namespace, "--selector", "app="+app, "--output", "jsonpath={.items[*].metadata.name}")
	return strings.Fields(out)
}

// cpuSeconds is what a pod has used since its start, as its node counts.
func (l *lab) cpuSeconds(pod string) float64 {
	l.t.Helper()
	node := l.cluster.Kubectl(l.t, "get", "pod", pod, "--namespace", l.namespace, "--output", "jsonpath={.spec.nodeName}")
	out := l.cluster.Kubectl(l.t, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/metrics/resource")
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "container_cpu_usage_seconds_total{") && strings.Contains(line, `pod="`+pod+`"`) {
			var v float64
			if err := json.Unmarshal([]byte(strings.Fields(line[strings.Index(line, "}")+1:])[0]), &v); err != nil {
				l.t.Fatalf("%s: %v", line, err)
			}
			return v
		}
	}
	return 0
}
