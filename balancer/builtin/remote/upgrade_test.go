//go:build unix

package remote

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/scale"
)

// worker answers requests, streams and WebSockets after a moment.
func worker(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/stream":
			for i := range 5 {
				fmt.Fprintf(w, "part %d\n", i)
				w.(http.Flusher).Flush()
				time.Sleep(2 * time.Millisecond)
			}
		case "/socket":
			c, err := websocket.Accept(w, q, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			for {
				kind, message, err := c.Read(q.Context())
				if err != nil || c.Write(q.Context(), kind, message) != nil {
					return
				}
			}
		default:
			n, err := io.Copy(io.Discard, q.Body)
			if err != nil {
				t.Errorf("read the body: %v", err)
			}
			time.Sleep(2 * time.Millisecond)
			fmt.Fprint(w, n)
		}
	}
}

// traffic sends requests without a pause; every one must be answered.
type traffic struct {
	t    *testing.T
	url  string
	sent atomic.Int64
	stop func()
}

func newTraffic(t *testing.T, url string) *traffic {
	f := &traffic{t: t, url: url}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	kept := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	for _, send := range []func() error{
		func() error { return f.want(kept, "GET", "/", "", "0") },
		func() error { return f.want(kept, "POST", "/", strings.Repeat("x", 100_000), "100000") },
		func() error { return f.want(kept, "GET", "/stream", "", "part 0\npart 1\npart 2\npart 3\npart 4\n") },
		func() error { return f.want(fresh, "GET", "/", "", "0") },
		func() error { return f.want(fresh, "POST", "/", "hello", "5") },
		f.socket,
	} {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := send(); err != nil {
					t.Error(err)
				}
				f.sent.Add(1)
			}
		})
	}
	f.stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
		kept.CloseIdleConnections()
	})
	t.Cleanup(f.stop)
	return f
}

func (f *traffic) want(client *http.Client, method, path, body, want string) error {
	request, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if response.StatusCode != 200 || string(got) != want {
		return fmt.Errorf("%s %s: got %s %q, want %q", method, path, response.Status, got, want)
	}
	return nil
}

func (f *traffic) socket() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, _, err := websocket.Dial(ctx, f.url+"/socket", nil)
	if err != nil {
		return fmt.Errorf("WebSocket: %w", err)
	}
	defer c.CloseNow()
	for i := range 5 {
		if err := say(ctx, c, fmt.Sprint(i)); err != nil {
			return err
		}
	}
	return c.Close(websocket.StatusNormalClosure, "")
}

func say(ctx context.Context, c *websocket.Conn, message string) error {
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return fmt.Errorf("WebSocket: %w", err)
	}
	_, got, err := c.Read(ctx)
	if err != nil {
		return fmt.Errorf("WebSocket: %w", err)
	}
	if string(got) != message {
		return fmt.Errorf("WebSocket: got %q, want %q", got, message)
	}
	return nil
}

func (f *traffic) flows(n int64) {
	f.t.Helper()
	before := f.sent.Load()
	for deadline := time.Now().Add(time.Minute); f.sent.Load() < before+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%d requests in a minute, want %d", f.sent.Load()-before, n)
		}
	}
}

// Real processes, real load, upgrade after upgrade: no connection refused, no
// request lost, and one process left.
func TestUpgradeUnderLoadLosesNothing(t *testing.T) {
	r := newRig(t)
	url := r.start("0")
	r.backends(serve(t, worker(t)), serve(t, worker(t)))
	f := newTraffic(t, url)
	for version := 1; version <= 6; version++ {
		f.flows(60)
		before := r.info()
		info, err := r.Upgrade(t.Context(), Upgrade{Args: r.program(fmt.Sprint(version)).Args})
		r.must(err)
		if info.Version != fmt.Sprint(version) || info.PID == before.PID || info.Address != before.Address {
			t.Errorf("got %+v after %+v, want version %d at the same address", info, before, version)
		}
	}
	f.flows(60)
	f.stop()
	t.Logf("%d requests", f.sent.Load())
	r.eventually("one process is left", func() bool { return len(r.processes()) == 1 })
}

// What the old process still has counts: it is drained too, shown, and told
// of new backends.
func TestRequestsOfThePredecessorCount(t *testing.T) {
	r := newRig(t)
	url := r.start("1")
	r.backends(serve(t, worker(t)))
	c, _, err := websocket.Dial(t.Context(), url+"/socket", nil)
	r.must(err)
	defer c.CloseNow()
	r.must(say(t.Context(), c, "hello"))
	// Twice: the first process must be reached through the second.
	for _, version := range []string{"2", "3"} {
		_, err := r.Upgrade(t.Context(), Upgrade{Args: r.program(version).Args})
		r.must(err)
	}
	if n, _ := r.Load("b0"); n != 1 {
		t.Errorf("got %d in progress, want the WebSocket of the first process", n)
	}
	samples, err := r.Collect(t.Context())
	r.must(err)
	for _, s := range samples {
		if s.Signal == scale.Concurrency && s.Value < 1 {
			t.Errorf("concurrency of %q: got %v, want the WebSocket in it", s.Replica, s.Value)
		}
	}
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context(), "b0") }()
	r.eventually("it drains", func() bool {
		list, err := r.Backends(t.Context())
		r.must(err)
		return list[0].State == balancer.Draining
	})
	select {
	case err := <-drained:
		t.Errorf("drained (%v) with the WebSocket open", err)
	case <-time.After(100 * time.Millisecond):
	}
	r.must(say(t.Context(), c, "still here"))
	c.Close(websocket.StatusNormalClosure, "")
	r.must(<-drained)
	r.eventually("one process is left", func() bool { return len(r.processes()) == 1 })
}

