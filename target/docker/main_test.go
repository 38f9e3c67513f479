package docker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// TestMain gives the tests an engine of their own, and lets the test binary
// play a controller that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_ROLE") == "controller" {
		fmt.Fprintln(os.Stderr, playController())
		os.Exit(3)
	}
	dockertest.Main(m)
}

// playController is a controller that can be killed; CONTROLLER holds its
// orders as JSON.
func playController() error {
	var orders controllerOrders
	if err := json.Unmarshal([]byte(os.Getenv("CONTROLLER")), &orders); err != nil {
		return err
	}
	tgt, err := docker.New("web", orders.Config, docker.Options{
		Clock: clock.System, Log: slog.New(slog.NewTextHandler(os.Stdout, nil)), StateDir: orders.StateDir,
	})
	if err != nil {
		return err
	}
	if err := tgt.SetReplicas(context.Background(), orders.Replicas); err != nil {
		return err
	}
	return tgt.Run(context.Background())
}

type controllerOrders struct {
	Config   docker.Config
	StateDir string
	Replicas int
}

// image is what replicas are made of.
const image = "web:1"

// webConfig is a target whose replicas are sample apps.
func webConfig(d *dockertest.Daemon) docker.Config {
	cfg := docker.Default()
	cfg.Image, cfg.Port, cfg.Endpoint = image, 8080, d.Endpoint
	cfg.Readiness.Path = "/healthz"
	return cfg
}

// world is one target under test with all that belongs to it.
type world struct {
	targettest.Controlled[*docker.Target]
	daemon *dockertest.Daemon
	dir    string
}

// newWorld makes a target and sees to it that none of its containers outlives
// the test.
func newWorld(t *testing.T, change func(*docker.Config)) *world {
	t.Helper()
	w := &world{daemon: dockertest.Engine(t), dir: t.TempDir()}
	w.T = t
	w.daemon.Image(t, image)
	t.Cleanup(func() { removeOwned(t, w.daemon, w.dir) })
	cfg := webConfig(w.daemon)
	if change != nil {
		change(&cfg)
	}
	w.Target = open(t, cfg, w.dir, nil)
	return w
}

func open(t *testing.T, cfg docker.Config, dir string, traffic target.Traffic) *docker.Target {
	t.Helper()
	tgt, err := docker.New("web", cfg, docker.Options{Clock: clock.System, Log: targettest.Log(t), StateDir: dir, Traffic: traffic})
	if err != nil {
		t.Fatal(err)
	}
	return tgt
}

// back is a condition for until: the engine is there and n replicas are ready.
// While it is away they are known by their probes alone.
func back(n int) func(target.Status) bool {
	return func(s target.Status) bool {
		return targettest.Ready(n)(s) && !targettest.Told(docker.EngineUnreachable)(s)
	}
}

func ids(s target.Status) []string {
	var all []string
	for _, r := range s.Replicas {
		all = append(all, r.ID)
	}
	return all
}

// record is what the target has written down.
type record struct {
	Owner    string
	Replicas []replicaRecord
}

type replicaRecord struct {
	Name, Container string
	DeletedAt       time.Time
}

func recorded(dir string) (r record) {
	raw, err := os.ReadFile(filepath.Join(dir, "web.docker.json"))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return record{}
	}
	return r
}

// replica is the record of the replica that a container is.
func (r record) replica(name, id string) (replicaRecord, bool) {
	for _, one := range r.Replicas {
		if one.Name == name && (one.Container == "" || one.Container == id) {
			return one, true
		}
	}
	return replicaRecord{}, false
}

// owned lists the containers of the target that keeps its state in dir.
func owned(t *testing.T, d *dockertest.Daemon, dir string) []container.Summary {
	t.Helper()
	owner := recorded(dir).Owner
	if owner == "" {
		return nil
	}
	filters := client.Filters{}.Add("label", "flyball.io/owner="+owner)
	found, err := d.API.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		t.Log(err)
	}
	return found.Items
}

func removeOwned(t *testing.T, d *dockertest.Daemon, dir string) {
	for _, c := range owned(t, dockertest.Engine(t), dir) {
		removeContainer(t, d, c.ID)
	}
}

func removeContainer(t *testing.T, d *dockertest.Daemon, id string) {
	if _, err := d.API.ContainerRemove(context.Background(), id, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Log(err)
	}
}

func kill(t *testing.T, d *dockertest.Daemon, id string) {
	t.Helper()
	if _, err := d.API.ContainerKill(t.Context(), id, client.ContainerKillOptions{}); err != nil {
		t.Fatal(err)
	}
}
