// Package balancertest holds the promises of balancer.Balancer as tests that
// every balancer runs, with real HTTP requests through it.
package balancertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// Subject is a balancer under test and the way requests take through it.
type Subject struct {
	Balancer balancer.Balancer
	// URL is where the balancer takes requests.
	URL string
	// Transport sends them; nil is HTTP over the network.
	Transport http.RoundTripper
	// Blind says that it counts nothing by backend, neither what is in progress
	// nor what has ended. A drain then trusts in time, and what is in progress
	// longer must finish although the backend is drained and removed.
	Blind bool
	// Hinder keeps the balancer from taking over any change until restore is
	// called, while it goes on with requests; nil: nothing can, as it is our own.
	Hinder func(t *testing.T) (restore func())
	// Takeover ends Balancer as a crash does, and returns the one of a controller
	// that begins then, for the same program; nil: requests end with it.
	Takeover func() balancer.Balancer
}

// Run checks the balancer that newSubject returns; it starts without
// backends.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	for _, promise := range []struct {
		name string
		test func(*testing.T, *rig)
	}{
		{"backends are listed by ID and active", listed},
		{"setting backends is absolute and idempotent", absolute},
		{"the caller may reuse what it passed", copied},
		{"requests reach every backend and are counted", counted},
		{"an answer of 5xx is a failure", failures},
		{"draining an unknown backend returns where nothing is from before", drainUnknown},
		{"draining an idle backend returns at once", drainIdle},
		{"draining stops new requests, and waits for those in progress", drainBusy},
		{"draining ends with its context", drainCancelled},
		{"two drains of one backend both return", drainTwice},
		{"leaving stops new requests, and waits for none in progress", leaveBusy},
		{"a backend that is not listed has been left", leaveUnknown},
		{"nobody has been left before backends were set", leaveUnset},
		{"nobody is left while it does not follow", leaveBehind},
		{"a draining backend stays so while it is listed", staysDraining},
		{"a removed backend finishes what it has and gets nothing new", removed},
		{"a backend that was away comes back active", comesBack},
		{"a drain goes on after a crash, of a backend that is listed no more", takeover([]string{"y"}, []string{"y"})},
		{"a drain goes on after a crash before the backend was taken out", takeover([]string{"x", "y"}, []string{"y"})},
		{"a drain goes on after a crash, of a backend that is listed once more", takeover([]string{"y"}, []string{"x", "y"})},
		{"nothing is lost while backends come and go", noneLost},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, newRig(t, newSubject(t))) })
	}
}