// A connection that stays with the old process follows new backends, and ends
// with its next answer.
func TestPredecessorFollowsNewBackends(t *testing.T) {
	r := newRig(t)
	url := r.start("1")
	named := func(name string) *httptest.Server {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	}
	r.backends(named("before"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	r.must(err)
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func() (body string, last bool) {
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(in, nil)
		r.must(err)
		text, err := io.ReadAll(response.Body)
		r.must(err)
		return string(text), response.Close
	}
	if body, last := ask(); body != "before" || last {
		t.Errorf("got %q, last answer %v, want before and more to come", body, last)
	}
	_, err = r.Upgrade(t.Context(), Upgrade{Args: r.program("2").Args})
	r.must(err)
	r.backends(named("after"))
	if body, last := ask(); body != "after" || !last {
		t.Errorf("got %q, last answer %v, want after and the end", body, last)
	}
}

// A change that comes while the proxy hands over is made in the successor.
func TestChangesDuringAnUpgradeAreNotLost(t *testing.T) {
	r := newRig(t)
	r.start("0")
	ctx, cancel := context.WithCancel(t.Context())
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			want := fmt.Sprint("b", i)
			if err := r.SetBackends(t.Context(), []balancer.Backend{{ID: want, Address: "127.0.0.1:1"}}); err != nil {
				t.Error(err)
				return
			}
			got, err := r.Backends(t.Context())
			if err != nil || len(got) != 1 || got[0].ID != want {
				t.Errorf("got %v (%v), want only %s", got, err, want)
				return
			}
		}
	})
	for version := range 5 {
		_, err := r.Upgrade(t.Context(), Upgrade{Args: r.program(fmt.Sprint(version + 1)).Args})
		r.must(err)
	}
	cancel()
	changes.Wait()
}

// A drain that began before the upgrade holds in the successor.
func TestDrainingIsHandedOver(t *testing.T) {
	r := newRig(t)
	r.start("1")
	r.backends(serve(t, worker(t)), serve(t, worker(t)))
	r.must(r.Drain(t.Context(), "b0"))
	_, err := r.Upgrade(t.Context(), Upgrade{Args: r.program("2").Args})
	r.must(err)
	list, err := r.Backends(t.Context())
	r.must(err)
	if len(list) != 2 || list[0].State != balancer.Draining || list[1].State != balancer.Active {
		t.Errorf("got %v, want b0 draining and b1 active", list)
	}
}

func TestUpgradeThatDoesNotStartChangesNothing(t *testing.T) {
	r := newRig(t)
	url := r.start("1")
	r.backends(serve(t, worker(t)))
	f := newTraffic(t, url)
	before := r.info()
	for range 3 {
		f.flows(20)
		if _, err := r.Upgrade(t.Context(), Upgrade{Args: r.program("broken").Args}); err == nil {
			t.Error("got no error from an upgrade to a broken version")
		}
	}
	taken := testConfig()
	taken.Listen = strings.TrimPrefix(serve(t, worker(t)).URL, "http://")
	if _, err := r.Upgrade(t.Context(), withConfig(t, taken)); err == nil || !strings.Contains(err.Error(), taken.Listen) {
		t.Errorf("got %v, want an error that names %s", err, taken.Listen)
	}
	f.flows(20)
	f.stop()
	if got := r.info(); got.PID != before.PID {
		t.Errorf("got process %d, want %d to go on", got.PID, before.PID)
	}
	r.eventually("one process is left", func() bool { return len(r.processes()) == 1 })
}

// The successor may die while the old process still has a WebSocket: the
// place is free for another one.
func TestSuccessorMayDie(t *testing.T) {
	r := newRig(t)
	url := r.start("1")
	r.backends(serve(t, worker(t)))
	c, _, err := websocket.Dial(t.Context(), url+"/socket", nil)
	r.must(err)
	defer c.CloseNow()
	info, err := r.Upgrade(t.Context(), Upgrade{Args: r.program("2").Args})
	r.must(err)
	r.must(syscall.Kill(info.PID, syscall.SIGKILL))
	r.eventually("a third one starts", func() bool { return Start(t.Context(), r.program("3"), testConfig()) == nil })
	r.must(say(t.Context(), c, "still here"))
}

func withConfig(t *testing.T, cfg builtin.Config) Upgrade {
	t.Helper()
	u, err := Upgrade{}.WithConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A predecessor of another version may say less or more of the configuration.
func TestConfigurationOfAnotherVersion(t *testing.T) {
	r := newRig(t)
	r.start("1")
	_, err := r.Upgrade(t.Context(), Upgrade{Config: []byte(`{"listen":"127.0.0.1:0","holdLimit":7}`)})
	r.must(err)
	want := builtin.Default()
	want.Listen, want.HoldLimit = "127.0.0.1:0", 7
	if diff := cmp.Diff(want, r.info().Config); diff != "" {
		t.Errorf("what is missing has its default (-want +got):\n%s", diff)
	}
	_, err = r.Upgrade(t.Context(), Upgrade{Config: []byte(`{"fromTheFuture":1}`)})
	if err == nil || !strings.Contains(err.Error(), `unknown field "fromTheFuture"`) {
		t.Errorf("got %v, want the unknown field named", err)
	}
}
