package traefik_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/scale"
)

// Traefik answers 404 until it has a configuration: whoever waits for the
// first call to return is served by the next request.
func TestTheFirstConfigurationIsWaitedFor(t *testing.T) {
	p := start(t, overHTTP)
	if code, _ := p.Get("/"); code != http.StatusNotFound {
		t.Errorf("answered %d before the first configuration, want 404", code)
	}
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), nil))
	signals(t, plane)
	if code, _ := p.Get("/"); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d without replicas, want 503", code)
	}
	got := signals(t, plane)
	if got[scale.ErrorRate] <= 0 || got[scale.ViolationRatio] != 1 || got[scale.RequestRate] <= 0 {
		t.Errorf("got %v, want that the refused request counts", got)
	}
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	if code, text := p.Get("/"); code != http.StatusOK || text != "a" {
		t.Errorf("answered %d %q, want the replica", code, text)
	}
}

// Doctor is told what is there.
func TestTraefikIsExamined(t *testing.T) {
	p := start(t, overFile)
	for _, want := range []string{"has no configuration of service app yet", "follows service app"} {
		if found := p.cfg.Examine(t.Context()); len(found) != 1 || found[0].Fix != "" || !strings.Contains(found[0].Message, want) {
			t.Errorf("found %+v, want %q and nothing to mend", found, want)
		}
		p.Must(p.plane().SetBackends(t.Context(), nil))
	}
	p.Kill()
	if found := p.cfg.Examine(t.Context()); len(found) != 1 || !strings.Contains(found[0].Fix, "start Traefik") {
		t.Errorf("found %+v, want that Traefik is to be started", found)
	}
}

// While the controller is away Traefik goes on as before; the next one serves
// what the last one did until it knows the replicas, also to a Traefik that was
// started meanwhile.
func TestTheControllerMayBeAway(t *testing.T) {
	p := start(t, overHTTP)
	plane, stop := p.controller()
	a, b := balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil)
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{a}))
	stop()
	time.Sleep(1200 * time.Millisecond) // two fetches fail
	if _, text := p.Get("/"); text != "a" {
		t.Errorf("answered by %q while the controller is away, want a", text)
	}
	p.Kill()
	p.begin()
	plane = p.plane()
	p.Eventually("a Traefik that was started anew serves as before", func() bool { _, text := p.Get("/"); return text == "a" })
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{b}))
	if _, text := p.Get("/"); text != "b" {
		t.Errorf("answered by %q, want b", text)
	}
}

func TestAFileChangedByHandIsMended(t *testing.T) {
	p := start(t, overFile)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	wanted, err := os.ReadFile(p.cfg.File)
	p.Must(err)
	p.Must(os.WriteFile(p.cfg.File, []byte("http: {routers: {}}\n"), 0o644))
	p.Eventually("the file is as it should be", func() bool {
		held, err := os.ReadFile(p.cfg.File)
		return err == nil && string(held) == string(wanted)
	})
	p.Kill()
	p.begin()
	p.Eventually("a Traefik that was started anew serves as before", func() bool { _, text := p.Get("/"); return text == "a" })
}

// A change that Traefik cannot take is an error while it lasts, and made once
// it is there.
func TestATraefikThatIsAwayIsSaid(t *testing.T) {
	p := start(t, overFile)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Kill()
	b := []balancer.Backend{balancertest.Replica(t, "b", nil)}
	failed := make(chan error)
	go func() { failed <- plane.SetBackends(t.Context(), b) }()
	select {
	case err := <-failed:
		t.Fatalf("returned %v at once, want that it waits for Traefik", err)
	case <-time.After(time.Second):
	}
	if shown, err := plane.Backends(t.Context()); err != nil || len(shown) > 0 {
		t.Errorf("%v, %v: a replica is shown that no request can reach yet", shown, err)
	}
	p.begin()
	p.Must(<-failed)
	if _, text := p.Get("/"); text != "b" {
		t.Errorf("answered by %q, want b", text)
	}
}

// A replica that is gone without a word costs no request: another one gets it,
// and where it is checked it gets none.
func TestAReplicaThatDoesNotAnswer(t *testing.T) {
	for _, path := range []string{"", "/healthz"} {
		t.Run("health check at "+path, func(t *testing.T) {
			p := start(t, overFile, func(c *traefik.Config, _ *traefik.Site) {
				// Each try draws a replica anew: 8 of them miss the one that is there once in 256.
				c.Attempts, c.Health.Path, c.Health.Interval = 40, path, scale.Duration(200*time.Millisecond)
			})
			plane := p.plane()
			p.Must(plane.SetBackends(t.Context(), []balancer.Backend{{ID: "gone", Address: "127.0.0.1:1"}, balancertest.Replica(t, "a", nil)}))
			for range 20 {
				if code, text := p.Get("/"); code != http.StatusOK || text != "a" {
					t.Fatalf("answered %d %q", code, text)
				}
			}
			if path == "" {
				return
			}
			p.Eventually("the check finds out", func() bool {
				all, err := plane.Backends(t.Context())
				p.Must(err)
				_, takes := plane.Load("gone")
				return all[0].State == balancer.Active && all[1].State == balancer.Unhealthy && !takes
			})
		})
	}
}

// Once no replica can be reached requests are refused at once, and taken again
// soon after one can.
func TestTheCircuitBreaks(t *testing.T) {
	p := start(t, overFile)
	plane := p.plane()
	gone := begin(t, "a")
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{gone.Backend}))
	gone.end()
	p.Eventually("the circuit is open", func() bool { code, _ := p.Get("/"); return code == http.StatusServiceUnavailable })
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "b", nil)}))
	if code, _ := p.Get("/"); code != http.StatusOK {
		t.Errorf("answered %d after a replica came", code)
	}
}

// A request that takes longer than Settle is waited for when such requests
// have been seen.
func TestADrainGivesTheTimeThatRequestsTake(t *testing.T) {
	p := start(t, overFile)
	plane := p.plane()
	slow := balancertest.Replica(t, "slow", func(http.ResponseWriter, *http.Request) { time.Sleep(900 * time.Millisecond) })
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{slow}))
	signals(t, plane)
	if code, _ := p.Get("/"); code != http.StatusOK {
		t.Fatal(code)
	}
	signals(t, plane)
	began := time.Now()
	p.Must(plane.Drain(t.Context(), "slow"))
	if took := time.Since(began); took < 800*time.Millisecond || took > 10*time.Second {
		t.Errorf("drained within %v, want the 900ms that the request took", took)
	}
	p.Must(plane.SetBackends(t.Context(), nil))
	p.Must(plane.Drain(t.Context(), "slow")) // no longer listed, and finished
}

// Who has no token is told nothing.
func TestTheConfigurationTakesAToken(t *testing.T) {
	const token = "0123456789abcdef"
	p := start(t, overHTTP, func(c *traefik.Config, s *traefik.Site) {
		c.HTTP.TokenFile, s.Token = s.CAFile+".token", token
		if err := os.WriteFile(c.HTTP.TokenFile, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	if _, text := p.Get("/"); text != "a" {
		t.Errorf("answered by %q, want a: Traefik has the token", text)
	}
	code, text := balancertest.Get(http.DefaultClient, "http://"+p.cfg.HTTP.Listen+"/v1/traefik/app")
	if code != http.StatusUnauthorized || strings.Contains(text, "loadBalancer") {
		t.Errorf("answered %d %q without a token, want 401", code, text)
	}
}
