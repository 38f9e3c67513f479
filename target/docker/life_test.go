package docker_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
)

func TestContainerThatDiesIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.set(2)
	before := w.until("2 are ready", ready(2))
	victim := before.Replicas[0].ID
	began := time.Now()
	kill(t, w.daemon, victim)
	w.until("it is noticed", func(s target.Status) bool { return !ready(2)(s) })
	noticed := time.Since(began)
	after := w.until("another one is ready", func(s target.Status) bool { return ready(2)(s) && !has(s, victim) })
	t.Logf("noticed after %v, another one ready after %v", noticed, time.Since(began))
	if noticed > 2*time.Second {
		t.Errorf("noticed after %v, want less than 2s", noticed)
	}
	if !has(after, before.Replicas[1].ID) {
		t.Errorf("the other one went too: %v, before %v", ids(after), ids(before))
	}
	if got := len(owned(t, w.daemon, w.dir)); got != 2 {
		t.Errorf("%d containers are left, want 2", got)
	}
}

func TestContainerTakenAwayIsReplaced(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.set(1)
	first := w.until("1 is ready", ready(1)).Replicas[0].ID
	removeContainer(t, w.daemon, first)
	w.until("another one is ready", func(s target.Status) bool { return ready(1)(s) && !has(s, first) })
}

// An ID stands for one address: a balancer that knows it would otherwise send
// to whoever has the old one now.
func TestContainerStartedAgainIsAnotherReplica(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.set(2)
	before := w.until("2 are ready", ready(2))
	addresses := addressBook{t, map[string]string{}}
	addresses.check(before)
	w.restart(before.Replicas[0].ID)
	after := w.until("another one is ready", func(s target.Status) bool {
		addresses.check(s)
		return ready(2)(s) && !has(s, before.Replicas[0].ID)
	})
	// Behind the controller's back two containers exchange their addresses.
	w.leave()
	for _, r := range after.Replicas {
		w.stopContainer(r.ID)
	}
	for _, r := range slices.Backward(after.Replicas) {
		w.restart(r.ID)
	}
	w.run()
	last := w.until("2 others are ready", func(s target.Status) bool {
		addresses.check(s)
		return ready(2)(s) && !has(s, after.Replicas[0].ID) && !has(s, after.Replicas[1].ID)
	})
	w.exactly(2)
	w.leave()
	w.run()
	if s := w.until("the same 2 are ready", ready(2)); !slices.Equal(ids(s), ids(last)) {
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
	w.t.Helper()
	if _, err := w.daemon.API.ContainerRestart(w.t.Context(), name, client.ContainerRestartOptions{}); err != nil {
		w.t.Log(err)
	}
}

func (w *world) stopContainer(name string) {
	w.t.Helper()
	if _, err := w.daemon.API.ContainerStop(w.t.Context(), name, client.ContainerStopOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func TestStateIsFoundWithoutAController(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.set(2)
	before := w.until("2 are ready", ready(2))
	w.leave()
	beside := open(t, webConfig(w.daemon), w.dir, nil)
	s, err := beside.Status(t.Context())
	if err != nil || !slices.Equal(ids(s), ids(before)) || !ready(2)(s) || s.SpecReplicas != 2 {
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
	w.run()
	w.set(1)
	first := w.until("it is healthy", ready(1)).Replicas[0]
	fail(t, first.Address, sampleapp.Unready)
	w.until("its check fails", func(s target.Status) bool { return !ready(1)(s) })
	w.until("another one is ready", func(s target.Status) bool { return ready(1)(s) && !has(s, first.ID) })
}

func TestHungContainerIsReplaced(t *testing.T) {
	for _, how := range []string{"it does not answer", "it is paused"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, func(cfg *docker.Config) {
				cfg.Readiness.Interval, cfg.Readiness.Timeout = scale.Duration(100*time.Millisecond), scale.Duration(300*time.Millisecond)
				cfg.LivenessTimeout = scale.Duration(300 * time.Millisecond)
				cfg.StopGracePeriod = scale.Duration(time.Second)
			})
			w.run()
			w.set(2)
			before := w.until("2 are ready", ready(2))
			victim := before.Replicas[0]
			if how == "it is paused" {
				if _, err := w.daemon.API.ContainerPause(t.Context(), victim.ID, client.ContainerPauseOptions{}); err != nil {
					t.Fatal(err)
				}
			} else {
				fail(t, victim.Address, sampleapp.Hang)
			}
			after := w.until("another one is ready", func(s target.Status) bool { return ready(2)(s) && !has(s, victim.ID) })
			if !has(after, before.Replicas[1].ID) {
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
	w.run()
	w.set(2)
	s := w.until("2 are ready", ready(2))
	got := []string{s.Replicas[0].Address, s.Replicas[1].Address}
	if slices.Sort(got); !slices.Equal(got, []string{"127.0.0.1:18100", "127.0.0.1:18101"}) {
		t.Errorf("published at %v", got)
	}
	w.set(3)
	s = w.until("it is told that no port is left", told(docker.PortTaken))
	t.Log(condition(s, docker.PortTaken).Message)
	w.set(2)
	w.until("the condition goes with the need", func(s target.Status) bool { return ready(2)(s) && len(s.Conditions) == 0 })
}

// fail tells a sample app to misbehave.
func fail(t *testing.T, address string, mode sampleapp.Mode) {
	t.Helper()
	resp, err := http.Post("http://"+address+"/fail?mode="+string(mode), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
