//go:build linux

package nginx_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

const patience = 20 * time.Second

// program is the real nginx with the shipped configuration.
type program struct {
	t      *testing.T
	cfg    nginx.Config
	url    string
	errors string // the file of the error log
	cmd    *exec.Cmd
}

func start(t *testing.T, change func(*nginx.Config, *nginx.Site)) *program {
	t.Helper()
	dir, err := os.MkdirTemp("", "ngx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &program{t: t, cfg: nginx.Default(), errors: filepath.Join(dir, "error.log")}
	p.must(os.Chmod(dir, 0o755)) // the workers run as nobody
	testenv.Long(t)
	p.cfg.Program = testenv.Command(t, "nginx")
	p.cfg.ConfigFile, p.cfg.PIDFile, p.cfg.Include = filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "pid"), filepath.Join(dir, "our", "upstream.conf")
	p.cfg.Log.Syslog = freeAddress(t)
	p.cfg.Status = "http://" + freeAddress(t) + "/status"
	p.cfg.Threshold = scale.Duration(100 * time.Millisecond)
	p.cfg.Reload.MinInterval = scale.Duration(50 * time.Millisecond)
	site := nginx.DefaultSite(freeAddress(t))
	site.ErrorLog, site.ErrorLevel, site.TempDir = p.errors, "notice", dir
	if change != nil {
		change(&p.cfg, &site)
	}
	p.url = "http://" + site.Listen
	version, err := nginx.VersionOf(t.Context(), p.cfg.Program)
	p.must(err)
	var text bytes.Buffer
	p.must(nginx.Render(&text, p.cfg, site, version))
	p.must(os.WriteFile(p.cfg.ConfigFile, text.Bytes(), 0o600))
	p.must(nginx.Prepare(p.cfg))
	p.begin()
	return p
}

// freeAddress is one that is free for TCP and UDP.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		u, err := net.ListenPacket("udp", address)
		l.Close()
		if err == nil {
			u.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

func (p *program) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) begin() {
	p.t.Helper()
	p.cmd = exec.Command(p.cfg.Program, "-c", p.cfg.ConfigFile, "-g", "daemon off;")
	testenv.EndWithTest(p.cmd)
	p.cmd.SysProcAttr.Setpgid = true // so that kill finds the workers
	p.must(p.cmd.Start())
	p.t.Cleanup(sync.OnceFunc(p.kill))
	p.eventually("nginx listens", func() bool {
		conn, err := net.Dial("tcp", p.url[len("http://"):])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// kill ends nginx and its workers at once.
func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		_ = p.cmd.Wait()
	}
}

// plane is a plane on this nginx that runs until the test ends.
func (p *program) plane() *nginx.Plane {
	p.t.Helper()
	made, err := nginx.New(p.cfg, clock.System, slog.New(slog.DiscardHandler))
	p.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := made.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(func() { cancel(); running.Wait() })
	p.eventually("the log is read", func() bool {
		_, err := made.Collect(p.t.Context())
		return err == nil
	})
	return made
}

func (p *program) eventually(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(p.errors)
			p.t.Fatalf("%s: not within %v\n%.3000s", what, patience, log)
		}
	}
}

// reloads is how often nginx was told to read its configuration.
func (p *program) reloads() int {
	p.t.Helper()
	log, err := os.ReadFile(p.errors)
	p.must(err)
	return bytes.Count(log, []byte("signal 1 (SIGHUP) received"))
}

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
