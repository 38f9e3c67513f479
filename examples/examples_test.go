// Package examples holds stacks to be started with one command; its tests
// start them.
package examples

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/deploy/stack"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

func TestMain(m *testing.M) { dockertest.Main(m) }

// machine is an engine with everything that a stack with a balancer pulls, and
// its clients.
type machine struct {
	*dockertest.Daemon
	t       *testing.T
	context string // flyballContext
}

func newMachine(t *testing.T, balancer string) *machine {
	t.Helper()
	m := &machine{Daemon: dockertest.Engine(t), t: t}
	config := t.TempDir()
	plugins := filepath.Join(config, "cli-plugins")
	if err := errors.Join(os.Mkdir(plugins, 0o755), os.Symlink(testenv.Built(t, "compose"), filepath.Join(plugins, "docker-compose"))); err != nil {
		t.Fatal(err)
	}
	testenv.Command(t, "docker")
	t.Setenv("DOCKER_HOST", m.Endpoint)
	t.Setenv("DOCKER_CONFIG", config)
	makeImages(t, m.Daemon, balancer)
	m.context = flyballContext(t)
	return m
}

// docker runs it in a folder and returns what it says.
func (m *machine) docker(dir string, args ...string) string {
	m.t.Helper()
	return m.run(dir, "docker", args...)
}

func (m *machine) run(dir, program string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copyOf is an example in a folder of its own, on this engine: what is built
// is built without sources, and the socket is the engine's. Nothing else is
// different.
func (m *machine) copyOf(example string) string {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "example")
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		m.t.Fatal(err)
	}
	override := fmt.Sprintf(`services:
  app: {build: {context: %[1]q, dockerfile: Containerfile}}
  balancer: {build: {context: %[1]q, dockerfile: Containerfile}}
  executor: {volumes: ["%[2]s:/var/run/docker.sock"]}
`, m.context, m.socket())
	if err := os.WriteFile(filepath.Join(dir, "compose.override.yaml"), []byte(override), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return dir
}

func (m *machine) socket() string { return strings.TrimPrefix(m.Endpoint, "unix://") }

// replicas are the containers of a service that run, with what they do.
func (m *machine) containers(filter ...string) []string {
	m.t.Helper()
	args := []string{"ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}"}
	for _, f := range filter {
		args = append(args, "--filter", f)
	}
	return slices.DeleteFunc(strings.Split(m.docker(".", args...), "\n"), func(line string) bool { return line == "" })
}

// app are the containers that are scaled.
const app = "label=com.docker.compose.service=app"

