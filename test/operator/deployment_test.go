//go:build linux

package operator

import (
	"testing"
	"time"
)

// A Deployment of a real cluster, by what ships, with the rights that ship. Its
// pods are fake.
func TestADeploymentIsScaled(t *testing.T) {
	c := installWhatShips(t)
	c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)
	c.says(t, "web", "{.status.target} {.status.currentReplicas} {.status.readyReplicas}", "Deployment/web 5 5")
	c.says(t, "web", condition("DataFresh"), "True Fresh")
	s.load(12)
	s.reaches(t, 2)

	c.Kubectl(t, "delete", "fas", "web", "-n", c.namespace)
	s.keeps(t, 2, 2*time.Second)
	s.only(t, 1, 5, 2)
}
