//go:build unix

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/scale"
)

func TestConformance(t *testing.T) {
	balancertest.Run(t, func(t *testing.T) balancertest.Subject {
		r := newRig(t)
		return balancertest.Subject{URL: r.start("1"), Balancer: r, Takeover: func() balancer.Balancer { return NewClient(r.socket) }}
	})
}

// After an upgrade the promises hold as well, whoever has which request.
func TestConformanceAfterUpgrade(t *testing.T) {
	balancertest.Run(t, func(t *testing.T) balancertest.Subject {
		r := newRig(t)
		url := r.start("1")
		_, err := r.Upgrade(t.Context(), Upgrade{Args: r.program("2").Args})
		r.must(err)
		return balancertest.Subject{URL: url, Balancer: r, Takeover: func() balancer.Balancer { return NewClient(r.socket) }}
	})
}

func TestInfoAndSamplesAndLoad(t *testing.T) {
	r := newRig(t)
	url := r.start("1.2.3")
	got := r.info()
	if got.Version != "1.2.3" || got.PID == os.Getpid() || got.PID != r.processes()[0] {
		t.Errorf("got %+v, want version 1.2.3 of process %v", got, r.processes())
	}
	if diff := cmp.Diff(testConfig(), got.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	release := make(chan struct{})
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) { <-release; fmt.Fprint(w, "a") }))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.Get(url); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}()
	r.eventually("the load is seen", func() bool { n, on := r.Load("b0"); return n == 1 && on })
	if _, on := r.Load("nobody"); on {
		t.Error("an unknown backend takes work")
	}
	close(release)
	<-done
	r.eventually("the request is measured", func() bool {
		samples, err := r.Collect(t.Context())
		r.must(err)
		for _, s := range samples {
			if s.Signal == scale.Latency && s.Replica == "b0" && s.Distribution != nil {
				return s.Distribution.Count() == 1
			}
		}
		return false
	})
}

func TestClientWithoutProxySaysSo(t *testing.T) {
	r := newRig(t)
	if err := r.SetBackends(t.Context(), nil); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), r.socket) {
		t.Errorf("got %v, want ErrNotRunning with the socket's path", err)
	}
	if _, err := r.Collect(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
	if _, on := r.Load("a"); on {
		t.Error("a backend takes work without a proxy")
	}
	// A socket file that nobody serves is the same.
	l, err := listenSocket(t.Context(), r.socket)
	r.must(err)
	l.Close()
	if _, err := r.Info(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("stale socket: got %v, want ErrNotRunning", err)
	}
}

func TestOneProxyPerSocket(t *testing.T) {
	r := newRig(t)
	r.start("1")
	first := r.info().PID
	err := Start(t.Context(), r.program("2"), testConfig())
	if err == nil || !strings.Contains(err.Error(), ErrRunning.Error()) {
		t.Errorf("got %v, want %v", err, ErrRunning)
	}
	if got := r.info(); got.PID != first || got.Version != "1" {
		t.Errorf("got %+v, want the first one to go on", got)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	r := newRig(t)
	r.start("1")
	r.must(syscall.Kill(r.info().PID, syscall.SIGKILL))
	r.eventually("it is dead", func() bool { _, err := r.Info(t.Context()); return errors.Is(err, ErrNotRunning) })
	r.eventually("its lock is free", func() bool { return Start(t.Context(), r.program("2"), testConfig()) == nil })
	if got := r.info().Version; got != "2" {
		t.Errorf("got version %s, want 2", got)
	}
}

func TestStartSaysWhyItDoesNot(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := testConfig()
	taken.Listen = l.Addr().String()
	bad := testConfig()
	bad.Algorithm = "random"
	for _, tc := range []struct {
		name string
		want string
		try  func(r *rig) error
	}{
		{"port in use", taken.Listen, func(r *rig) error { return Start(t.Context(), r.program("1"), taken) }},
		{"bad configuration", "algorithm: must be one of", func(r *rig) error { return Start(t.Context(), r.program("1"), bad) }},
		{"no such program", "no/such/program", func(r *rig) error {
			return Start(t.Context(), Program{Executable: "no/such/program"}, testConfig())
		}},
		{"a program that ends", "ended without a report", func(r *rig) error { return Start(t.Context(), r.program("broken"), testConfig()) }},
		{"path too long", "must be at most", func(r *rig) error {
			return Start(t.Context(), Program{Args: []string{"proxy", r.dir + "/" + strings.Repeat("x", 100), "1"}}, testConfig())
		}},
		{"a context that is over", "context canceled", func(r *rig) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return Start(ctx, r.program("1"), testConfig())
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			if err := tc.try(r); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	r := newRig(t)
	url := r.start("1")
	release := make(chan struct{})
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) { <-release; fmt.Fprint(w, "done") }))
	answer := make(chan string, 1)
	go func() { answer <- get(url) }()
	r.eventually("the request is in progress", func() bool { n, _ := r.Load("b0"); return n == 1 })
	ended := make(chan error, 1)
	go func() { ended <- r.Shutdown(t.Context()) }()
	r.eventually("nothing is accepted any more", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("got %q, want done", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// get returns the body, or the error as text.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestBadCallsAreRefused(t *testing.T) {
	r := newRig(t)
	r.start("1")
	for _, tc := range []struct{ method, path, body, want string }{
		{"PUT", "/v1/backends", `{`, "read JSON"},
		{"PUT", "/v1/backends", `[] []`, "more than one value"},
		{"PUT", "/v1/backends", `[{"id":"a","address":"x:1","weight":2}]`, `unknown field "weight"`},
		{"PUT", "/v1/backends", `[{"address":"x:1"},{"id":"a"},{"id":"a","address":"x:1"}]`,
			"backends[0].id: must not be empty\nbackends[1].address: must be host:port, got nothing\nbackends[2].id: \"a\" is there twice"},
		{"PUT", "/v1/backends", `"` + strings.Repeat("x", bodyLimit) + `"`, "longer than"},
		{"POST", "/v1/drain", `{"name":"a"}`, `unknown field "name"`},
		{"POST", "/v1/upgrade", `{"config":{"listen":"x"}}`, "listen: must be host:port"},
		{"POST", "/v1/upgrade", `{"executable":"/no/such/program"}`, "/no/such/program"},
		{"GET", "/v1/nothing", ``, "404"},
	} {
		request, err := http.NewRequest(tc.method, "http://proxy"+tc.path, strings.NewReader(tc.body))
		r.must(err)
		response, err := r.http.Do(request)
		r.must(err)
		err = read(response, nil)
		response.Body.Close()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s %.40s: got %v, want %q", tc.method, tc.path, tc.body, err, tc.want)
		}
	}
	if list, err := r.Backends(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v: a refused call changed the backends", list, err)
	}
}

// Nobody but this user may steer the proxy.
func TestSocketIsPrivate(t *testing.T) {
	r := newRig(t)
	r.start("1")
	info, err := os.Stat(r.socket)
	r.must(err)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got permissions %v, want 0600", got)
	}
}

