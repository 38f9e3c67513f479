package docker_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/bus/redis"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/scale"
)

// document is of a service that is scaled by the sum of its cores. Tasks that
// use a tenth each are as many as there may be, whatever they were before; half
// of their sum would be 3 instead of 4.
const document = `apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  target: {swarm: {service: shop, endpoint: %q}}
  balancer: {builtin: {listen: "127.0.0.1:0"}}
  replicas: {min: %d, max: 4}
  policy: {hpa: {metrics: [{signal: cpuCores, averageValue: 0.08}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  signals:
    - name: cpuCores
      interval: 1s
      docker: {from: agents, window: 5s, also: [cpuUtilization, memoryBytes, restarts, healthyRatio, writableLayerBytes]}
  sync: 1s
`

// world is a swarm with the service shop, the agents of its nodes, and Flyball in
// two processes: one has the engine's socket, the other measures and decides.
// All speak over a real Redis.
type world struct {
	t       *testing.T
	manager *dockertest.Daemon
	fewest  int // tasks, by the document
	bus     *redis.Bus

	mu      sync.Mutex // guards what follows
	reports map[string]control.Report
}

// newWorld starts everything. Agents of a swarm of one read the machine's files.
func newWorld(t *testing.T, manager *dockertest.Daemon, fewest int, service swarm.ServiceSpec) *world {
	t.Helper()
	server := redistest.Start(t)
	folder := filepath.Dir(strings.TrimPrefix(server.Address, "unix://"))
	must(t, os.Chmod(folder, 0o755)) // agents come by a mount of it, as nobody
	must(t, os.Chmod(filepath.Join(folder, "redis.sock"), 0o777))
	w := &world{t: t, manager: manager, fewest: fewest, reports: map[string]control.Report{}}
	w.listen(server)
	w.create(service)
	w.create(agents(folder, server.Password, manager.Cgroups))
	w.run(server, "executor")
	w.run(server, "monitor,planner,balancer")
	return w
}

// agents are one on each node, with files to read and a bus, and nothing else.
func agents(bus, password, cgroups string) swarm.ServiceSpec {
	if cgroups == "" {
		cgroups = "/sys/fs/cgroup"
	}
	show := func(from, at string) mount.Mount {
		return mount.Mount{Type: mount.TypeBind, Source: from, Target: at, ReadOnly: true}
	}
	delay := time.Hour // whoever is killed stays away
	return swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "agent"},
		Mode:        swarm.ServiceMode{Global: &swarm.GlobalService{}},
		TaskTemplate: swarm.TaskSpec{
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay},
			ContainerSpec: &swarm.ContainerSpec{
				Image: image, Command: []string{"/flyball"}, Args: []string{"agent", "--bus", "unix:///bus/redis.sock"},
				Env:  []string{"FLYBALL_NODE={{.Node.Hostname}}-{{.Node.ID}}", "HOST_PROC=/host/proc", "HOST_CGROUP=/host/cgroup", "FLYBALL_BUS_PASSWORD=" + password},
				User: "65532:65532", ReadOnly: true, CapabilityDrop: []string{"ALL"},
				Mounts: []mount.Mount{show("/proc", "/host/proc"), show(cgroups, "/host/cgroup"), show(bus, "/bus")},
			},
		},
	}
}

// shop is a service of so many tasks that each do what they are told, and are
// well once they have a file.
func shop(tasks int, cores float64, file string, args ...string) swarm.ServiceSpec {
	count, grace, delay := uint64(tasks), time.Second, 500*time.Millisecond
	return swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "shop"},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &count}},
		TaskTemplate: swarm.TaskSpec{
			Placement:     &swarm.Placement{MaxReplicas: 2},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay},
			Resources:     &swarm.ResourceRequirements{Limits: &swarm.Limit{NanoCPUs: int64(cores * 1e9), MemoryBytes: 256 << 20}},
			ContainerSpec: &swarm.ContainerSpec{
				Image: image, Command: []string{"/load"}, Args: args, StopGracePeriod: &grace,
				Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/load", "has", file}, Interval: time.Second},
			},
		},
	}
}

