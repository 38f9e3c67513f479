package docker_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestContainerThatDiesIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	victim := before.Replicas[0].ID
	began := time.Now()
	kill(t, w.daemon, victim)
	w.Until("it is noticed", func(s target.Status) bool { return !targettest.Ready(2)(s) })
	noticed := time.Since(began)
	after := w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(2)(s) && !targettest.Has(s, victim) })
	t.Logf("noticed after %v, another one ready after %v", noticed, time.Since(began))
	if noticed > 2*time.Second {
		t.Errorf("noticed after %v, want less than 2s", noticed)
	}
	if !targettest.Has(after, before.Replicas[1].ID) {
		t.Errorf("the other one went too: %v, before %v", ids(after), ids(before))
	}
	if got := len(owned(t, w.daemon, w.dir)); got != 2 {
		t.Errorf("%d containers are left, want 2", got)
	}
}

func TestContainerTakenAwayIsReplaced(t *testing.T) {
	w := newWorld(t, nil)
	w.Run()
	w.Set(1)
	first := w.Until("1 is ready", targettest.Ready(1)).Replicas[0].ID
	removeContainer(t, w.daemon, first)
	w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(1)(s) && !targettest.Has(s, first) })
}

// An ID stands for one address: a balancer that knows it would otherwise send
// to whoever has the old one now.
func TestContainerStartedAgainIsAnotherReplica(t *testing.T) {
	w := newWorld(t, nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	addresses := addressBook{t, map[string]string{}}
	addresses.check(before)
	w.restart(before.Replicas[0].ID)
	after := w.Until("another one is ready", func(s target.Status) bool {
		addresses.check(s)
		return targettest.Ready(2)(s) && !targettest.Has(s, before.Replicas[0].ID)
	})
	// Behind the controller's back two containers exchange their addresses.
	w.Leave()
	for _, r := range after.Replicas {
		w.stopContainer(r.ID)
	}
	for _, r := range slices.Backward(after.Replicas) {
		w.restart(r.ID)
	}
	w.Run()
	last := w.Until("2 others are ready", func(s target.Status) bool {
		addresses.check(s)
		return targettest.Ready(2)(s) && !targettest.Has(s, after.Replicas[0].ID) && !targettest.Has(s, after.Replicas[1].ID)
	})
	w.exactly(2)
	w.Leave()
	w.Run()
	if s := w.Until("the same 2 are ready", targettest.Ready(2)); !slices.Equal(ids(s), ids(last)) {
		t.Errorf("the next controller finds %v, want %v", ids(s), ids(last))
	}
}

// addressBook fails a test in which an ID gets another address.
type addressBook struct {
	t     *testing.T
	known map[string]string
}

func (b addressBook) check(s target.Status) {
	for _, r := range s.Replicas {
		if r.Address == "" {
			continue // not started yet
		}
		if known := b.known[r.ID]; known != "" && r.Address != known {
			b.t.Errorf("%s was at %s and is at %s", r.ID, known, r.Address)
		}
		b.known[r.ID] = r.Address
	}
}

// restart starts a container again as another hand does; a controller that
// sees it end may be quicker and take it away.
func (w *world) restart(name string) {
	w.T.Helper()
	if _, err := w.daemon.API.ContainerRestart(w.T.Context(), name, client.ContainerRestartOptions{}); err != nil {
		w.T.Log(err)
	}
}

func (w *world) stopContainer(name string) {
	w.T.Helper()
	if _, err := w.daemon.API.ContainerStop(w.T.Context(), name, client.ContainerStopOptions{}); err != nil {
		w.T.Fatal(err)
	}
}

func TestStateIsFoundWithoutAController(t *testing.T) {
	w := newWorld(t, nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	w.Leave()
	beside := open(t, webConfig(w.daemon), w.dir, nil)
	s, err := beside.Status(t.Context())
	if err != nil || !slices.Equal(ids(s), ids(before)) || !targettest.Ready(2)(s) || s.SpecReplicas != 2 {
		t.Errorf("without a controller the status is %+v, %v", s, err)
	}
	if err := beside.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if left := owned(t, w.daemon, w.dir); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

func TestHealthCheckDecides(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) {
		cfg.Image, cfg.Readiness.Path = "checked:1", ""
		cfg.LivenessTimeout = scale.Duration(500 * time.Millisecond)
	})
	w.daemon.Image(t, "checked:1", `HEALTHCHECK --interval=1s --timeout=2s --retries=1 CMD ["/server", "healthy"]`)
	w.Run()
	w.Set(1)
	first := w.Until("it is healthy", targettest.Ready(1)).Replicas[0]
	fail(t, first.Address, sampleapp.Unready)
	t.Cleanup(func() { w.tellHealth(first.ID) })
	w.Until("its check fails", func(s target.Status) bool { return !targettest.Ready(1)(s) })
	w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(1)(s) && !targettest.Has(s, first.ID) })
}