// eventually waits for something that must happen, and says what it was
// otherwise.
func (m *machine) eventually(what string, within time.Duration, happened func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(within); !happened(); { //nolint:forbidigo // a test of real time
		if time.Now().After(deadline) { //nolint:forbidigo // a test of real time
			m.t.Fatalf("%s did not come true within %v\n%s", what, within, m.told())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// told is what every container has said last.
func (m *machine) told() string {
	var all strings.Builder
	for _, line := range strings.Split(m.docker(".", "ps", "-a", "--format", "{{.Names}} {{.Status}}"), "\n") {
		name, _, found := strings.Cut(line, " ")
		if !found {
			continue
		}
		logs, _ := exec.Command("docker", "logs", "--tail", "12", name).CombinedOutput()
		fmt.Fprintf(&all, "== %s\n%s", line, logs)
	}
	return all.String()
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// nothingLeft fails the test where something of the stack is still there.
func (m *machine) nothingLeft(label string) {
	m.t.Helper()
	for _, what := range [][]string{{"ps", "-aq"}, {"volume", "ls", "-q"}, {"network", "ls", "-q"}} {
		if left := m.docker(".", append(what, "--filter", label)...); left != "" {
			m.t.Errorf("docker %s: left is %s", what[0], left)
		}
	}
}

// leastPrivilege looks at what runs, not at what was written.
func (m *machine) leastPrivilege(line string, root bool) {
	m.t.Helper()
	id, _, _ := strings.Cut(line, " ")
	format := "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Privileged}} {{.HostConfig.SecurityOpt}} user={{.Config.User}} {{.HostConfig.Binds}}{{.Mounts}}"
	seen := m.docker(".", "inspect", "--format", format, id)
	if !strings.HasPrefix(seen, "true [ALL] false [no-new-privileges:true] user=") || (!root && strings.Contains(seen, "user=0")) {
		m.t.Errorf("%s has more than it needs: %s", line, seen)
	}
	if has := strings.Contains(seen, "docker.sock"); has != strings.Contains(line, "executor") {
		m.t.Errorf("%s: has the socket: %v", line, has)
	}
}

// One command, and a service is scaled on load; one more, and nothing is left.
func TestComposeExampleScales(t *testing.T) {
	m := newMachine(t, "nginx:1.28")
	dir := m.copyOf("compose")
	m.docker(dir, "compose", "up", "--build", "-d")
	t.Cleanup(func() {
		_ = exec.Command("docker", "compose", "-p", "shop", "down", "--volumes", "--timeout", "5").Run()
	})
	m.eventually("an answer through nginx", patience, func() bool { return answers("http://127.0.0.1:8080/") })
	for _, line := range m.containers(project) {
		m.leastPrivilege(line, strings.Contains(line, "executor")) // nobody could look up the socket's group
	}
	traffic := traffictest.Send(t, "127.0.0.1:8080", traffictest.Only(traffictest.Gets, traffictest.Posts), 80, 0)
	m.eventually("a second replica", patience, func() bool { return len(m.containers(app)) >= 2 })
	if r := traffic.End(); r.FailedRequests > 0 {
		t.Errorf("%d of %d requests failed: %v", r.FailedRequests, r.Requests, r.Errors)
	}
	if all := m.docker(dir, "compose", "ps", "app"); strings.Count(all, "shop-app-") < 2 {
		t.Errorf("Compose does not know the replicas as its own:\n%s", all)
	}
	m.docker(dir, "compose", "down", "--volumes", "--timeout", "5")
	m.nothingLeft(project)
}

// Applied again a stack is as it was; deleted, it is gone.
func TestDeployComposeAgainChangesNothing(t *testing.T) {
	m := newMachine(t, "nginx:1.28")
	m.buildFlyball()
	dir := filepath.Join(t.TempDir(), "shop")
	apply := []string{"deploy", "compose", "local", "--dir", dir}
	m.run(".", m.flyball(), append(apply, "--apply")...)
	t.Cleanup(func() {
		_ = exec.Command("docker", "compose", "-p", "shop", "down", "--volumes", "--timeout", "5").Run()
	})
	m.eventually("an answer through nginx", patience, func() bool { return answers("http://127.0.0.1:8080/") })
	before := m.ids()
	for _, line := range m.containers(project) {
		m.leastPrivilege(line, false)
	}
	m.run(".", m.flyball(), append(apply, "--apply")...)
	if after := m.ids(); !slices.Equal(before, after) {
		t.Errorf("applied again, containers differ:\n%v\n%v", before, after)
	}
	m.run(".", m.flyball(), append(apply, "--delete")...)
	m.nothingLeft(project)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// One command on a swarm, and requests are answered.
func TestSwarmExampleServes(t *testing.T) {
	m := newMachine(t, "")
	m.Swarm(t)
	m.buildFlyball()
	dir := m.copyOf("swarm")
	file := filepath.Join(dir, "stack.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	here := strings.Replace(string(text), "- /var/run/docker.sock:", "- "+m.socket()+":", 1)
	if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	m.docker(dir, "stack", "deploy", "--resolve-image", "never", "-c", "stack.yaml", "shop")
	t.Cleanup(func() { _ = exec.Command("docker", "stack", "rm", "shop").Run() })
	m.eventually("an answer through the balancer", patience, func() bool { return answers("http://127.0.0.1:8080/") })
	traffic := traffictest.Send(t, "127.0.0.1:8080", traffictest.Only(traffictest.Gets), 80, 0)
	m.eventually("a second task", patience, func() bool {
		return len(m.containers("label=com.docker.swarm.service.name=shop_app")) >= 2
	})
	traffic.End()
	m.run(".", m.flyball(), "deploy", "swarm", "local", "--dir", dir, "--delete")
	m.nothingLeft(namespace)
}

// Swarm takes every stack there is; none of them gets to start.
func TestSwarmTakesEveryStack(t *testing.T) {
	m := newMachine(t, "")
	m.Swarm(t)
	for _, environment := range stack.Environments() {
		for _, balancer := range stack.Balancers() {
			o := stack.Default(stack.Swarm, environment)
			o.Name, o.Balancer = environment.Name+"-"+balancer, balancer
			material := stack.Material{RedisPassword: "r", Token: "t", PrometheusToken: "p", GrafanaPassword: "g"}
			if environment.TLS != stack.NoTLS {
				material.Certificate, material.Key = []byte("c"), []byte("k")
			}
			files, err := stack.Render(o, material)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), o.Name)
			if err := stack.Write(dir, files, material); err != nil {
				t.Fatal(err)
			}
			said := m.docker(dir, "stack", "deploy", "--resolve-image", "never", "-c", "stack.yaml", o.Name)
			if strings.Contains(said, "Ignoring") || strings.Count(said, "Creating service") != 10 {
				t.Errorf("%s: %s", o.Name, said)
			}
			m.docker(dir, "stack", "rm", o.Name)
		}
	}
}

const (
	// patience is for a machine that does much else.
	patience  = 2 * time.Minute
	project   = "label=com.docker.compose.project=shop"
	namespace = "label=com.docker.stack.namespace=shop"
)

// flyball is the program that the images hold.
func (m *machine) flyball() string { return filepath.Join(m.context, "root", "flyball") }

// buildFlyball makes the image that a stack without sources takes.
func (m *machine) buildFlyball() {
	m.t.Helper()
	m.t.Setenv("DOCKER_BUILDKIT", "0")
	m.docker(m.context, "build", "-t", "flyball:latest", "--target", "flyball", "-f", "Containerfile", ".")
}

// ids are those of the stack's containers, in order.
func (m *machine) ids() []string {
	all := m.containers(project)
	for i, line := range all {
		all[i], _, _ = strings.Cut(line, " ")
	}
	slices.Sort(all)
	return all
}
