//go:build unix

package remote

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// TestMain makes this program another process when it is started as
//
//	remote.test proxy SOCKET VERSION
//	remote.test backends ADDRESS…
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "backends" {
		os.Exit(backendsMain(os.Args[2:]))
	}
	if len(os.Args) == 4 && os.Args[1] == "proxy" {
		os.Exit(proxyMain(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func proxyMain(socket, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if version == "broken" {
		fmt.Fprintln(os.Stderr, "this version does not start")
		return 1
	}
	err := Serve(ctx, Options{
		Socket: socket, Version: version, Input: os.Stdin, Args: os.Args[1:],
		Clock: clock.System, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		noInheritance: strings.HasSuffix(version, "-anew"),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// backendsMain serves a tiny answer at each address until it is killed.
func backendsMain(addresses []string) int {
	failed := make(chan error)
	tiny := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello, world, this is the answer of a tiny service\n")
	})
	for _, a := range addresses {
		go func() { failed <- http.ListenAndServe(a, tiny) }()
	}
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

// rig is a place for one proxy process.
type rig struct {
	*Client
	t   testing.TB
	dir string
	log string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's pause at the end of each process
	dir, err := os.MkdirTemp("", "fb")      // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, log: filepath.Join(dir, "log"), Client: NewClient(filepath.Join(dir, "s"))}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		defer os.RemoveAll(dir)
		defer func() {
			if t.Failed() {
				text, _ := os.ReadFile(r.log)
				t.Logf("log of the proxies:\n%s", text)
			}
		}()
		_ = r.Shutdown(ctx) // an error shows below
		r.eventually("every process has ended", func() bool { return len(r.processes()) == 0 })
	})
	return r
}

// processes lists the proxy processes of this rig.
func (r *rig) processes() []int {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,args=").Output()
	r.must(err)
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if !slices.Contains(fields, r.socket) {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		r.must(err)
		pids = append(pids, pid)
	}
	return pids
}

// program is version of the proxy.
func (r *rig) program(version string) Program {
	return Program{Args: []string{"proxy", r.socket, version}, LogFile: r.log}
}

func testConfig() builtin.Config {
	cfg := builtin.Default()
	cfg.Listen = "127.0.0.1:0"
	cfg.Health.Interval = scale.Duration(100 * time.Millisecond)
	cfg.DrainTimeout = scale.Duration(20 * time.Second)
	return cfg
}

// start starts a proxy and returns its URL.
func (r *rig) start(version string) string {
	r.t.Helper()
	if err := Start(r.t.Context(), r.program(version), testConfig()); err != nil {
		r.t.Fatal(err)
	}
	return "http://" + r.info().Address
}

func (r *rig) info() Info {
	r.t.Helper()
	info, err := r.Info(r.t.Context())
	r.must(err)
	return info
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// backends makes the servers the backends b0, b1, ….
func (r *rig) backends(servers ...*httptest.Server) {
	r.t.Helper()
	var list []balancer.Backend
	for i, s := range servers {
		list = append(list, balancer.Backend{ID: fmt.Sprintf("b%d", i), Address: s.Listener.Addr().String()})
	}
	r.must(r.SetBackends(r.t.Context(), list))
}

// plane is how a controller opens the proxy.
func (r *rig) plane(version string, cfg builtin.Config) *Plane {
	r.t.Helper()
	p, err := Open(r.t.Context(), PlaneOptions{
		Socket: r.socket, Program: r.program(version), Version: version, Config: cfg,
		Clock: clock.System, Log: slog.New(slog.DiscardHandler),
	})
	r.must(err)
	return p
}

func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// freePort is a port that nobody uses now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