func TestHungContainerIsReplaced(t *testing.T) {
	for _, how := range []string{"it does not answer", "it is paused", "it is paused, and its port accepts connections"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, func(cfg *docker.Config) {
				cfg.Readiness.Interval, cfg.Readiness.Timeout = scale.Duration(100*time.Millisecond), scale.Duration(300*time.Millisecond)
				cfg.LivenessTimeout = scale.Duration(300 * time.Millisecond)
				cfg.StopGracePeriod = scale.Duration(time.Second)
				if strings.HasSuffix(how, "connections") {
					cfg.Readiness.Path = ""
				}
			})
			w.Run()
			w.Set(2)
			before := w.Until("2 are ready", targettest.Ready(2))
			victim := before.Replicas[0]
			if strings.HasPrefix(how, "it is paused") {
				if _, err := w.daemon.API.ContainerPause(t.Context(), victim.ID, client.ContainerPauseOptions{}); err != nil {
					t.Fatal(err)
				}
			} else {
				fail(t, victim.Address, sampleapp.Hang)
			}
			after := w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(2)(s) && !targettest.Has(s, victim.ID) })
			if !targettest.Has(after, before.Replicas[1].ID) {
				t.Errorf("the other one went too: %v", ids(after))
			}
			w.exactly(2)
		})
	}
}

func TestPublishedPorts(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) {
		cfg.Address, cfg.Publish = docker.AtPublished, "18100-18101"
	})
	w.Run()
	w.Set(2)
	s := w.Until("2 are ready", targettest.Ready(2))
	got := []string{s.Replicas[0].Address, s.Replicas[1].Address}
	if slices.Sort(got); !slices.Equal(got, []string{"127.0.0.1:18100", "127.0.0.1:18101"}) {
		t.Errorf("published at %v", got)
	}
	w.Set(3)
	s = w.Until("it is told that no port is left", targettest.Told(docker.PortTaken))
	t.Log(targettest.Condition(s, docker.PortTaken).Message)
	w.Set(2)
	w.Until("the condition goes with the need", func(s target.Status) bool { return targettest.Ready(2)(s) && len(s.Conditions) == 0 })
}

// fail tells a sample app to misbehave.
// tellHealth logs what the engine itself says of a container's health, where a
// test has failed.
func (w *world) tellHealth(name string) {
	if !w.T.Failed() {
		return
	}
	found, err := w.daemon.API.ContainerInspect(context.Background(), name, client.ContainerInspectOptions{})
	if err == nil && found.Container.State != nil && found.Container.State.Health != nil {
		w.T.Logf("the engine says: %+v", *found.Container.State.Health)
	} else {
		w.T.Logf("the engine says of %s: %v", name, err)
	}
}

func fail(t *testing.T, address string, mode sampleapp.Mode) {
	t.Helper()
	resp, err := http.Post("http://"+address+"/fail?mode="+string(mode), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s: %s", mode, resp.Status)
	}
}
