package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// told is a balancer of which only the state of its backends matters.
type told struct {
	balancer.Balancer
	all   []balancer.BackendStatus
	fails error
}

func (t *told) Backends(context.Context) ([]balancer.BackendStatus, error) { return t.all, t.fails }

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

// Backends come and go with what they have counted; what was before the first
// look is the time of another controller.
func TestWhatTheBalancerCarriesIsAddedUp(t *testing.T) {
	backend := func(id string, state balancer.State, requests, failures uint64) balancer.BackendStatus {
		return balancer.BackendStatus{Backend: balancer.Backend{ID: id}, State: state, Requests: requests, Failures: failures, InFlight: 2}
	}
	b := &told{}
	r := &reach{balancer: b, clock: clock.NewFast(time.Now(), 60)}
	if r.carriedNow() != nil {
		t.Error("carries before it was asked")
	}
	for i, step := range []struct {
		all  []balancer.BackendStatus
		want control.Carried
	}{
		{[]balancer.BackendStatus{backend("a", balancer.Active, 1000, 10)}, control.Carried{Active: 1, InFlight: 2}},
		{[]balancer.BackendStatus{backend("a", balancer.Draining, 1005, 11), backend("b", balancer.Active, 3, 0)},
			control.Carried{Active: 1, Draining: 1, InFlight: 4, Requests: 8, Failures: 1}},
		{[]balancer.BackendStatus{backend("b", balancer.Unhealthy, 1, 1)}, control.Carried{Unhealthy: 1, InFlight: 2, Requests: 9, Failures: 2}},
		{nil, control.Carried{Requests: 9, Failures: 2}},
	} {
		b.all = step.all
		r.conditions()
		if got := r.carriedNow(); got == nil || *got != step.want {
			t.Errorf("step %d: carries %+v, want %+v", i, got, step.want)
		}
	}
	b.fails = errors.New("away")
	r.conditions()
	if got := r.carriedNow(); got != nil {
		t.Errorf("it does not answer, but carries %+v", got)
	}
}
