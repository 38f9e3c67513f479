//go:build linux

package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/scale"
)

// A file of somebody else is broken: the old upstream comes back, nginx serves
// as before, and the error says where the fault is. Once it is mended, so is
// the upstream.
func TestABrokenConfigurationIsRolledBack(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "old", nil)}))
	before, err := os.ReadFile(p.cfg.Include)
	p.Must(err)
	sound, err := os.ReadFile(p.cfg.ConfigFile)
	p.Must(err)
	p.Must(os.WriteFile(p.cfg.ConfigFile, []byte(strings.Replace(string(sound), "server_tokens off;", "server_tokens of;", 1)), 0o600))
	reloads, fresh := p.reloads(), balancertest.Replica(t, "fresh", nil)
	err = plane.SetBackends(t.Context(), []balancer.Backend{fresh})
	if err == nil || !strings.Contains(err.Error(), `invalid value "of"`) || !strings.Contains(err.Error(), "nginx.conf:") {
		t.Errorf("got %v, want nginx's words and the line", err)
	}
	if after, err := os.ReadFile(p.cfg.Include); err != nil || string(after) != string(before) {
		t.Errorf("%v: the upstream is\n%s\nwant it as before\n%s", err, after, before)
	}
	if _, text := p.Get("/"); text != "old" || p.reloads() != reloads {
		t.Errorf("answered by %q after %d more reloads, want old, which was not told of anything", text, p.reloads()-reloads)
	}
	p.Must(os.WriteFile(p.cfg.ConfigFile, sound, 0o600))
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{fresh}))
	if _, text := p.Get("/"); text != "fresh" {
		t.Errorf("answered by %q, want fresh after the fault was mended", text)
	}
}

func TestManyChangesAreFewReloads(t *testing.T) {
	p := start(t, func(c *nginx.Config, _ *nginx.Site) { c.Reload = nginx.Default().Reload })
	plane := p.plane()
	one := balancertest.Replica(t, "one", nil)
	began := time.Now()
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			if err := plane.SetBackends(t.Context(), []balancer.Backend{{ID: fmt.Sprint(i), Address: one.Address}}); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(15 * time.Millisecond)
	}
	calls.Wait()
	took := time.Since(began)
	// One at once, and one each time another is allowed: a machine that is busy takes longer.
	most := 1 + int(took/nginx.Default().Reload.MinInterval.Std())
	t.Logf("50 changes: %d reloads in %v", p.reloads(), took)
	if p.reloads() > most || p.reloads() < 1 {
		t.Errorf("%d reloads in %v, want at most %d", p.reloads(), took, most)
	}
	before := p.reloads()
	all, err := plane.Backends(t.Context())
	p.Must(err)
	held, err := os.ReadFile(p.cfg.Include)
	p.Must(err)
	if len(all) != 1 || !strings.Contains(string(held), fmt.Sprintf("# %q", all[0].ID)) {
		t.Errorf("%v is what is known, nginx has\n%s", all, held)
	}
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{all[0].Backend}))
	if p.reloads() != before {
		t.Error("the same backends once more were another reload")
	}
}

// While nginx may not be reloaded yet a replica is not shown: no request would
// reach it, and who waits for it would be told too early.
func TestAReplicaIsShownOnceNginxFollows(t *testing.T) {
	p := start(t, func(c *nginx.Config, _ *nginx.Site) { c.Reload.MinInterval = scale.Duration(time.Second) })
	plane := p.plane()
	a, b := balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil)
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{a}))
	done := make(chan error, 1)
	go func() { done <- plane.SetBackends(t.Context(), []balancer.Backend{a, b}) }()
	for waiting := true; waiting; {
		shown, err := plane.Backends(t.Context())
		p.Must(err)
		upstream, err := os.ReadFile(p.cfg.Include)
		p.Must(err)
		if len(shown) > 1 && !strings.Contains(string(upstream), b.Address) {
			t.Fatalf("%s is shown and nginx has not heard of it", b.ID)
		}
		select {
		case err := <-done:
			p.Must(err)
			waiting = false
		case <-time.After(time.Millisecond):
		}
	}
	if shown, err := plane.Backends(t.Context()); err != nil || len(shown) != 2 {
		t.Errorf("%d are shown (%v), want 2", len(shown), err)
	}
}

func TestNothingIsLostUnderLoad(t *testing.T) {
	p := start(t, func(c *nginx.Config, _ *nginx.Site) { c.Reload.MinInterval = scale.Duration(200 * time.Millisecond) })
	plane := p.plane()
	all := []balancer.Backend{}
	for i := range 4 {
		all = append(all, balancertest.Replica(t, fmt.Sprint("r", i), balancertest.Echo))
	}
	p.Must(plane.SetBackends(t.Context(), all[:1]))
	p.NothingLost(func() { balancertest.Churn(t.Context(), t, plane, all, 200*time.Millisecond, 8) })
}

// A replica that is gone without a word costs no request: another one gets it.
func TestARefusedRequestGoesToTheNext(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{{ID: "gone", Address: "127.0.0.1:1"}, balancertest.Replica(t, "a", nil)}))
	for range 20 {
		if code, text := p.Get("/"); code != http.StatusOK || text != "a" {
			t.Fatalf("answered %d %q", code, text)
		}
	}
	p.Eventually("the attempts are counted where they were made", func() bool {
		all, err := plane.Backends(t.Context())
		p.Must(err)
		return all[0].Requests == 20 && all[0].Failures == 0 && all[1].Requests > 0 && all[1].Failures == all[1].Requests
	})
	if got := signals(t, plane)[scale.ErrorRate]; got != 0 {
		t.Errorf("%v errors per second, want none: all were answered well", got)
	}
}

