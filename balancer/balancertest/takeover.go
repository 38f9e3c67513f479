package balancertest

import (
	"context"
	"testing"
	"time"
)

// notYet is how long it is watched that a drain goes on.
const notYet = 500 * time.Millisecond

// takeover has a request to x in progress as a controller crashes, which set the
// backends of before last. The one that begins then sets those of after, and
// drains x, which it may never have listed. One that it has listed itself does not
// wait for x.
func takeover(before, after []string) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		if r.Takeover == nil {
			return // no request outlives it
		}
		r.set("x")
		request := r.begin("x")
		r.set("x", "y")
		r.set(before...)
		r.Balancer = r.Takeover()
		r.set(after...)
		r.must(r.Balancer.Leave(t.Context(), "x"))
		for range 10 {
			if got := r.mustGet(); got != "y" {
				t.Fatalf("a request reached %s, want only y once x was left", got)
			}
		}
		r.set(append(after, "z")...)
		r.set(after...)
		r.must(r.drainSoon("z"))
		drained := make(chan error, 1)
		go func() { drained <- r.Balancer.Drain(t.Context(), "x") }()
		if !r.Blind {
			select {
			case err := <-drained:
				t.Errorf("drain returned (%v) with a request from before in progress", err)
				drained <- err
			case <-time.After(notYet):
			}
		}
		if err := request.finish(); err != nil {
			t.Errorf("the request in progress: %v", err)
		}
		r.must(wait(t, drained))
	}
}

// drainSoon drains one that has nothing in progress.
func (r *rig) drainSoon(id string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	return r.Balancer.Drain(ctx, id)
}