func listed(t *testing.T, r *rig) {
	if got := r.statuses(); len(got) != 0 {
		t.Fatalf("got %v, want none before any was set", got)
	}
	r.set("b", "a", "c")
	want := map[string]balancer.State{"a": balancer.Active, "b": balancer.Active, "c": balancer.Active}
	got := r.statuses()
	if diff := cmp.Diff(want, statesOf(got)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(got, func(a, b balancer.BackendStatus) int { return compare(a.ID, b.ID) }) {
		t.Errorf("got %v, want them sorted by ID", got)
	}
	for _, s := range got {
		if s.Address != r.server(s.ID).address() {
			t.Errorf("backend %s: address %q, want %q", s.ID, s.Address, r.server(s.ID).address())
		}
	}
}

func absolute(t *testing.T, r *rig) {
	r.set("a", "b")
	r.mustGet()
	var before []balancer.BackendStatus
	// The client may have the answer before the balancer has counted it.
	r.eventually("the request is over and counted", func() bool {
		before = r.statuses()
		idle := !slices.ContainsFunc(before, func(s balancer.BackendStatus) bool { return s.InFlight > 0 })
		counted := slices.ContainsFunc(before, func(s balancer.BackendStatus) bool { return s.Requests > 0 })
		return idle && (counted || r.Blind)
	})
	r.set("b", "a")
	if diff := cmp.Diff(before, r.statuses()); diff != "" {
		t.Errorf("setting the same backends again changed them (-before +after):\n%s", diff)
	}
	r.set("b")
	if diff := cmp.Diff(map[string]balancer.State{"b": balancer.Active}, statesOf(r.statuses())); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func copied(t *testing.T, r *rig) {
	list := []balancer.Backend{r.server("a").backend()}
	r.must(r.Balancer.SetBackends(t.Context(), list))
	list[0] = balancer.Backend{ID: "z", Address: "127.0.0.1:1"}
	if diff := cmp.Diff(map[string]balancer.State{"a": balancer.Active}, statesOf(r.statuses())); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func counted(t *testing.T, r *rig) {
	r.set("a", "b")
	seen := map[string]uint64{}
	for range 40 {
		seen[r.mustGet()]++
	}
	if seen["a"] == 0 || seen["b"] == 0 {
		t.Errorf("got %v, want requests on both", seen)
	}
	if r.Blind {
		return
	}
	r.eventually("the counts match what the backends saw", func() bool {
		for _, s := range r.statuses() {
			if s.Requests != seen[s.ID] || s.InFlight != 0 || s.Failures != 0 {
				return false
			}
		}
		return true
	})
}

func failures(t *testing.T, r *rig) {
	r.set("a")
	r.server("a").failing.Store(true)
	if _, err := r.get(); err == nil {
		t.Error("got a good answer, want the backend's 500 passed on")
	}
	r.server("a").failing.Store(false)
	r.mustGet()
	if r.Blind {
		return
	}
	r.eventually("one of two requests is a failure", func() bool {
		s := r.statuses()[0]
		return s.Requests == 2 && s.Failures == 1
	})
}

func drainUnknown(t *testing.T, r *rig) {
	r.set("a")
	r.must(r.Balancer.Drain(t.Context(), "nobody"))
	if got := statesOf(r.statuses()); len(got) != 1 || got["a"] != balancer.Active {
		t.Errorf("got %v, want only a, active", got)
	}
}

func drainIdle(t *testing.T, r *rig) {
	r.set("a", "b")
	r.must(r.Balancer.Drain(t.Context(), "a"))
	for range 10 {
		if got := r.mustGet(); got != "b" {
			t.Fatalf("a request reached %s, want only b while a drains", got)
		}
	}
}

func drainBusy(t *testing.T, r *rig) {
	r.set("a")
	first := r.begin("a")
	r.set("a", "b")
	drained := make(chan error, 1)
	go func() { drained <- r.Balancer.Drain(t.Context(), "a") }()
	r.eventually("a is draining", func() bool { return statesOf(r.statuses())["a"] == balancer.Draining })
	for range 10 {
		if got := r.mustGet(); got != "b" {
			t.Fatalf("a request reached %s, want only b while a drains", got)
		}
	}
	if r.Blind {
		r.must(wait(t, drained))
		r.set("b")
		r.mustGet()
	} else {
		select {
		case err := <-drained:
			t.Fatalf("drain returned (%v) with a request in progress", err)
		default:
		}
	}
	if err := first.finish(); err != nil {
		t.Errorf("the request in progress: %v", err)
	}
	if !r.Blind {
		r.must(wait(t, drained))
	}
}

func drainCancelled(t *testing.T, r *rig) {
	r.set("a")
	request := r.begin("a")
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- r.Balancer.Drain(ctx, "a") }()
	r.eventually("a is draining", func() bool { return statesOf(r.statuses())["a"] == balancer.Draining })
	cancel()
	if err := wait(t, drained); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := request.finish(); err != nil {
		t.Errorf("the request in progress: %v", err)
	}
}

func drainTwice(t *testing.T, r *rig) {
	r.set("a")
	request := r.begin("a")
	drained := make(chan error, 2)
	for range 2 {
		go func() { drained <- r.Balancer.Drain(t.Context(), "a") }()
	}
	r.eventually("a is draining", func() bool { return statesOf(r.statuses())["a"] == balancer.Draining })
	if err := request.finish(); err != nil {
		t.Errorf("the request in progress: %v", err)
	}
	r.must(wait(t, drained))
	r.must(wait(t, drained))
}

func staysDraining(t *testing.T, r *rig) {
	r.set("a", "b")
	r.must(r.Balancer.Drain(t.Context(), "a"))
	r.set("a", "b", "c")
	if got := statesOf(r.statuses())["a"]; got != balancer.Draining {
		t.Errorf("got %v, want a still draining", got)
	}
}

func removed(t *testing.T, r *rig) {
	r.set("a")
	request := r.begin("a")
	r.set("b")
	for range 10 {
		if got := r.mustGet(); got != "b" {
			t.Fatalf("a request reached %s, want only b", got)
		}
	}
	if err := request.finish(); err != nil {
		t.Errorf("the request in progress on the removed backend: %v", err)
	}
}

func comesBack(t *testing.T, r *rig) {
	r.set("a", "b")
	r.must(r.Balancer.Drain(t.Context(), "a"))
	r.set("b")
	r.set("a", "b")
	if got := statesOf(r.statuses())["a"]; got != balancer.Active {
		t.Errorf("got %v, want a active again", got)
	}
	r.eventually("a gets requests again", func() bool { return r.mustGet() == "a" })
}