func TestAnUpstreamChangedByHandIsMended(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	a := []balancer.Backend{balancertest.Replica(t, "a", nil)}
	p.Must(plane.SetBackends(t.Context(), a))
	p.Must(os.WriteFile(p.cfg.Include, []byte("upstream app { server 127.0.0.1:1 down; }\n"), 0o600))
	reloads := p.reloads()
	p.Must(plane.SetBackends(t.Context(), a))
	if held, err := os.ReadFile(p.cfg.Include); err != nil || !strings.Contains(string(held), a[0].Address) || p.reloads() != reloads+1 {
		t.Errorf("%v, %d reloads: the upstream is\n%s", err, p.reloads()-reloads, held)
	}
}

// What was set while nginx was away is what it starts with.
func TestAKilledNginxStartsWithTheSameServers(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Kill()
	err := plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "b", nil)})
	if err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("got %v, want that nginx is not running", err)
	}
	p.begin()
	if _, text := p.Get("/"); text != "b" {
		t.Errorf("answered by %q, want what was set while it was away", text)
	}
}

func TestADrainEndsWhenTheContextDoes(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	until := make(chan struct{})
	busy := balancertest.Replica(t, "busy", func(http.ResponseWriter, *http.Request) { <-until })
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{busy}))
	answered := make(chan int)
	go func() { code, _ := p.Get("/"); answered <- code }()
	time.Sleep(50 * time.Millisecond)
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "other", nil)}))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := plane.Drain(ctx, "busy"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the request of a backend no longer listed is waited for", err)
	}
	close(until)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the request in progress: %d", code)
	}
	p.Must(plane.Drain(t.Context(), "busy"))
}

// A long answer of another replica keeps an old worker, but not the drain.
func TestADrainDoesNotWaitForOthers(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	until, begun := make(chan struct{}), make(chan struct{})
	busy := balancertest.Replica(t, "busy", func(http.ResponseWriter, *http.Request) { close(begun); <-until })
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{busy}))
	answered := make(chan int)
	go func() { code, _ := p.Get("/"); answered <- code }()
	<-begun
	idle := balancertest.Replica(t, "idle", nil)
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{busy, idle}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p.Must(plane.Drain(ctx, "idle"))
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := plane.Drain(soon, "busy"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the busy one is waited for", err)
	}
	close(until)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the long answer: %d", code)
	}
	p.Must(plane.Drain(ctx, "busy"))
}

// A worker that leaves may have read a request and not yet sent it on, where it
// does not get a processor.
func TestADrainWaitsForAWorkerThatIsNotAsleep(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	until, begun := make(chan struct{}), make(chan struct{})
	busy, idle := balancertest.Replica(t, "busy", func(http.ResponseWriter, *http.Request) { close(begun); <-until }), balancertest.Replica(t, "idle", nil)
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{busy}))
	answered := make(chan int)
	go func() { code, _ := p.Get("/"); answered <- code }()
	<-begun // the worker goes on while this one is answered
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{busy, idle}))
	p.Must(plane.Leave(t.Context(), "idle"))
	wake := p.stopLeaving()
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := plane.Drain(soon, "idle"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the worker is waited for", err)
	}
	wake()
	p.Must(plane.Drain(t.Context(), "idle"))
	close(until)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the request in progress: %d", code)
	}
}

// The p95 from the log is the client's within a bucket, and the share above
// the threshold agrees with what the client saw.
func TestTheLogAgreesWithTheClient(t *testing.T) {
	p := start(t, func(c *nginx.Config, _ *nginx.Site) { c.MetricWindow = scale.Duration(30 * time.Second) })
	plane := p.plane()
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "slow", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		d := time.Duration(40 * math.Exp(0.6*random.NormFloat64()) * float64(time.Millisecond))
		mu.Unlock()
		time.Sleep(d)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}))
	began, bad := time.Now(), 0
	var took []float64
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 100 {
				from := time.Now()
				code, _ := p.Get([]string{"/", "/bad"}[min(1, (i+c)%20/19)])
				d := time.Since(from).Seconds()
				mu.Lock()
				took = append(took, d)
				if code != http.StatusOK || d > p.cfg.Threshold.Std().Seconds() {
					bad++
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	lasted := time.Since(began).Seconds()
	slices.Sort(took)
	p.Eventually("all are counted", func() bool {
		all, err := plane.Backends(t.Context())
		return err == nil && all[0].Requests == 800
	})
	time.Sleep(300 * time.Millisecond) // until stub_status was asked again
	got := signals(t, plane)
	want, busy := took[len(took)*95/100], 0.0
	for _, d := range took {
		busy += d
	}
	t.Logf("p95 %.1f ms, the client's %.1f ms; not good %.3f, the client's %.3f; in progress %.2f, by Little %.2f", got[scale.Latency]*1e3, want*1e3,
		got[scale.ViolationRatio], float64(bad)/800, got[scale.Concurrency], busy/lasted)
	if ratio := got[scale.Latency] / want; ratio > 1.1 || ratio < 1/1.1 {
		t.Errorf("p95 %v s, want the client's %v s", got[scale.Latency], want)
	}
	if diff := math.Abs(got[scale.ViolationRatio] - float64(bad)/800); diff > 0.03 {
		t.Errorf("share of requests that were not good: %v, the client saw %v", got[scale.ViolationRatio], float64(bad)/800)
	}
	if got[scale.Concurrency] < busy/lasted/2 || got[scale.Concurrency] > busy/lasted*1.5 {
		t.Errorf("in progress: %v, by Little's law %v", got[scale.Concurrency], busy/lasted)
	}
}
