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
	address string // where it takes requests
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
	return opened(t, &cfg, site.Listen, log)
}

func haproxyFront(t *testing.T, log *slog.Logger) front {
	dir := openDir(t)
	cfg := haproxy.Default()
	cfg.Socket, cfg.StateFile, cfg.Threshold = filepath.Join(dir, "s"), filepath.Join(dir, "state"), threshold
	site := haproxy.DefaultSite(freeAddress(t), 2*most)
	file := filepath.Join(dir, "haproxy.cfg")
	render(t, file, func(w io.Writer) error { return haproxy.Render(w, cfg, site) })
	begin(t, site.Listen, dir, testenv.Command(t, "haproxy"), "-db", "-f", file)
	return opened(t, &cfg, site.Listen, log)
}

func traefikFront(t *testing.T, log *slog.Logger) front {
	program, dir := testenv.Built(t, "traefik"), openDir(t)
	cfg := traefik.Default()
	cfg.HTTP.Listen, cfg.Threshold = freeAddress(t), threshold
	site := traefik.DefaultSite(freeAddress(t))
	site.MetricsListen = freeAddress(t)
	cfg.Metrics.URL = "http://" + site.MetricsListen + "/metrics"
	file := filepath.Join(dir, "traefik.yml")
	render(t, file, func(w io.Writer) error { return traefik.Render(w, cfg, site) })
	begin(t, site.Listen, dir, program, "--configFile="+file)
	return opened(t, &cfg, site.Listen, log)
}

func opened(t *testing.T, cfg balancer.Config, address string, log *slog.Logger) front {
	t.Helper()
	plane, err := cfg.Open(t.Context(), "web", balancer.Options{Clock: clock.System, Log: log, StateDir: t.TempDir()})
	must(t, err)
	return front{plane: plane, address: address}
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
