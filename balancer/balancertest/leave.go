package balancertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// leaveBusy: who leaves a backend need not wait for what is in progress there.
func leaveBusy(t *testing.T, r *rig) {
	r.set("a")
	first := r.begin("a")
	r.set("a", "b")
	r.must(r.Balancer.Leave(t.Context(), "a"))
	for range 10 {
		if got := r.mustGet(); got != "b" {
			t.Fatalf("a request reached %s, want only b once a was left", got)
		}
	}
	if err := first.finish(); err != nil {
		t.Errorf("the request in progress: %v", err)
	}
}

func leaveUnknown(t *testing.T, r *rig) {
	r.set("a", "b")
	r.set("b")
	r.must(r.Balancer.Leave(t.Context(), "a"))
	r.must(r.Balancer.Leave(t.Context(), "nobody"))
	if got := statesOf(r.statuses()); len(got) != 1 || got["b"] != balancer.Active {
		t.Errorf("got %v, want only b, active", got)
	}
}

// leaveUnset: a program goes on with what an earlier controller told it, until
// this one says who there is.
func leaveUnset(t *testing.T, r *rig) {
	if r.Hinder == nil {
		return // it goes on with nothing that it was not told itself
	}
	if err := r.Balancer.Leave(t.Context(), "a"); !errors.Is(err, balancer.ErrNothingSet) {
		t.Errorf("got %v, want %v", err, balancer.ErrNothingSet)
	}
}

// leaveBehind: as long as a balancer does not follow it has left nobody, whether
// the backend is listed or not, and it says why. Afterwards it follows.
func leaveBehind(t *testing.T, r *rig) {
	if r.Hinder == nil {
		return // nothing keeps it from following
	}
	r.set("a", "b", "c")
	restore := r.Hinder(t)
	leave := func(id string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return r.Balancer.Leave(ctx, id)
	}
	refused := func(id string) {
		t.Helper()
		err := leave(id)
		if err == nil {
			t.Fatalf("%s was left, and the balancer does not follow", id)
		}
		if said := err.Error(); said == context.DeadlineExceeded.Error() || said == "" {
			t.Errorf("%s is not left, and nobody says why: %q", id, said)
		}
		t.Logf("%s: %v", id, err)
	}
	refused("a")
	refused("a") // also when it is asked again
	seen := map[string]bool{}
	r.eventually("requests still reach a", func() bool { seen[r.mustGet()] = true; return seen["a"] })
	gone, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r.Balancer.SetBackends(gone, []balancer.Backend{r.server("b").backend()}) == nil {
		t.Error("backends were set, and the balancer does not follow")
	}
	refused("a")
	refused("c")
	restore()
	r.eventually("a and c are left", func() bool { return leave("a") == nil && leave("c") == nil })
	for range 10 {
		if got := r.mustGet(); got != "b" {
			t.Fatalf("a request reached %s, want only b once the others were left", got)
		}
	}
}
