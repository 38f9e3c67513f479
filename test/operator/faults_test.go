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
	c := installWhatShips(t)
	first := c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)

	c.APIServer.Kill(t)
	s.load(65)
	time.Sleep(2 * time.Second) // away for more than a decision
	c.APIServer.Start(t)
	began := time.Now()
	select {
	case err := <-first.done: // the Lease was lost: its pod would be started again
		first.done <- err
		t.Logf("the instance ended: %v", err)
		c.operate(t, asShipped)
	case <-time.After(8 * time.Second):
		t.Log("the instance kept the Lease")
	}
	until(t, 30*time.Second, func() bool { return s.last() == 7 })
	recovered(t, "API server back, until the count follows", s.after(began))
	c.says(t, "web", "{.status.currentReplicas} {.status.decisions[0].from}", "7 5")
	first.refused.Clear() // an API server that begins does not know of any rights yet
	c.Kubectl(t, "annotate", "fas", "web", "-n", c.namespace, "flyball.io/paused=true")
	c.says(t, "web", condition("ScalingActive"), "False ScalingDisabled")
	s.only(t, 1, 5, 7)
}
