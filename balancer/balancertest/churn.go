package balancertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// noneLost sends requests without a pause while backends are drained,
// removed, stopped and replaced: not one may fail.
func noneLost(t *testing.T, r *rig) {
	const rounds, clients = 12, 4
	r.set("keeper", "r0")
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var sent, lost atomic.Int64
	for c := range clients {
		method := []string{http.MethodGet, http.MethodPost}[c%2]
		work.Go(func() {
			for ctx.Err() == nil {
				if _, err := r.send(context.Background(), method, "/", strings.Repeat("x", 100*c)); err != nil {
					lost.Add(1)
					t.Errorf("%s: %v", method, err)
				}
				sent.Add(1)
			}
		})
	}
	for round := range rounds {
		before := sent.Load()
		r.eventually("requests flow", func() bool { return sent.Load() >= before+20 })
		old, fresh := fmt.Sprint("r", round), fmt.Sprint("r", round+1)
		r.set("keeper", old, fresh)
		r.must(r.Balancer.Drain(t.Context(), old))
		r.set("keeper", fresh)
		r.server(old).http.Close()
	}
	cancel()
	work.Wait()
	if lost.Load() > 0 {
		t.Errorf("lost %d of %d requests", lost.Load(), sent.Load())
	}
}
