package builtin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// rig is a running proxy and what its tests need.
type rig struct {
	*Proxy
	t    testing.TB
	url  string
	stop func()        // ends the proxy and waits for it
	done chan struct{} // closed when it has ended
}

// start runs a proxy on a free port; change adapts the default configuration.
func start(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	l, err := Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, cfg, l)
}

// testConfig checks health often and waits long for the end of requests.
func testConfig() Config {
	cfg := Default()
	cfg.Listen = "127.0.0.1:0"
	cfg.Health.Interval = scale.Duration(50 * time.Millisecond)
	cfg.DrainTimeout = scale.Duration(10 * time.Second)
	return cfg
}

func startOn(t testing.TB, cfg Config, l net.Listener) *rig {
	t.Helper()
	p, err := New(cfg, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{Proxy: p, t: t, url: "http://" + l.Addr().String(), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if err := p.Serve(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	r.stop = func() {
		cancel()
		<-r.done
	}
	t.Cleanup(r.stop)
	return r
}

// backends makes the servers the proxy's backends b0, b1, ….
func (r *rig) backends(servers ...*httptest.Server) {
	r.t.Helper()
	var list []balancer.Backend
	for i, s := range servers {
		list = append(list, balancer.Backend{ID: fmt.Sprintf("b%d", i), Address: s.Listener.Addr().String()})
	}
	if err := r.SetBackends(r.t.Context(), list); err != nil {
		r.t.Fatal(err)
	}
}

// serve starts a backend.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// named starts a backend that answers with its name.
func named(t *testing.T, name string) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}

// get returns status and body, or fails the test.
func (r *rig) get(path string) (int, string) {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatalf("GET %s: read the body: %v", path, err)
	}
	return response.StatusCode, string(body)
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// counting starts a backend that answers with the length of the body.
func counting(t *testing.T) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, q *http.Request) {
		n, err := io.Copy(io.Discard, q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, n)
	})
}

// signal returns the value of a sample; it fails the test without one.
func (r *rig) signal(name, replica string) float64 {
	r.t.Helper()
	s := r.sample(name, replica)
	if s == nil {
		r.t.Fatalf("no sample %s of replica %q", name, replica)
	}
	return s.Value
}

// sample returns a sample, nil when there is none.
func (r *rig) sample(name, replica string) *scale.Sample {
	r.t.Helper()
	all, err := r.Collect(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range all {
		if all[i].Signal == name && all[i].Replica == replica {
			return &all[i]
		}
	}
	return nil
}

// closedAddress is one where nothing listens and nothing else will: its port
// is taken, until free is called.
func closedAddress(t *testing.T) (address string, free func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	free = sync.OnceFunc(func() { syscall.Close(fd) })
	t.Cleanup(free)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), free
}

func TestRequestReachesABackend(t *testing.T) {
	r := start(t, nil)
	r.backends(named(t, "one"))
	if status, body := r.get("/x?a=1;b"); status != 200 || body != "one" {
		t.Errorf("got %d %q, want 200 one", status, body)
	}
}

func TestPostOfAnyLengthArrivesWhole(t *testing.T) {
	r := start(t, nil)
	r.backends(counting(t))
	for _, n := range []int{0, 1, replayLimit, 3 << 20} {
		response, err := http.Post(r.url, "text/plain", strings.NewReader(strings.Repeat("x", n)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != fmt.Sprint(n) {
			t.Errorf("backend saw %s bytes, want %d", body, n)
		}
	}
}

func TestHeldUntilABackendIsThere(t *testing.T) {
	r := start(t, nil)
	got := make(chan string)
	go func() {
		_, body := r.get("/")
		got <- body
	}()
	eventually(t, "the request is held", func() bool { return r.pool.heldNow() == 1 })
	r.backends(named(t, "late"))
	if body := <-got; body != "late" {
		t.Errorf("got %q, want late", body)
	}
}