func (w *world) create(spec swarm.ServiceSpec) {
	w.t.Helper()
	made, err := w.manager.API.ServiceCreate(w.t.Context(), client.ServiceCreateOptions{Spec: spec})
	must(w.t, err)
	w.t.Cleanup(func() {
		if _, err := w.manager.API.ServiceRemove(context.Background(), made.ID, client.ServiceRemoveOptions{}); err != nil {
			w.t.Error(err)
		}
	})
}

// run starts some of Flyball's roles.
func (w *world) run(server *redistest.Server, roles string) {
	w.t.Helper()
	dir := w.t.TempDir()
	all, err := programs()
	must(w.t, err)
	program, file := filepath.Join(dir, "flyball"), filepath.Join(dir, "shop.yaml")
	must(w.t, os.WriteFile(program, all["flyball"], 0o755))
	must(w.t, os.WriteFile(file, fmt.Appendf(nil, document, w.manager.Endpoint, w.fewest), 0o600))
	cmd := exec.Command(program, "run", "-f", file, "--roles", roles, "--bus", server.Address, "--state-dir", filepath.Join(dir, "state"))
	cmd.Env = append(os.Environ(), "FLYBALL_BUS_PASSWORD="+server.Password)
	if roles != "executor" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST=unix:///none") // it needs none
	}
	cmd.Stdout, cmd.Stderr = w.t.Output(), w.t.Output()
	must(w.t, cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the roles %s ended with %v", roles, err)
		}
	})
}

// listen keeps the newest report of each process.
func (w *world) listen(server *redistest.Server) {
	w.t.Helper()
	where, err := redis.Parse(server.Address)
	must(w.t, err)
	where.Password = server.Password
	w.bus, err = redis.Open(w.t.Context(), redis.Options{Server: where, Namespace: "default", Instance: "test", Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	must(w.t, err)
	reports, err := control.Reports(w.bus, "shop").Subscribe(w.t.Context())
	must(w.t, err)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for r := range reports {
			if r.Measured {
				w.mu.Lock()
				w.reports[r.By] = r
				w.mu.Unlock()
			}
		}
	}()
	w.t.Cleanup(func() { w.bus.Close(); <-heard })
}

// seen is what the monitor and the executor have told the planner.
type seen struct {
	all    values // of samples that are not older than a few seconds, but for what comes seldom
	faults string
	tasks  []scale.Replica
	wanted int
}

func (w *world) seen() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := seen{all: values{}}
	for _, r := range w.reports {
		if r.Status != nil {
			s.tasks, s.wanted = r.Status.Replicas, r.Status.SpecReplicas
		}
		for _, f := range r.Faults {
			s.faults += f.From + ": " + f.Error + "\n"
		}
		for _, sample := range r.Samples {
			seldom := sample.Signal == containers.WritableLayerBytes || sample.Signal == containers.HealthyRatio || sample.Signal == containers.Restarts
			if !seldom && r.At.Sub(sample.At) > 5*time.Second {
				continue
			}
			if s.all[sample.Replica] == nil {
				s.all[sample.Replica] = map[string]float64{}
			}
			s.all[sample.Replica][sample.Signal] = sample.Value
		}
	}
	return s
}

