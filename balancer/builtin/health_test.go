package builtin

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

func (r *rig) state(id string) balancer.State {
	r.t.Helper()
	all, err := r.Backends(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range all {
		if s.ID == id {
			return s.State
		}
	}
	return ""
}

func (r *rig) becomes(id string, want balancer.State) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%s is %s", id, want), func() bool { return r.state(id) == want })
}

func TestActiveCheckTakesOutAndBringsBack(t *testing.T) {
	r := start(t, func(c *Config) { c.Health.Path = "/healthz" })
	var sick atomic.Bool
	r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/healthz" && sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "a")
	}), named(t, "b"))
	sick.Store(true)
	r.becomes("b0", balancer.Unhealthy)
	if _, on := r.Load("b0"); on {
		t.Error("an unhealthy replica takes work")
	}
	for range 10 {
		if _, body := r.get("/"); body != "b" {
			t.Errorf("got an answer of %s, want only b", body)
		}
	}
	sick.Store(false)
	r.becomes("b0", balancer.Active)
}

func TestOneMissedCheckIsNotEnough(t *testing.T) {
	p := newPool(&leastConnections{}, func(b balancer.Backend) *backend { return &backend{Backend: b} })
	p.set([]balancer.Backend{{ID: "a"}})
	a, rule := p.known["a"], Health{UnhealthyAfter: 3, HealthyAfter: 2}
	for i, step := range []struct {
		ok   bool
		want change
	}{
		{false, unchanged}, {false, unchanged}, {true, unchanged}, // not three in a row
		{false, unchanged}, {false, unchanged}, {false, wentDown}, {false, unchanged},
		{true, unchanged}, {false, unchanged}, {true, unchanged}, {true, cameUp}, // two in a row
	} {
		if got := p.checked(a, step.ok, rule); got != step.want {
			t.Errorf("check %d (ok %v): got %v, want %v", i, step.ok, got, step.want)
		}
	}
}

func TestWithoutPathConnectingIsEnough(t *testing.T) {
	r := start(t, nil)
	backend := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	r.backends(backend)
	address := backend.Listener.Addr().String()
	eventually(t, "checked", func() bool {
		r.pool.mu.Lock()
		defer r.pool.mu.Unlock()
		return r.pool.known["b0"].passes > 2
	})
	if r.state("b0") != balancer.Active {
		t.Errorf("got %s, want a replica that accepts connections to stay", r.state("b0"))
	}
	backend.Close()
	r.becomes("b0", balancer.Unhealthy)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r.becomes("b0", balancer.Active)
}

// A replica that accepts connections and never answers is taken out, and what
// waits for it goes elsewhere where that is safe.
func TestHungReplicaIsTakenOutAndItsRequestsRescued(t *testing.T) {
	r := start(t, func(c *Config) {
		c.Health.Path = "/"
		c.Health.Timeout = scale.Duration(50 * time.Millisecond)
	})
	var hung atomic.Bool
	release := make(chan struct{})
	arrived := make(chan string, 10)
	bad := serve(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("User-Agent") == "flyball-health" && !hung.Load() {
			return
		}
		if q.Header.Get("User-Agent") != "flyball-health" {
			arrived <- q.Method
		}
		<-release
	})
	defer close(release)
	r.backends(bad, named(t, "good"))

	answers := make(chan string, 1)
	go func() { _, body := r.get("/"); answers <- body }()
	<-arrived
	hung.Store(true)
	r.becomes("b0", balancer.Unhealthy)
	if got := <-answers; got != "good" {
		t.Errorf("the request that waited got %q, want good", got)
	}
	if n, _ := r.Backends(t.Context()); n[0].InFlight != 0 || n[0].Failures != 1 {
		t.Errorf("got %+v, want the hung replica's request counted as failed", n[0])
	}
}

func TestAllUnhealthyMeansHeld(t *testing.T) {
	r := start(t, func(c *Config) { c.Health.Path = "/" })
	var sick atomic.Bool
	sick.Store(true)
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	r.becomes("b0", balancer.Unhealthy)
	done := make(chan int, 1)
	go func() { status, _ := r.get("/"); done <- status }()
	r.holding(1)
	sick.Store(false)
	if got := <-done; got != 200 {
		t.Errorf("got %d, want 200 once the replica is well", got)
	}
}

func TestDrainingReplicaIsNotBroughtBackByItsCheck(t *testing.T) {
	r := start(t, nil)
	r.backends(named(t, "a"), named(t, "b"))
	if err := r.Drain(t.Context(), "b0"); err != nil {
		t.Fatal(err)
	}
	p := r.pool
	p.mu.Lock()
	b := p.known["b0"]
	b.down = true
	p.mu.Unlock()
	p.checked(b, true, r.cfg.Health)
	if r.state("b0") != balancer.Draining {
		t.Errorf("got %s, want draining", r.state("b0"))
	}
	if _, on := r.Load("b0"); on {
		t.Error("a draining replica takes work")
	}
}