// The proxy keeps its backends while no controller is there, and a controller
// that comes back finds them.
func TestPlaneFindsItsProxyAgain(t *testing.T) {
	r := newRig(t)
	first := r.plane("1", testConfig())
	backend := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a") })
	r.must(first.SetBackends(t.Context(), []balancer.Backend{{ID: "a", Address: backend.Listener.Addr().String()}}))
	pid := r.info().PID
	second := r.plane("1", testConfig())
	if r.info().PID != pid || second.Address() != first.Address() {
		t.Errorf("got process %d at %s, want %d at %s", r.info().PID, second.Address(), pid, first.Address())
	}
	if got := get("http://" + second.Address()); got != "a" {
		t.Errorf("got %q, want a", got)
	}
}

func TestPlaneUpgradesWhatDiffers(t *testing.T) {
	r := newRig(t)
	first := r.plane("1", testConfig())
	r.plane("2", testConfig())
	if got := r.info().Version; got != "2" {
		t.Errorf("got version %s, want 2", got)
	}
	changed := testConfig()
	changed.HoldLimit = 7
	third := r.plane("2", changed)
	if got := r.info().Config.HoldLimit; got != 7 || third.Address() != first.Address() {
		t.Errorf("got hold limit %d at %s, want 7 at the same address %s", got, third.Address(), first.Address())
	}
	changed.Listen = freePort(t)
	if got := r.plane("2", changed).Address(); got != changed.Listen {
		t.Errorf("got address %s, want %s", got, changed.Listen)
	}
	r.eventually("only one process is left", func() bool { return len(r.processes()) == 1 })
	if conn, err := net.Dial("tcp", first.Address()); err == nil {
		conn.Close()
		t.Errorf("%s still takes connections, which nobody accepts", first.Address())
	}
}

func TestPlaneRevivesADeadProxy(t *testing.T) {
	r := newRig(t)
	p := r.plane("1", testConfig())
	backend := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a") })
	r.must(p.SetBackends(t.Context(), []balancer.Backend{{ID: "a", Address: backend.Listener.Addr().String()}}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for range 3 {
		dead := r.info().PID
		r.must(syscall.Kill(dead, syscall.SIGKILL))
		r.eventually("another one serves", func() bool {
			info, err := r.Info(t.Context())
			return err == nil && info.PID != dead && get("http://"+p.Address()) == "a"
		})
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := r.Info(t.Context()); err != nil {
		t.Errorf("the proxy ended with its controller: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`[]`, `[{"id":"a","address":"127.0.0.1:1"}]`, `{"id":"a"}`, `{"config":{"holdTimeout":"1s"},"files":["ready"]}`,
		`null`, `[null]`, `{"config":null}`, `[{}]{}`, "\x00", `{"executable":1}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list []balancer.Backend
		if decode(strings.NewReader(text), &list) == nil && checkBackends(list) == nil {
			for _, b := range list {
				if b.ID == "" || b.Address == "" {
					t.Errorf("%q: accepted %+v", text, b)
				}
			}
		}
		var u Upgrade
		if decode(strings.NewReader(text), &u) == nil && u.Config != nil {
			_, _ = state{Config: u.Config}.config() // must not panic
		}
		var s state
		if decode(strings.NewReader(text), &s) == nil {
			_, _ = s.config()
		}
	})
}
