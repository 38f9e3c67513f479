package swarm_test

import (
	"context"
	"errors"
	"fmt"
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
	targetswarm "github.com/flyball-io/flyball/target/swarm"
	"github.com/flyball-io/flyball/target/targettest"
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

// newNetwork creates the network once that of the swarm before has gone, which
// the end of a swarm does not wait for: two of one name are ambiguous.
func newNetwork(t *testing.T, d *dockertest.Daemon) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		left, err := d.API.NetworkList(t.Context(), client.NetworkListOptions{Filters: make(client.Filters).Add("name", "^"+bridge+"$")})
		if err != nil {
			t.Fatal(err)
		}
		if len(left.Items) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("network %s of an earlier swarm does not go: %+v", bridge, left.Items)
		}
		for _, n := range left.Items {
			_, _ = d.API.NetworkRemove(t.Context(), n.ID, client.NetworkRemoveOptions{}) // once nobody is in it
		}
	}
	if _, err := d.API.NetworkCreate(t.Context(), bridge, client.NetworkCreateOptions{Driver: "bridge", Scope: "swarm"}); err != nil {
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
	tgt, err := targetswarm.New("web", cfg, targetswarm.Options{Clock: clock.System, Log: targettest.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	return tgt
}

// world is one service with the target that scales it.
type world struct {
	targettest.Controlled[*targetswarm.Target]
	daemon  *dockertest.Daemon
	service string
}

func newWorld(t *testing.T, d *dockertest.Daemon, replicas int, change func(*swarm.ServiceSpec)) *world {
	t.Helper()
	w := &world{daemon: d, service: newService(t, d, replicas, change)}
	w.T = t
	w.Target = open(t, webConfig(d, w.service))
	return w
}

// inspect is the service as the manager has it.
func (w *world) inspect() swarm.Service {
	w.T.Helper()
	found, err := w.daemon.API.ServiceInspect(w.T.Context(), w.service, client.ServiceInspectOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	return found.Service
}

// change updates the service as somebody else does.
func (w *world) change(to func(*swarm.ServiceSpec)) {
	w.T.Helper()
	err := w.changed(w.T.Context(), to)
	for err != nil && strings.Contains(err.Error(), "out of sequence") {
		err = w.changed(w.T.Context(), to)
	}
	if err != nil {
		w.T.Fatal(err)
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
