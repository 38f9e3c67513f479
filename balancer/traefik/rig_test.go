package traefik_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

const patience = 30 * time.Second

// program is the real Traefik with the shipped configuration.
type program struct {
	t     *testing.T
	path  string
	dir   string
	cfg   traefik.Config
	url   string
	file  string
	state string
	log   string
	cmd   *exec.Cmd
}

// The two ways to Traefik.
func overHTTP(*traefik.Config, *traefik.Site) {}

func overFile(c *traefik.Config, s *traefik.Site) {
	c.File = filepath.Join(filepath.Dir(s.CAFile), "watched", "app.yml")
}

// start runs Traefik.
func start(t *testing.T, changes ...func(*traefik.Config, *traefik.Site)) *program {
	t.Helper()
	testenv.Long(t)
	p := &program{t: t, path: testenv.Built(t, "traefik"), dir: t.TempDir(), cfg: traefik.Default()}
	listen := local(freePort(t))
	site := traefik.DefaultSite(listen)
	site.MetricsListen, p.cfg.HTTP.Listen = local(freePort(t)), local(freePort(t))
	p.cfg.Metrics.URL = "http://" + site.MetricsListen + "/metrics"
	p.cfg.PollInterval, p.cfg.Threshold = scale.Duration(100*time.Millisecond), scale.Duration(100*time.Millisecond)
	p.cfg.Settle = scale.Duration(300 * time.Millisecond)
	site.CAFile = filepath.Join(p.dir, "nobody.pem")
	for _, change := range changes {
		change(&p.cfg, &site)
	}
	if site.CAFile == filepath.Join(p.dir, "nobody.pem") {
		site.CAFile = ""
	}
	p.url, p.file, p.state = "http://"+listen, filepath.Join(p.dir, "traefik.yml"), filepath.Join(p.dir, "state")
	p.log = filepath.Join(p.dir, "log")
	if p.cfg.File != "" {
		p.must(os.MkdirAll(filepath.Dir(p.cfg.File), 0o755))
	}
	var text bytes.Buffer
	p.must(traefik.Render(&text, p.cfg, site))
	p.must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.begin()
	return p
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *program) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) begin() {
	p.t.Helper()
	p.cmd = exec.Command(p.path, "--configFile="+p.file)
	out, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	p.must(err)
	defer out.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, out, out
	testenv.EndWithTest(p.cmd)
	p.must(p.cmd.Start())
	p.t.Cleanup(sync.OnceFunc(p.kill))
	p.eventually("Traefik listens", func() bool {
		conn, err := net.Dial("tcp", p.url[len("http://"):])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// kill ends Traefik as kill -9 does.
func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// plane is a plane on this Traefik that runs until the test ends.
func (p *program) plane() balancer.Plane {
	plane, stop := p.controller()
	p.t.Cleanup(stop)
	return plane
}

// controller is a plane that runs until it is told to stop.
func (p *program) controller() (balancer.Plane, func()) {
	p.t.Helper()
	made, err := p.cfg.Open(p.t.Context(), "test", balancer.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: p.state})
	p.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := made.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	return made, sync.OnceFunc(func() { cancel(); running.Wait() })
}

func (p *program) eventually(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(p.log)
			p.t.Fatalf("%s: not within %v\n%s", what, patience, said)
		}
	}
}

// get returns what a request is answered with, or 0.
func (p *program) get(path string) (int, string) { return get(http.DefaultClient, p.url+path) }

func get(client *http.Client, url string) (int, string) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func signals(t *testing.T, plane balancer.Plane) map[string]float64 {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, s := range samples {
		out[s.Signal] = s.Value
	}
	return out
}
