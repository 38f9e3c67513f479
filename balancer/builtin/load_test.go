package builtin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/flyball-io/flyball/balancer"
)

// worker is a backend that takes a moment and answers every kind of request
// of these tests.
func worker(t *testing.T) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, q *http.Request) {
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
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			time.Sleep(2 * time.Millisecond)
			fmt.Fprint(w, n)
		}
	})
}

// traffic is every kind of request, sent without a pause until it is stopped.
type traffic struct {
	t      *testing.T
	url    string
	client *http.Client
	sent   atomic.Int64
	stop   func()
}

func newTraffic(t *testing.T, url string, client *http.Client, kinds ...func(*traffic) error) *traffic {
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{t: t, url: url, client: client}
	var work sync.WaitGroup
	for _, send := range kinds {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := send(f); err != nil {
					t.Error(err)
				}
				f.sent.Add(1)
			}
		})
	}
	f.stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
		f.client.CloseIdleConnections()
	})
	t.Cleanup(f.stop)
	return f
}

// flows waits until n more requests were answered.
func (f *traffic) flows(n int64) {
	f.t.Helper()
	before := f.sent.Load()
	eventually(f.t, "requests flow", func() bool { return f.sent.Load() >= before+n })
}

func (f *traffic) want(method, path, body, want string) error {
	request, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := f.client.Do(request)
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

func sendGet(f *traffic) error  { return f.want("GET", "/", "", "0") }
func sendPost(f *traffic) error { return f.want("POST", "/", strings.Repeat("x", 100_000), "100000") }
func sendStream(f *traffic) error {
	return f.want("GET", "/stream", "", "part 0\npart 1\npart 2\npart 3\npart 4\n")
}

func sendSocket(f *traffic) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, _, err := websocket.Dial(ctx, f.url+"/socket", nil)
	if err != nil {
		return fmt.Errorf("WebSocket: %w", err)
	}
	defer c.CloseNow()
	for i := range 5 {
		message := fmt.Sprint(i)
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
		time.Sleep(2 * time.Millisecond)
	}
	return c.Close(websocket.StatusNormalClosure, "")
}

// Scaling down in the right order, drain, then remove, then stop, loses
// nothing of any kind.
func TestDrainingLosesNothing(t *testing.T) {
	r := start(t, nil)
	servers := map[string]*httptest.Server{}
	set := func(ids ...string) {
		var list []balancer.Backend
		for _, id := range ids {
			if servers[id] == nil {
				servers[id] = worker(t)
			}
			list = append(list, balancer.Backend{ID: id, Address: servers[id].Listener.Addr().String()})
		}
		if err := r.SetBackends(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	set("keeper", "r0")
	f := newTraffic(t, r.url, clientOf(t, h1()), sendGet, sendGet, sendPost, sendPost, sendStream, sendStream, sendSocket, sendSocket)
	for round := range 15 {
		f.flows(30)
		old, fresh := fmt.Sprint("r", round), fmt.Sprint("r", round+1)
		set("keeper", old, fresh)
		if err := r.Drain(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		servers[old].CloseClientConnections() // what is lost here was still in use
		servers[old].Close()
		set("keeper", fresh)
	}
	f.stop()
	t.Logf("%d requests", f.sent.Load())
}

// A replica that dies without warning loses no idempotent request.
func TestKilledReplicaLosesNoIdempotentRequest(t *testing.T) {
	r := start(t, nil)
	var list []balancer.Backend
	var servers []*httptest.Server
	for i := range 6 {
		servers = append(servers, worker(t))
		list = append(list, balancer.Backend{ID: fmt.Sprint(i), Address: servers[i].Listener.Addr().String()})
	}
	if err := r.SetBackends(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	put := func(f *traffic) error { return f.want("PUT", "/", "hello", "5") }
	f := newTraffic(t, r.url, clientOf(t, h1()), sendGet, sendGet, sendGet, sendGet, put, put)
	for _, victim := range servers[1:] {
		f.flows(200)
		victim.Listener.Close()
		victim.CloseClientConnections()
	}
	f.flows(200)
	f.stop()
	all, _ := r.Backends(t.Context())
	for _, s := range all[1:] {
		if s.State != balancer.Unhealthy {
			t.Errorf("replica %s is %s, want it out", s.ID, s.State)
		}
	}
}

// From zero and back: every request that comes while nothing is ready is held
// and answered.
func TestScaleFromZeroLosesNothing(t *testing.T) {
	r := start(t, nil)
	w := worker(t)
	f := newTraffic(t, r.url, clientOf(t, h1()), sendGet, sendPost, sendStream, sendSocket)
	for range 5 {
		r.holding(4)
		r.backends(w)
		f.flows(20)
		r.backends()
	}
	r.backends(w)
	f.stop()
}
