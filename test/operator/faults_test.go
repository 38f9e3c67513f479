//go:build linux

package operator

import (
	"testing"
	"time"
)

// The API server is killed and comes back: the count stays, decisions go on by
// the same instance or the next one within the time of the Lease, and what is
// written meanwhile is taken.
func TestTheAPIServerComesBack(t *testing.T) {
	c := install(t)
	first := c.operate(t)
	c.world.Load("web", 45)
	c.Apply(t, c.namespace, document("web", "web"))
	c.says(t, "web", "{.status.currentReplicas}", "5")

	c.APIServer.Kill(t)
	c.world.Load("web", 65)
	time.Sleep(time.Second)
	c.APIServer.Start(t)
	select {
	case err := <-first.done: // the Lease was lost: its pod would be started again
		first.done <- err
		t.Logf("the instance ended: %v", err)
		c.operate(t)
	case <-time.After(8 * time.Second):
		t.Log("the instance kept the Lease")
	}
	began := time.Now()
	c.says(t, "web", "{.status.currentReplicas} {.status.decisions[0].from}", "7 5")
	first.refused.Clear() // an API server that begins does not know of any rights yet
	t.Logf("told %v after", time.Since(began).Round(time.Second/10))
	c.Kubectl(t, "annotate", "fas", "web", "-n", c.namespace, "flyball.io/paused=true")
	c.says(t, "web", condition("ScalingActive"), "False ScalingDisabled")
}
