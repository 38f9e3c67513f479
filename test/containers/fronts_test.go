//go:build linux

package containers

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

// front is a balancer of one kind with its real program running, in the shipped
// configuration.
type front struct {
	plane   balancer.Plane
	open    func() balancer.Plane // another controller's, once that one has ended
	address string                // where it takes requests
	// hinder keeps the program from taking over any change until restore is
	// called, while it goes on with requests; nil: nothing can.
	hinder func() (restore func())
}

// fronts are how each kind is made.
var fronts = map[string]func(t *testing.T, log *slog.Logger) front{
	"builtin": builtinFront, "nginx": nginxFront, "haproxy": haproxyFront, "traefik": traefikFront,
}

const (
	threshold = scale.Duration(500 * time.Millisecond)
	most      = 5 // replicas
)

func builtinFront(t *testing.T, log *slog.Logger) front {
	cfg := builtin.Default()
	cfg.Listen, cfg.Threshold = freeAddress(t), threshold
	return opened(t, &cfg, cfg.Listen, log)
}

func nginxFront(t *testing.T, log *slog.Logger) front {
	dir := openDir(t)
	cfg := nginx.Default()
	cfg.Program = testenv.Command(t, "nginx")
	cfg.ConfigFile, cfg.PIDFile, cfg.Include = filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "pid"), filepath.Join(dir, "our", "upstream.conf")
	cfg.Log.Syslog, cfg.Status, cfg.Threshold = freeAddress(t), "http://"+freeAddress(t)+"/status", threshold
	// A change may wait for the reload before it and for its own.
	cfg.Reload.MinInterval = scale.Duration(interval / 2)
	site := nginx.DefaultSite(freeAddress(t))
	site.ErrorLog, site.TempDir = filepath.Join(dir, "error.log"), dir
	version, err := nginx.VersionOf(t.Context(), cfg.Program)
	must(t, err)
	render(t, cfg.ConfigFile, func(w io.Writer) error { return nginx.Render(w, cfg, site, version) })
	must(t, nginx.Prepare(cfg))
	begin(t, site.Listen, dir, cfg.Program, "-c", cfg.ConfigFile, "-g", "daemon off;")
	f := opened(t, &cfg, site.Listen, log)
	f.hinder = func() func() { // nginx -t refuses what an operator has spoilt
		good, err := os.ReadFile(cfg.ConfigFile)
		must(t, err)
		must(t, os.WriteFile(cfg.ConfigFile, append(good, "\nspoilt;\n"...), 0o600))
		return func() { must(t, os.WriteFile(cfg.ConfigFile, good, 0o600)) }
	}
	return f
}

func haproxyFront(t *testing.T, log *slog.Logger) front {
	dir := openDir(t)
	cfg := haproxy.Default()
	cfg.Socket, cfg.StateFile, cfg.Threshold = filepath.Join(dir, "s"), filepath.Join(dir, "state"), threshold
	site := haproxy.DefaultSite(freeAddress(t), 2*most)
	file := filepath.Join(dir, "haproxy.cfg")
	render(t, file, func(w io.Writer) error { return haproxy.Render(w, cfg, site) })
	begin(t, site.Listen, dir, testenv.Command(t, "haproxy"), "-db", "-f", file)
	f := opened(t, &cfg, site.Listen, log)
	f.hinder = func() func() { // its runtime API is away
		must(t, os.Rename(cfg.Socket, cfg.Socket+"x"))
		return func() { must(t, os.Rename(cfg.Socket+"x", cfg.Socket)) }
	}
	return f
}

// traefikFront has Traefik fetch its configuration through a gate.
func traefikFront(t *testing.T, log *slog.Logger) front {
	cfg := traefik.Default()
	cfg.HTTP.Listen = freeAddress(t)
	fetched := freeAddress(t)
	gate := balancertest.NewGate(t, fetched, cfg.HTTP.Listen)
	return startTraefik(t, cfg, log, func(seen *traefik.Config) { seen.HTTP.Listen = fetched }, func() func() {
		gate.Shut()
		return gate.Open
	})
}

// traefikFileFront has Traefik watch a folder that Flyball reaches by a link.
func traefikFileFront(t *testing.T, log *slog.Logger) front {
	watched, link := openDir(t), filepath.Join(openDir(t), "link")
	must(t, os.Symlink(watched, link))
	cfg := traefik.Default()
	cfg.File = filepath.Join(link, "web.yml")
	lead := func(to string) {
		must(t, os.Symlink(to, link+"new"))
		must(t, os.Rename(link+"new", link))
	}
	return startTraefik(t, cfg, log, func(seen *traefik.Config) { seen.File = filepath.Join(watched, "web.yml") }, func() func() {
		lead(t.TempDir())
		return func() { lead(watched) }
	})
}

// startTraefik starts Traefik with the configuration as it sees it.
func startTraefik(t *testing.T, cfg traefik.Config, log *slog.Logger, asSeen func(*traefik.Config), hinder func() func()) front {
	t.Helper()
	program, dir := testenv.Built(t, "traefik"), openDir(t)
	cfg.Threshold = threshold
	site := traefik.DefaultSite(freeAddress(t))
	site.MetricsListen = freeAddress(t)
	cfg.Metrics.URL = "http://" + site.MetricsListen + "/metrics"
	seen, file := cfg, filepath.Join(dir, "traefik.yml")
	asSeen(&seen)
	render(t, file, func(w io.Writer) error { return traefik.Render(w, seen, site) })
	begin(t, site.Listen, dir, program, "--configFile="+file)
	f := opened(t, &cfg, site.Listen, log)
	f.hinder = hinder
	return f
}

func opened(t *testing.T, cfg balancer.Config, address string, log *slog.Logger) front {
	t.Helper()
	dir := t.TempDir()
	open := func() balancer.Plane {
		plane, err := cfg.Open(t.Context(), "web", balancer.Options{Clock: clock.System, Log: log, StateDir: dir})
		must(t, err)
		return plane
	}
	return front{plane: open(), open: open, address: address}
}

// openDir is a folder with a short path that everybody may read: workers of
// nginx run as nobody, and the path of a socket is bounded.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fly")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func render(t *testing.T, file string, write func(io.Writer) error) {
	t.Helper()
	var text bytes.Buffer
	must(t, write(&text))
	must(t, os.WriteFile(file, text.Bytes(), 0o600))
}

// begin starts a program, which ends with the test, and waits until it listens.
func begin(t *testing.T, address, dir, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "out"))
	must(t, err)
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	testenv.EndWithTest(cmd)
	cmd.SysProcAttr.Setpgid = true // so that its workers are ended too
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if out, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s said:\n%s", program, out[max(0, len(out)-4000):])
		}
	})
	eventually(t, program+" listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// freeAddress is one that is free for TCP and UDP.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const patience = time.Minute

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
