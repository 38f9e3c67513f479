package builtin

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/flyball-io/flyball/balancer"
)

// waiting is a backend whose requests wait for release.
func waiting(t *testing.T, r *rig, id string) (release func() string) {
	t.Helper()
	arrived, until, answer := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-until
		fmt.Fprint(w, "done")
	})
	if err := r.SetBackends(t.Context(), []balancer.Backend{{ID: id, Address: s.Listener.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	go func() { _, body := r.get("/"); answer <- body }()
	<-arrived
	return func() string {
		close(until)
		return <-answer
	}
}

// Whoever drains first and lists later, or the other way round: the drain
// waits for what is in progress.
func TestDrainingARemovedBackendWaits(t *testing.T) {
	r := start(t, nil)
	release := waiting(t, r, "a")
	r.backends(named(t, "b"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Drain(ctx, "a"); err == nil {
		t.Error("drained with a request in progress")
	}
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context(), "a") }()
	if got := release(); got != "done" {
		t.Errorf("got %q, want done", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if n := len(r.pool.leaving); n != 0 {
		t.Errorf("%d backends are still leaving", n)
	}
}

func TestDrainingBackendThatMovesStaysDraining(t *testing.T) {
	r := start(t, nil)
	r.backends(named(t, "a"), named(t, "b"))
	if err := r.Drain(t.Context(), "b0"); err != nil {
		t.Fatal(err)
	}
	moved, b := named(t, "moved"), named(t, "b")
	r.backends(moved, b)
	if got := r.state("b0"); got != balancer.Draining {
		t.Errorf("got %s, want draining at the new address too", got)
	}
	if got := r.state("b1"); got != balancer.Active {
		t.Errorf("got %s, want b1 active", got)
	}
}
