package haproxy_test

import (
	"bytes"
	"context"
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

	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

const patience = 20 * time.Second

// program is the real HAProxy with the shipped configuration.
type program struct {
	t    *testing.T
	path string
	cfg  haproxy.Config
	url  string
	file string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

// start runs HAProxy with so many slots.
func start(t *testing.T, slots int, change func(*haproxy.Config, *haproxy.Site)) *program {
	t.Helper()
	testenv.Long(t)
	p := &program{t: t, path: testenv.Command(t, "haproxy"), cfg: haproxy.Default()}
	dir, err := os.MkdirTemp("", "hap") // the path of a socket must be short
	p.must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	site := haproxy.DefaultSite(listen, slots)
	p.cfg.Socket, p.cfg.StateFile = filepath.Join(dir, "s"), filepath.Join(dir, "state")
	p.cfg.PollInterval, p.cfg.Threshold = scale.Duration(100*time.Millisecond), scale.Duration(100*time.Millisecond)
	if change != nil {
		change(&p.cfg, &site)
	}
	p.url, p.file = "http://"+listen, filepath.Join(dir, "haproxy.cfg")
	var text bytes.Buffer
	p.must(haproxy.Render(&text, p.cfg, site))
	p.must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.begin()
	return p
}

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
	p.cmd = exec.Command(p.path, "-db", "-f", p.file)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	testenv.EndWithTest(p.cmd)
	p.must(p.cmd.Start())
	p.t.Cleanup(sync.OnceFunc(p.kill))
	p.eventually("HAProxy listens", func() bool {
		return reachable("tcp", p.url[len("http://"):]) && reachable("unix", p.cfg.Socket)
	})
}

func reachable(network, address string) bool {
	conn, err := net.Dial(network, address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// kill ends HAProxy as kill -9 does.
func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// plane is a plane on this HAProxy that runs until the test ends.
func (p *program) plane() *haproxy.Plane { return p.planeWith(p.cfg) }

func (p *program) planeWith(cfg haproxy.Config) *haproxy.Plane {
	p.t.Helper()
	made, err := haproxy.New(cfg, clock.System, slog.New(slog.DiscardHandler))
	p.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := made.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(func() { cancel(); running.Wait() })
	return made
}

func (p *program) eventually(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not within %v\n%s", what, patience, p.out.String())
		}
	}
}

// get returns what a request is answered with, or 0.
func (p *program) get(path string) (int, string) {
	response, err := http.Get(p.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(response.Body)
	return response.StatusCode, text.String()
}
