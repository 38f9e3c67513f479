//go:build linux

package operator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// Watches that end, and none can be begun: what is needed is asked for, and the
// count follows. Watches that say nothing any more: what a document says then is
// not heard, and the count follows the load all the same.
func TestWatchesThatBreak(t *testing.T) {
	c := installWhatShips(t)
	wire := c.wired(t)
	c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)

	wire.Refuse(func(in *http.Request) bool {
		return clustertest.IsWatch(in) || strings.HasSuffix(in.URL.Path, "/deployments") // nor all of them at once
	})
	s.load(65)
	recovered(t, "no watch can be begun: the count follows the load after", s.reaches(t, 7))
	c.Kubectl(t, "scale", "deployment", "web", "-n", c.namespace, "--replicas=2")
	recovered(t, "no watch can be begun: a count of somebody else is put back after", s.reaches(t, 7))
	s.patch(t, map[string]any{"replicas": map[string]any{"max": 6}})
	recovered(t, "no watch can be begun: a document is heard, by listing, after", s.reaches(t, 6))
	wire.Answer(nil)

	wire.Silence()
	s.load(25)
	recovered(t, "watches say nothing: the count follows the load after", s.reaches(t, 3))
	s.patch(t, map[string]any{"replicas": map[string]any{"max": 2}})
	s.keeps(t, 3, 5*time.Second) // nobody can have heard of it
	wire.Cut()
	recovered(t, "silent watches: a document is heard, from the end of their connections, after", s.reaches(t, 2))
	s.only(t, 1, 5, 7, 2, 7, 6, 3, 2) // the first 2 is of somebody else
}