// until waits until it is told what is to be told.
func (w *world) until(what string, holds func(seen) bool) seen {
	w.t.Helper()
	began := time.Now()
	for {
		s := w.seen()
		if holds(s) {
			w.t.Logf("%s: after %v", what, time.Since(began).Round(100*time.Millisecond))
			return s
		}
		if time.Since(began) > time.Minute {
			w.t.Fatalf("waited a minute in vain until %s; last: %+v", what, s)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// within reports whether a value is there and within a tenth of what is wanted.
func within(got map[string]float64, signal string, want float64) bool {
	v, there := got[signal]
	return there && v >= 0.9*want && v <= 1.1*want
}

// tasksOf are the IDs of a node's containers of a service that run.
func tasksOf(t *testing.T, d *dockertest.Daemon, service string) []string {
	t.Helper()
	found, err := d.API.ContainerList(t.Context(), client.ContainerListOptions{Filters: client.Filters{}.Add("label", "com.docker.swarm.service.name="+service)})
	must(t, err)
	var ids []string
	for _, one := range found.Items {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	return ids
}

// Two nodes, an agent on each, one planner: every task counts once. While an
// agent is away the sum is not known, and nobody takes half of it for the whole;
// when it is back everything is as before.
func TestAgentsOfTwoNodesFeedOnePlanner(t *testing.T) {
	manager := engine(t)
	worker := manager.SwarmOfTwo(t)
	load(t, worker)
	w := newWorld(t, manager, 1, shop(4, 0.1, "/load", "busy"))
	whole := func(s seen) bool {
		return s.faults == "" && len(s.tasks) == 4 && s.wanted == 4 && within(s.all[""], containers.CPUCores, 0.4) &&
			within(s.all[""], scale.CPUUtilization, 1) && s.all[""][containers.HealthyRatio] == 1
	}
	w.until("both nodes have two tasks", func(seen) bool {
		return len(tasksOf(t, manager, "shop")) == 2 && len(tasksOf(t, worker, "shop")) == 2 && len(tasksOf(t, worker, "agent")) == 1
	})
	favour(t, tasksOf(t, manager, "shop")[0])
	favour(t, tasksOf(t, worker, "shop")[0])
	s := w.until("all four are measured", whole)
	sum := 0.0
	for _, task := range s.tasks {
		sum += s.all[task.ID][containers.CPUCores]
	}
	near(t, "the sum of the tasks", s.all[""][containers.CPUCores], sum)
	if _, there := s.all[""][containers.WritableLayerBytes]; there {
		t.Errorf("the layers of the worker's tasks are known to nobody, and there is a sum: %v", s.all)
	}

	_, err := worker.API.ContainerKill(t.Context(), tasksOf(t, worker, "agent")[0], client.ContainerKillOptions{Signal: "SIGKILL"})
	must(t, err)
	s = w.until("it is said that half is not measured", func(s seen) bool {
		if sum, there := s.all[""][containers.CPUCores]; there && sum < 0.3 {
			t.Fatalf("a sum without two of four: %v", s.all)
		}
		return strings.Contains(s.faults, "2 of 4 replicas are not measured")
	})
	if _, there := s.all[""][containers.CPUCores]; there || !within(s.all[""], scale.CPUUtilization, 1) {
		t.Errorf("partly measured: %v; want no sum, and the mean of the rest", s.all)
	}
	time.Sleep(5 * time.Second) // five decisions more
	if s = w.seen(); s.wanted != 4 || len(s.tasks) != 4 {
		t.Errorf("%d tasks are wanted on what half of them use", s.wanted)
	}

	w.begin("agent")
	w.until("all four are measured again", whole)
}

// begin makes the tasks of a service anew.
func (w *world) begin(service string) {
	w.t.Helper()
	found, err := w.manager.API.ServiceInspect(w.t.Context(), service, client.ServiceInspectOptions{})
	must(w.t, err)
	spec := found.Service.Spec
	spec.TaskTemplate.ForceUpdate++
	_, err = w.manager.API.ServiceUpdate(w.t.Context(), found.Service.ID, client.ServiceUpdateOptions{Version: found.Service.Version, Spec: spec})
	must(w.t, err)
}

// What only an engine knows comes from the role that has it: which container
// each task is, how healthy, how often it was started again, how much it wrote.
func TestWhatTheEngineKnowsOfTasks(t *testing.T) {
	manager := engine(t)
	manager.Swarm(t)
	w := newWorld(t, manager, 2, shop(2, 1, "/written", "files", "16"))
	const mib = 1 << 20
	w.until("both are healthy and have written", func(s seen) bool {
		return s.faults == "" && s.all[""][containers.HealthyRatio] == 1 && within(s.all[""], containers.WritableLayerBytes, 32*mib) &&
			within(s.all[""], containers.MemoryBytes, 80*mib)
	})
	victim := tasksOf(t, manager, "shop")[0]
	_, err := manager.API.ContainerKill(t.Context(), victim, client.ContainerKillOptions{Signal: "SIGKILL"})
	must(t, err)
	s := w.until("a task was started again", func(s seen) bool { return s.faults == "" && s.all[""][containers.Restarts] == 1 })
	if len(s.tasks) != 2 {
		t.Errorf("%d tasks, want the other one and the new one", len(s.tasks))
	}
}
