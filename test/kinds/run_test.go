//go:build linux

package kinds

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// shop scales on what its balancer alone measures: one replica for each 20
// requests per second.
const shop = `apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  target:
    %s
  balancer:
    %s
  replicas: {min: 1, max: 4}
  objective: {latency: {threshold: 500ms, target: 99%%}}
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 20}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 2}}
  sync: 1s
`

// rate needs three replicas, and no more than there may be.
const rate = 55

// app cuts off what is in progress when it is asked to end: nothing but the
// draining protects a request.
const app = `{"slots":64,"serviceMean":"5ms","shutdownTimeout":"1ms"}`

func processes(p string) string {
	return fmt.Sprintf(`process: {command: [%q, sample-app, --slots, "64", --service-mean, 5ms, --shutdown-timeout, 1ms], readiness: {path: /healthz}}`, p)
}

func TestContainersBehindTheBuiltInBalancer(t *testing.T) {
	engine, address := dockertest.Engine(t), freeAddress(t)
	p := newPlace(t, "")
	image := "shop:" + filepath.Base(p.dir)
	p.write(fmt.Sprintf(shop, fmt.Sprintf(`docker: {image: %q, port: 8080, endpoint: %q, env: {APP: '%s'}, readiness: {path: /healthz}}`, image, engine.Endpoint, app),
		fmt.Sprintf("builtin: {listen: %q, metricWindow: 2s}", address)))
	doctor := []string{"doctor", "-f", p.document, "--state-dir", p.state()}
	p.says(false, doctor, `FAIL  target +shop: the engine answers, but has no image `+image+`: docker pull `+image)
	engine.Image(t, image)
	p.says(true, doctor, `ok    target +shop: the engine answers and can make containers of `+image)
	p.says(true, []string{"plan", "-f", p.document, "--state-dir", p.state()}, `shop  0 → 1 `)
	containers := func() []string { return owned(t, engine) }

	c := p.live(address)
	eventually(t, "engine and controller agree", func() bool { return slices.Equal(containers(), c.ready()) })
	victim := c.ready()[0]
	_, err := engine.API.ContainerKill(t.Context(), victim, client.ContainerKillOptions{})
	must(t, err)
	c.untilReady("a container that dies is replaced", func(n int) bool { return n == 1 && !slices.Contains(c.ready(), victim) })
	stop := []string{"stop", "--state-dir", p.state()}
	eventually(t, "the remains of the one that died are gone", func() bool {
		out, err := p.run(stop...)
		return err == nil && regexp.MustCompile(`shop +1 +`+address+` .*\d+\n`).MatchString(out)
	})
	p.says(false, append(stop, "shop", "--yes"), `a controller looks after it`)
	c.kill()
	p.says(true, stop, `shop +1 +`+address+` .*none: flyball stop shop ends it`)
	stream, err := http.Get("http://" + address + "/stream?chunks=100&interval=30ms") // takes three seconds
	must(t, err)
	defer stream.Body.Close()
	p.says(true, append(stop, "shop", "--yes"), `shop: ended \(1 replica, balancer process \d+ at `+address)
	if all, err := io.ReadAll(stream.Body); err != nil || !strings.HasSuffix(string(all), "event: end\ndata: 100\n\n") {
		t.Errorf("what was in progress was cut off after %d bytes: %v", len(all), err)
	}
	p.says(true, stop, `Nothing runs in `)
	if left := containers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// owned are the containers of the target, sorted.
func owned(t *testing.T, engine *dockertest.Daemon) []string {
	t.Helper()
	found, err := engine.API.ContainerList(context.Background(), client.ContainerListOptions{Filters: make(client.Filters).Add("label", "flyball.io/target=shop")})
	must(t, err)
	var names []string
	for _, one := range found.Items {
		names = append(names, strings.TrimPrefix(one.Names[0], "/"))
	}
	slices.Sort(names)
	return names
}

func TestProcessesBehindNginx(t *testing.T) {
	testenv.Long(t)
	cfg, address := nginx.Default(), freeAddress(t)
	cfg.Log.Syslog, cfg.Status = freeAddress(t), "http://"+freeAddress(t)+"/status"
	cfg.Program = testenv.Command(t, "nginx")
	p := newPlace(t, "")
	cfg.ConfigFile, cfg.PIDFile, cfg.Include = filepath.Join(p.dir, "nginx.conf"), filepath.Join(p.dir, "pid"), filepath.Join(p.dir, "our", "upstream.conf")
	p.write(fmt.Sprintf(shop, processes(p.program), fmt.Sprintf("nginx: {program: %q, configFile: %q, pidFile: %q, include: %q, status: %q, log: {syslog: %q}, metricWindow: 2s}",
		cfg.Program, cfg.ConfigFile, cfg.PIDFile, cfg.Include, cfg.Status, cfg.Log.Syslog)))
	doctor := []string{"doctor", "-f", p.document, "--state-dir", p.state()}
	p.says(false, doctor, `FAIL  balancer +shop: configFile: stat .*nginx.conf: no such file`)
	p.ship(cfg.ConfigFile, address)
	must(t, nginx.Prepare(cfg))
	p.says(false, doctor, `FAIL  balancer +shop: nginx is not running.*: start nginx`)
	p.begin(address, cfg.Program, "-c", cfg.ConfigFile, "-g", "daemon off;")
	p.says(true, doctor, `ok    balancer +shop: nginx runs`, `ok    balancer +shop: its configuration includes `+cfg.Include)
	p.says(true, []string{"plan", "-f", p.document, "--state-dir", p.state()}, `shop  0 → 1 `, `cannot read balancer: it measures over time`)
	p.live(address).stop()
}

func TestProcessesBehindHAProxy(t *testing.T) {
	testenv.Long(t)
	cfg, address := haproxy.Default(), freeAddress(t)
	program := testenv.Command(t, "haproxy")
	p := newPlace(t, "")
	cfg.Socket, cfg.StateFile = filepath.Join(p.dir, "s"), filepath.Join(p.dir, "servers")
	p.write(fmt.Sprintf(shop, processes(p.program), fmt.Sprintf("haproxy: {socket: %q, stateFile: %q, metricWindow: 2s}", cfg.Socket, cfg.StateFile)))
	doctor := []string{"doctor", "-f", p.document, "--state-dir", p.state()}
	p.says(false, doctor, `FAIL  balancer +shop: HAProxy at .*: start HAProxy`)
	file := filepath.Join(p.dir, "haproxy.cfg")
	p.ship(file, address)
	p.begin(address, program, "-db", "-f", file)
	p.says(true, doctor, `ok    balancer +shop: HAProxy \(process \d+\) answers at .*: room for 8 replicas in app`)
	p.live(address).stop()
}

// live is the life of a service: it grows with its load, goes on while its
// controller is killed and when another one comes, and shrinks again. No request
// is lost meanwhile. It returns the second controller, with one replica.
func (p *place) live(address string) *controller {
	p.t.Helper()
	first := p.control()
	first.untilReady("the first replica", func(n int) bool { return n == 1 })
	eventually(p.t, "requests reach it", func() bool { return answers(address) })
	traffic := traffictest.Send(p.t, address, traffictest.Only(traffictest.Gets, traffictest.Posts), rate, 20*time.Second)
	before := first.untilReady("three replicas under load", func(n int) bool { return n >= 3 })
	first.kill()
	second := p.control()
	adopted := second.untilReady("the next controller finds them", func(n int) bool { return n >= len(before) })
	for _, id := range before {
		if !slices.Contains(adopted, id) {
			p.t.Errorf("replica %s was not adopted: %v", id, adopted)
		}
	}
	got := traffic.Perfect()
	p.t.Logf("%d requests, p99 %.0f ms, up to %d replicas", got.Requests, 1000*got.Latency.P99, len(adopted))
	second.untilReady("one replica without load", func(n int) bool { return n == 1 })
	return second
}

func answers(address string) bool {
	answer, err := http.Get("http://" + address + "/")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (p *place) write(document string) {
	must(p.t, os.WriteFile(p.document, []byte(document), 0o600))
}

// ship writes the balancer's configuration as its users do.
func (p *place) ship(file, address string) {
	p.t.Helper()
	out, err := p.run("balancer-config", "-f", p.document, "--listen", address)
	if err != nil {
		p.t.Fatal(out)
	}
	must(p.t, os.WriteFile(file, []byte(out), 0o600))
}

// begin starts a balancer, which ends with the test, and waits until it listens.
func (p *place) begin(address, program string, args ...string) {
	p.t.Helper()
	var out strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &out
	testenv.EndWithTest(cmd)
	cmd.SysProcAttr.Setpgid = true // so that its workers are ended too
	must(p.t, cmd.Start())
	p.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("%s said: %s", program, out.String())
		}
	})
	eventually(p.t, program+" listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// What a container publishes is scaled like that container: init finds it by its
// port, and the document that it writes can be run.
func TestInitFindsAContainer(t *testing.T) {
	engine := dockertest.Engine(t)
	p := newPlace(t, "")
	t.Setenv("DOCKER_HOST", engine.Endpoint)
	engine.Image(t, "web:1")
	_, port, err := net.SplitHostPort(freeAddress(t))
	must(t, err)
	inside := network.MustParsePort("8080/tcp")
	made, err := engine.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name:       "my_web",
		Config:     &container.Config{Image: "web:1", ExposedPorts: network.PortSet{inside: {}}},
		HostConfig: &container.HostConfig{PortBindings: network.PortMap{inside: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: port}}}},
	})
	must(t, err)
	t.Cleanup(func() {
		if _, err := engine.API.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	_, err = engine.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	must(t, err)
	eventually(t, "the container answers", func() bool { return answers("127.0.0.1:" + port) })
	must(t, os.Remove(p.document))
	p.says(true, []string{"init", "--port", port, "--prometheus", "none", "-o", p.document}, `docker stop my_web`)
	text, err := os.ReadFile(p.document)
	must(t, err)
	for _, want := range []string{`from: "my_web"`, "port: 8080", `path: "/healthz"`, `listen: "127.0.0.1:` + port, `name: "my-web"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("got %s, want %s", text, want)
		}
	}
	p.says(false, []string{"doctor", "-f", p.document, "--state-dir", p.state()}, `ok    target +my-web: the engine answers and can make containers like my_web`, `FAIL  port +my-web: port `+port+` is held by docker-proxy`)
}
