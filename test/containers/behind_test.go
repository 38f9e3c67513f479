//go:build linux

package containers

import (
	"log/slog"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/process"
)

const (
	// briefly is the longest wait for requests in progress.
	briefly = scale.Duration(2 * time.Second)
	// cutOff is for how long a balancer takes nothing over: longer than all that
	// is ever waited for one.
	cutOff = 25 * time.Second
)

// A balancer that serves and cannot be told anything, for longer than every
// time-out, keeps the replicas that it sends requests to: none is lost, the
// condition says why, and once it follows they end.
func TestNothingIsLostWhileTheBalancerIsBehind(t *testing.T) {
	testenv.Long(t)
	for name, before := range map[string]func(*testing.T, *slog.Logger) front{
		"nginx": nginxFront, "haproxy": haproxyFront, "traefik over HTTP": traefikFront, "traefik in a file": traefikFileFront,
	} {
		for _, kind := range []string{"process", "docker"} {
			t.Run(kind+"/"+name, func(t *testing.T) { behind(t, put(t, impatient(t, kind), before)) })
		}
	}
}

// impatient is a service of a kind whose replicas get little time to drain.
func impatient(t *testing.T, kind string) target.Config {
	cfg := kinds[kind](t, abrupt)
	switch c := cfg.(type) {
	case *process.Config:
		c.DrainTimeout = briefly
	case *docker.Config:
		c.DrainTimeout = briefly
	}
	return cfg
}

// says is the reason, in words of the program: not that time is up.
var says = regexp.MustCompile(`(nginx|HAProxy|Traefik) `)

func behind(t *testing.T, c *crew) {
	c.scale(4)
	// Not so many that one who is only slow looks like one who is gone.
	requests := traffictest.Send(t, c.front.address, traffictest.Only(traffictest.Gets, traffictest.Posts), rps/4, calm+cutOff+2*calm)
	time.Sleep(calm)
	restore := c.front.hinder()
	must(t, c.target.SetReplicas(t.Context(), 2))
	time.Sleep(cutOff)
	status, err := c.target.Status(t.Context())
	must(t, err)
	if len(status.Replicas) != 4 {
		t.Errorf("%d replicas are left while the balancer does not follow, want all 4", len(status.Replicas))
	}
	said := slices.IndexFunc(status.Conditions, func(c scale.Condition) bool { return c.Type == scale.BalancerBehind })
	if said < 0 || time.Since(status.Conditions[said].Since) < cutOff/2 || !says.MatchString(status.Conditions[said].Message) {
		t.Errorf("conditions %+v, want %s, since when and why", status.Conditions, scale.BalancerBehind)
	}
	t.Log(status.Conditions)
	restore()
	eventually(t, "two replicas end", func() bool {
		status, err := c.target.Status(t.Context())
		must(t, err)
		return len(status.Replicas) == 2 && len(status.Conditions) == 0
	})
	requests.Perfect()
}
