//go:build linux

package operator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// From kubectl apply to a status that says what was done and why; a wrong one
// is told and left out; a pause by annotation; a deletion that leaves all.
func TestDocumentsOfACluster(t *testing.T) {
	c := install(t)
	c.operate(t)
	c.world.Load("web", 45)
	c.Apply(t, c.namespace, document("web", "web"))
	c.says(t, "web", "{.status.currentReplicas}", "5")
	c.says(t, "web", condition("Ready"), "True Running: decisions are applied")
	c.says(t, "web", condition("AbleToScale"), "True ReadyForNewScale")
	c.says(t, "web", condition("ScalingActive"), "True ValidMetricFound")
	c.says(t, "web", "{.status.decisions[0].to} {.status.observedGeneration} {.status.target}", "5 1 fake web")

	c.Apply(t, c.namespace, strings.Replace(document("wrong", "wrong"), "requestRate", "nothingMeasured", 1))
	c.says(t, "wrong", condition("Ready"), "False InvalidDocument")
	c.Apply(t, c.namespace, document("second", "web"))
	c.says(t, "second", condition("Ready"), "False TargetTaken")
	told(t, c, "web", "SuccessfulRescale")
	told(t, c, "wrong", "nobody measures the signal")
	told(t, c, "second", "the older one stays")

	c.Kubectl(t, "annotate", "fas", "web", "-n", c.namespace, "flyball.io/paused=true")
	c.says(t, "web", condition("ScalingActive"), "False ScalingDisabled")
	c.world.Load("web", 85)
	c.says(t, "web", "{.status.desiredReplicas}", "9")
	if got := c.world.Count("web"); got != 5 {
		t.Errorf("%d replicas while it is paused, want 5", got)
	}
	c.Kubectl(t, "annotate", "fas", "web", "-n", c.namespace, "flyball.io/paused-")
	c.says(t, "web", "{.status.currentReplicas}", "9")

	c.Kubectl(t, "delete", "fas", "web", "-n", c.namespace)
	c.says(t, "second", condition("Ready"), "True Running")
	if got := c.world.Count("web"); got != 9 {
		t.Errorf("%d replicas after the document went, want the 9 to stay", got)
	}
}

// told waits until an event of an Autoscaler says something.
func told(t *testing.T, c *installed, name, want string) {
	t.Helper()
	clustertest.Eventually(t, 30*time.Second, func(ctx context.Context) error {
		out, err := c.KubectlCommand(ctx, c.Kubeconfig, "events", "-n", c.namespace, "--for", "autoscaler/"+name).CombinedOutput()
		if err == nil && !strings.Contains(string(out), want) {
			err = fmt.Errorf("events of %s: %s; want %q", name, out, want)
		}
		return err
	})
}

// The instance that acts ends in order, is cut off, and comes back: another one
// acts within the time of the Lease and goes on with what was learned.
func TestAnotherInstanceTakesOver(t *testing.T) {
	c := install(t)
	first := c.operate(t)
	c.world.Load("web", 45)
	c.Apply(t, c.namespace, document("web", "web")+"  cooldown: {scaleDown: 10m}\n")
	c.says(t, "web", "{.status.currentReplicas}", "5")
	second := c.operate(t)

	began := time.Now()
	if err := first.stop(); err != nil {
		t.Errorf("the first ends with %v", err)
	}
	if out := c.Kubectl(t, "get", "fasm", "web", "-n", c.namespace, "-o", "jsonpath={.metadata.ownerReferences[0].name}"); out != "web" {
		t.Errorf("what is remembered belongs to %q, want web", out)
	}
	c.world.Load("web", 85)
	until(t, 30*time.Second, func() bool { return c.world.Count("web") == 9 })
	t.Logf("ended in order: the next acted %v after", time.Since(began).Round(100*time.Millisecond))
	c.world.Load("web", 10) // the cooldown that the first or the second began holds
	time.Sleep(3 * time.Second)
	if got := c.world.Count("web"); got != 9 {
		t.Errorf("%d replicas, want the 9 of the cooldown", got)
	}

	third := c.operate(t)
	second.cut.Store(true)
	began = time.Now()
	select {
	case err := <-second.done:
		second.done <- err
		if err == nil {
			t.Error("an instance that has lost the Lease ends without a word")
		}
		t.Logf("cut off: it ended %v after: %v", time.Since(began).Round(100*time.Millisecond), err)
	case <-time.After(time.Minute):
		t.Fatal("an instance that was cut off goes on")
	}
	c.says(t, "web", condition("Ready"), "True Running")
	holder := c.Kubectl(t, "get", "lease", "flyball", "-n", own, "-o", "jsonpath={.spec.leaseTransitions}")
	t.Logf("cut off: another acts after %v, %s changes", time.Since(began).Round(100*time.Millisecond), holder)
	time.Sleep(3 * time.Second)
	if got := c.world.Count("web"); got != 9 {
		t.Errorf("%d replicas after the take-over, want the 9 of the cooldown", got)
	}
	if err := third.stop(); err != nil {
		t.Errorf("the third ends with %v", err)
	}
}

func until(t *testing.T, within time.Duration, is func() bool) {
	t.Helper()
	clustertest.Eventually(t, within, func(context.Context) error {
		if !is() {
			return fmt.Errorf("not within %v", within)
		}
		return nil
	})
}
