package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// told is a balancer of which only the state of its backends matters.
type told struct {
	balancer.Balancer
	all []balancer.BackendStatus
}

func (t *told) Backends(context.Context) ([]balancer.BackendStatus, error) { return t.all, nil }

func TestReplicasThatTheBalancerDoesNotReach(t *testing.T) {
	out := balancer.BackendStatus{State: balancer.Unhealthy, Fault: "dial tcp 10.0.1.3:80: no route to host"}
	active, leaves := balancer.BackendStatus{State: balancer.Active}, balancer.BackendStatus{State: balancer.Draining}
	b := &told{}
	r := &reach{balancer: b, clock: clock.NewFast(time.Now(), 60)}
	for name, c := range map[string]struct {
		all  []balancer.BackendStatus
		said bool
	}{
		"none of three":       {[]balancer.BackendStatus{out, out, out}, true},
		"one that ends":       {[]balancer.BackendStatus{out, out, out, leaves}, true},
		"one takes work":      {[]balancer.BackendStatus{out, out, active}, false},
		"there are none":      {nil, false},
		"all there are leave": {[]balancer.BackendStatus{leaves}, false},
	} {
		b.all = c.all
		got := r.conditions()
		if (len(got) == 1) != c.said {
			t.Errorf("%s: said %v", name, got)
		}
		if c.said && (got[0].Type != scale.BackendsUnreachable || got[0].Since.IsZero() || !strings.Contains(got[0].Message, "none of 3 ready replicas: dial tcp 10.0.1.3:80: no route")) {
			t.Errorf("%s: said %+v", name, got)
		}
	}
}
