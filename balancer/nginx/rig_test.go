//go:build linux

package nginx_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

// program is the real nginx with the shipped configuration.
type program struct {
	balancertest.Program
	cfg nginx.Config
}

func start(t *testing.T, change func(*nginx.Config, *nginx.Site)) *program {
	t.Helper()
	dir, err := os.MkdirTemp("", "ngx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	site := nginx.DefaultSite(balancertest.FreeAddress(t))
	p := &program{Program: balancertest.NewProgram(t, site.Listen), cfg: nginx.Default()}
	p.Log, p.Slay = filepath.Join(dir, "error.log"), withWorkers
	p.Must(os.Chmod(dir, 0o755)) // the workers run as nobody
	testenv.Long(t)
	p.cfg.Program = testenv.Command(t, "nginx")
	p.cfg.ConfigFile, p.cfg.PIDFile, p.cfg.Include = filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "pid"), filepath.Join(dir, "our", "upstream.conf")
	p.cfg.Log.Syslog = balancertest.FreeAddress(t)
	p.cfg.Status = "http://" + balancertest.FreeAddress(t) + "/status"
	p.cfg.Threshold = scale.Duration(100 * time.Millisecond)
	p.cfg.Reload.MinInterval = scale.Duration(50 * time.Millisecond)
	site.ErrorLog, site.ErrorLevel, site.TempDir = p.Log, "notice", dir
	if change != nil {
		change(&p.cfg, &site)
	}
	version, err := nginx.VersionOf(t.Context(), p.cfg.Program)
	p.Must(err)
	var text bytes.Buffer
	p.Must(nginx.Render(&text, p.cfg, site, version))
	p.Must(os.WriteFile(p.cfg.ConfigFile, text.Bytes(), 0o600))
	p.Must(nginx.Prepare(p.cfg))
	p.begin()
	return p
}

func (p *program) begin() {
	p.T.Helper()
	cmd := balancertest.Command(p.cfg.Program, "-c", p.cfg.ConfigFile, "-g", "daemon off;")
	cmd.SysProcAttr.Setpgid = true
	p.Start(cmd)
}

// withWorkers ends nginx and its workers at once.
func withWorkers(master *os.Process) error { return syscall.Kill(-master.Pid, syscall.SIGKILL) }

// plane is a plane on this nginx that runs until the test ends.
func (p *program) plane() *nginx.Plane {
	plane, _ := p.controller()
	return plane
}

// controller is a plane that runs until it is told to stop.
func (p *program) controller() (*nginx.Plane, func()) {
	p.T.Helper()
	made, err := nginx.New(p.cfg, clock.System, slog.New(slog.DiscardHandler))
	p.Must(err)
	stop := p.Serve(made)
	p.Eventually("the log is read", func() bool {
		_, err := made.Collect(p.T.Context())
		return err == nil
	})
	return made, stop
}

// reloads is how often nginx was told to read its configuration.
func (p *program) reloads() int {
	p.T.Helper()
	log, err := os.ReadFile(p.Log)
	p.Must(err)
	return bytes.Count(log, []byte("signal 1 (SIGHUP) received"))
}

// stopLeaving stops the workers that only finish what they have, until wake.
func (p *program) stopLeaving() (wake func()) {
	p.T.Helper()
	master, err := os.ReadFile(p.cfg.PIDFile)
	p.Must(err)
	id := strings.TrimSpace(string(master))
	children, err := os.ReadFile("/proc/" + id + "/task/" + id + "/children")
	p.Must(err)
	var stopped []int
	for _, child := range strings.Fields(string(children)) {
		title, _ := os.ReadFile("/proc/" + child + "/cmdline")
		if pid, _ := strconv.Atoi(child); bytes.Contains(title, []byte("shutting down")) {
			p.Must(syscall.Kill(pid, syscall.SIGSTOP))
			stopped = append(stopped, pid)
		}
	}
	if len(stopped) == 0 {
		p.T.Fatal("no worker leaves")
	}
	return func() {
		for _, pid := range stopped {
			p.Must(syscall.Kill(pid, syscall.SIGCONT))
		}
	}
}
