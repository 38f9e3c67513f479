package compose_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/compose"
	"github.com/flyball-io/flyball/target/targettest"
)

// TestMain gives the tests an engine of their own.
func TestMain(m *testing.M) { dockertest.Main(m) }

// file is the Compose file of most tests.
const file = `
services:
  web:
    image: web:1
    stop_grace_period: 3s
    labels: {shop.colour: green}
    networks: {default: {aliases: [shop]}}
    deploy: {resources: {limits: {memory: 64M}}}
  other:
    image: web:1
`

// version is a Compose program: the plugin that is built from its module, or
// Debian's docker-compose 1.29.
type version string

const (
	v5  version = "v5"
	v1  version = "1.29"
	env         = "COMPOSE_PROJECT_NAME="
)

// project is a Compose project on the test's own engine.
type project struct {
	t      *testing.T
	daemon *dockertest.Daemon
	name   string
	dir    string
	v      version
}

// newProject writes the Compose file; nothing of it outlives the test.
func newProject(t *testing.T, v version, file string) *project {
	t.Helper()
	p := &project{t: t, daemon: dockertest.Engine(t), dir: t.TempDir(), v: v}
	p.daemon.Image(t, "web:1")
	p.name = "p" + strings.ToLower(strings.ReplaceAll(filepath.Base(filepath.Dir(p.dir)), "_", ""))
	p.name = p.name[:min(20, len(p.name))] + fmt.Sprint(time.Now().UnixNano()%1e6)
	p.write(file)
	config := filepath.Join(p.dir, "config", "cli-plugins")
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	if v == v5 {
		if err := os.Symlink(testenv.Built(t, "compose"), filepath.Join(config, "docker-compose")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		dockertest.Engine(t)
		p.compose("down", "--timeout", "0", "--remove-orphans")
	})
	return p
}

func (p *project) write(file string) {
	p.t.Helper()
	if p.v == v1 {
		file = "version: '3.8'\n" + file
	}
	if err := os.WriteFile(filepath.Join(p.dir, "compose.yaml"), []byte(file), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// compose runs a command as a user does, in the folder of the project.
func (p *project) compose(args ...string) string {
	p.t.Helper()
	program := []string{testenv.Command(p.t, "/usr/bin/docker"), "compose"}
	if p.v == v1 {
		program = []string{testenv.Command(p.t, "docker-compose"), "-f", "compose.yaml"}
	}
	cmd := exec.Command(program[0], slices.Concat(program[1:], args)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+p.daemon.Endpoint, "DOCKER_CONFIG="+filepath.Join(p.dir, "config"), env+p.name)
	out, err := cmd.CombinedOutput()
	p.t.Logf("compose %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		p.t.Errorf("docker compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// config is a target that scales service web of the project.
func (p *project) config() compose.Config {
	cfg := compose.Default()
	cfg.Project, cfg.Service, cfg.Port, cfg.Endpoint = p.name, "web", 8080, p.daemon.Endpoint
	cfg.Readiness.Path = "/healthz"
	return cfg
}

// containers lists those of service web, by name.
func (p *project) containers() []container.Summary {
	p.t.Helper()
	filters := client.Filters{}.Add("label", "com.docker.compose.project="+p.name, "com.docker.compose.service=web")
	found, err := p.daemon.API.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		p.t.Log(err)
	}
	slices.SortFunc(found.Items, func(a, b container.Summary) int { return strings.Compare(a.Names[0], b.Names[0]) })
	return found.Items
}

// names are what the containers of service web are called that run, without
// the project.
func (p *project) names() []string {
	var all []string
	for _, c := range p.containers() {
		if c.State == container.StateRunning {
			all = append(all, strings.TrimPrefix(strings.TrimPrefix(c.Names[0], "/"), p.name)[1:])
		}
	}
	return all
}

// world is one controller of service web.
type world struct {
	*project
	targettest.Controlled[*compose.Target]
	dir string
}

func (p *project) world(change func(*compose.Config)) *world {
	p.t.Helper()
	cfg := p.config()
	if change != nil {
		change(&cfg)
	}
	w := &world{project: p, dir: p.t.TempDir()}
	w.T = p.t
	w.Target = open(p.t, cfg, w.dir, nil)
	return w
}

func open(t *testing.T, cfg compose.Config, dir string, traffic target.Traffic) *compose.Target {
	t.Helper()
	tgt, err := compose.New("web", cfg, target.Options{Clock: clock.System, Log: targettest.Log(t), StateDir: dir, Traffic: traffic}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tgt
}

func (p *project) remove(file string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.dir, file)); err != nil {
		p.t.Fatal(err)
	}
}
