//go:build linux

package containers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/compose"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/process"
	targetswarm "github.com/flyball-io/flyball/target/swarm"
)

// kinds are how the configuration of each kind of target comes about: a service
// of sample apps that behave as they are told.
var kinds = map[string]func(t *testing.T, app string) target.Config{
	"process": processes, "docker": containers, "compose": composeService, "swarm": swarmService,
}

const (
	image = "web:1"
	// abrupt is how sample apps behave: they take little time for a request, and
	// cut off what is in progress when they are asked to end, so that nothing but
	// the draining protects it.
	abrupt = `{"slots":64,"serviceMean":"5ms","shutdownTimeout":"1ms"}`
	// Swarm chooses who goes, and no balancer knows before: its replicas serve on
	// until the balancer has heard of it, and finish what they have.
	lingering = `{"slots":64,"serviceMean":"5ms","linger":"3s","shutdownTimeout":"5s"}`
)

// behaviour is that of the sample apps of a kind in the matrix.
func behaviour(kind string) string {
	if kind == "swarm" {
		return lingering
	}
	return abrupt
}

func processes(t *testing.T, _ string) target.Config {
	cfg := process.Default()
	cfg.Command = []string{program(), "sample-app", "--slots", "64", "--service-mean", "5ms", "--shutdown-timeout", "1ms"} // abrupt
	cfg.Readiness.Path = "/healthz"
	return &cfg
}

// program is flyball itself.
var program = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		panic(err)
	}
	file := filepath.Join(dir, "flyball")
	if out, err := exec.Command("go", "build", "-o", file, "github.com/flyball-io/flyball/cmd/flyball").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	return file
})

func containers(t *testing.T, app string) target.Config {
	engine := dockertest.Engine(t)
	engine.Image(t, image)
	cfg := docker.Default()
	cfg.Env = map[string]string{"APP": app}
	cfg.Image, cfg.Port, cfg.Endpoint, cfg.Readiness.Path = image, 8080, engine.Endpoint, "/healthz"
	return &cfg
}

const composeFile = `
services:
  web:
    image: web:1
    stop_grace_period: 3s
    environment: {APP: '%s'}
`

func composeService(t *testing.T, app string) target.Config {
	engine := dockertest.Engine(t)
	engine.Image(t, image)
	dir, plugins := t.TempDir(), filepath.Join(t.TempDir(), "cli-plugins")
	must(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), fmt.Appendf(nil, composeFile, app), 0o600))
	must(t, os.MkdirAll(plugins, 0o755))
	must(t, os.Symlink(testenv.Built(t, "compose"), filepath.Join(plugins, "docker-compose")))
	project := fmt.Sprintf("shop%d", serial.Add(1))
	run := func(args ...string) {
		cmd := exec.Command(testenv.Command(t, "/usr/bin/docker"), append([]string{"compose", "--project-name", project}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+engine.Endpoint, "DOCKER_CONFIG="+filepath.Dir(plugins))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("docker compose %v: %v: %s", args, err, out)
		}
	}
	run("up", "--detach", "web")
	t.Cleanup(func() { run("down", "--timeout", "0") })
	cfg := compose.Default()
	cfg.Project, cfg.Service, cfg.Port, cfg.Endpoint, cfg.Readiness.Path = project, "web", 8080, engine.Endpoint, "/healthz"
	return &cfg
}

func swarmService(t *testing.T, app string) target.Config {
	engine := dockertest.Engine(t)
	engine.Image(t, image)
	engine.Swarm(t)
	name, count, grace := fmt.Sprintf("shop%d", serial.Add(1)), uint64(1), 10*time.Second
	// A network whose addresses the tests' machine reaches: this kernel lacks what
	// virtual addresses take.
	network := "near-" + name
	_, err := engine.API.NetworkCreate(t.Context(), network, client.NetworkCreateOptions{Driver: "bridge", Scope: "swarm"})
	must(t, err)
	_, err = engine.API.ServiceCreate(t.Context(), client.ServiceCreateOptions{Spec: swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: name},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: image, StopGracePeriod: &grace, Env: []string{"APP=" + app}},
			Networks:      []swarm.NetworkAttachmentConfig{{Target: network}},
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &count}},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionModeDNSRR},
	}})
	must(t, err)
	t.Cleanup(func() {
		if _, err := engine.API.ServiceRemove(context.Background(), name, client.ServiceRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	cfg := targetswarm.Default()
	cfg.Service, cfg.Port, cfg.Endpoint, cfg.Interval = name, 8080, engine.Endpoint, scale.Duration(500*time.Millisecond)
	return &cfg
}

// serial makes names different.
var serial atomic.Int64
