package swarm_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	targetswarm "github.com/flyball-io/flyball/target/swarm"
)

func TestMain(m *testing.M) { dockertest.Main(m) }

// Of what tasks are made, and a network of the swarm whose addresses the
// tests' machine reaches.
const (
	image  = "web:1"
	bridge = "near"
)

// newSwarm is a swarm of the package's engine alone.
func newSwarm(t *testing.T) *dockertest.Daemon {
	t.Helper()
	daemon := dockertest.Engine(t)
	daemon.Image(t, image)
	daemon.Swarm(t)
	newNetwork(t, daemon)
	return daemon
}

func newNetwork(t *testing.T, d *dockertest.Daemon) {
	t.Helper()
	_, err := d.API.NetworkCreate(t.Context(), bridge, client.NetworkCreateOptions{Driver: "bridge", Scope: "swarm"})
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		t.Fatal(err)
	}
}

// newService creates a service of sample apps, which ends with the test.
func newService(t *testing.T, d *dockertest.Daemon, replicas int, change func(*swarm.ServiceSpec)) (name string) {
	t.Helper()
	name = fmt.Sprintf("web%d", serial.Add(1))
	count, grace, delay := uint64(replicas), 2*time.Second, 500*time.Millisecond
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: name},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: image, StopGracePeriod: &grace},
			Networks:      []swarm.NetworkAttachmentConfig{{Target: bridge}},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay},
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &count}},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionModeDNSRR},
	}
	if change != nil {
		change(&spec)
	}
	if _, err := d.API.ServiceCreate(t.Context(), client.ServiceCreateOptions{Spec: spec}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := d.API.ServiceRemove(context.Background(), name, client.ServiceRemoveOptions{}); err != nil && !strings.Contains(err.Error(), "not found") {
			t.Error(err)
		}
	})
	return name
}

// serial makes the names of services different.
var serial atomic.Int64

func webConfig(d *dockertest.Daemon, service string) targetswarm.Config {
	cfg := targetswarm.Default()
	cfg.Service, cfg.Port, cfg.Endpoint = service, 8080, d.Endpoint
	return cfg
}

func open(t *testing.T, cfg targetswarm.Config) *targetswarm.Target {
	t.Helper()
	tgt, err := targetswarm.New("web", cfg, targetswarm.Options{Clock: clock.System, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	return tgt
}

// world is one service with the target that scales it.
type world struct {
	t       *testing.T
	daemon  *dockertest.Daemon
	service string
	target  *targetswarm.Target
}

func newWorld(t *testing.T, d *dockertest.Daemon, replicas int, change func(*swarm.ServiceSpec)) *world {
	t.Helper()
	w := &world{t: t, daemon: d, service: newService(t, d, replicas, change)}
	w.target = open(t, webConfig(d, w.service))
	return w
}

// run starts the target's own work, until the test ends.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.target.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

func (w *world) set(n int) {
	w.t.Helper()
	if err := w.target.SetReplicas(w.t.Context(), n); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) status() target.Status {
	w.t.Helper()
	s, err := w.target.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until waits for a status in which the condition holds.
func (w *world) until(what string, holds func(target.Status) bool) target.Status {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		s := w.status()
		if holds(s) {
			return s
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("waited a minute in vain until %s; last status: %+v", what, s)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// inspect is the service as the manager has it.
func (w *world) inspect() swarm.Service {
	w.t.Helper()
	found, err := w.daemon.API.ServiceInspect(w.t.Context(), w.service, client.ServiceInspectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Service
}

// change updates the service as somebody else does.
func (w *world) change(to func(*swarm.ServiceSpec)) {
	w.t.Helper()
	err := w.changed(w.t.Context(), to)
	for err != nil && strings.Contains(err.Error(), "out of sequence") {
		err = w.changed(w.t.Context(), to)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// changed updates it, unless yet somebody else is faster.
func (w *world) changed(ctx context.Context, to func(*swarm.ServiceSpec)) error {
	found, err := w.daemon.API.ServiceInspect(ctx, w.service, client.ServiceInspectOptions{})
	if err != nil {
		return err
	}
	s := found.Service
	to(&s.Spec)
	_, err = w.daemon.API.ServiceUpdate(ctx, s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: s.Spec})
	return err
}

// ready is a condition for until: exactly n replicas, all of them ready.
func ready(n int) func(target.Status) bool {
	return func(s target.Status) bool { return len(s.Replicas) == n && working(s) == n }
}

func working(s target.Status) int {
	n := 0
	for i := range s.Replicas {
		if s.Replicas[i].TakesWork() {
			n++
		}
	}
	return n
}

// told is a condition for until: a condition of this type is shown.
func told(kind string) func(target.Status) bool {
	return func(s target.Status) bool { return condition(s, kind).Type != "" }
}

// says is a condition for until: one of this type is shown, with these words.
func says(kind, words string) func(target.Status) bool {
	return func(s target.Status) bool { return strings.Contains(condition(s, kind).Message, words) }
}

func condition(s target.Status, kind string) scale.Condition {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return scale.Condition{}
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// publishAt publishes port 8080 of each task at a port of its node.
func publishAt(port uint32) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Networks = nil
		s.EndpointSpec.Ports = []swarm.PortConfig{{Protocol: network.TCP, TargetPort: 8080, PublishedPort: port, PublishMode: swarm.PortConfigPublishModeHost}}
	}
}

func get(t *testing.T, address string) {
	t.Helper()
	var err error
	for range 100 {
		var resp *http.Response
		if resp, err = http.Get("http://" + address + "/healthz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(resp.Status)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error(err)
}
