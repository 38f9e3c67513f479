package balancertest

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

	"github.com/flyball-io/flyball/balancer"
)

// rig is a balancer, backends for it and a client.
type rig struct {
	Subject
	t      *testing.T
	client *http.Client

	mu      sync.Mutex
	servers map[string]*server
}

func newRig(t *testing.T, s Subject) *rig {
	transport := s.Transport
	if transport == nil {
		own := &http.Transport{MaxIdleConnsPerHost: 64}
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	return &rig{Subject: s, t: t, client: &http.Client{Transport: transport, Timeout: patience}, servers: map[string]*server{}}
}

// server is a backend. A request for /wait is answered when the test says so.
type server struct {
	id      string
	http    *httptest.Server
	failing atomic.Bool
	waiting chan chan struct{} // one per request that waits
}

// server returns the backend of that ID, started on first use.
func (r *rig) server(id string) *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.servers[id]; s != nil {
		return s
	}
	s := &server{id: id, waiting: make(chan chan struct{})}
	s.http = httptest.NewServer(s)
	r.t.Cleanup(s.http.Close)
	r.servers[id] = s
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if _, err := io.Copy(io.Discard, q.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.failing.Load() {
		http.Error(w, "told to fail", http.StatusInternalServerError)
		return
	}
	if q.URL.Path == "/wait" {
		until := make(chan struct{})
		s.waiting <- until
		<-until
	}
	fmt.Fprint(w, s.id)
}

func (s *server) address() string { return s.http.Listener.Addr().String() }

func (s *server) backend() balancer.Backend { return balancer.Backend{ID: s.id, Address: s.address()} }

// set makes exactly these the backends.
func (r *rig) set(ids ...string) {
	r.t.Helper()
	var list []balancer.Backend
	for _, id := range ids {
		list = append(list, r.server(id).backend())
	}
	r.must(r.Balancer.SetBackends(r.t.Context(), list))
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) statuses() []balancer.BackendStatus {
	r.t.Helper()
	all, err := r.Balancer.Backends(r.t.Context())
	r.must(err)
	return all
}

func statesOf(all []balancer.BackendStatus) map[string]balancer.State {
	out := map[string]balancer.State{}
	for _, s := range all {
		out[s.ID] = s.State
	}
	return out
}

func compare(a, b string) int { return strings.Compare(a, b) }

// get sends a request and returns which backend answered.
func (r *rig) get() (string, error) { return r.send(r.t.Context(), http.MethodGet, "/", "") }

func (r *rig) send(ctx context.Context, method, path, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answered %s: %s", response.Status, text)
	}
	return string(text), nil
}

func (r *rig) mustGet() string {
	r.t.Helper()
	id, err := r.get()
	r.must(err)
	return id
}

// request is one that waits in a backend.
type request struct {
	t     *testing.T
	until chan struct{}
	done  chan error
}

// begin sends a request that waits in the backend of that ID, the only one
// that can get it.
func (r *rig) begin(id string) *request {
	r.t.Helper()
	q := &request{t: r.t, done: make(chan error, 1)}
	go func() {
		_, err := r.send(context.Background(), http.MethodGet, "/wait", "")
		q.done <- err
	}()
	select {
	case q.until = <-r.server(id).waiting:
		r.t.Cleanup(sync.OnceFunc(q.release))
	case err := <-q.done:
		r.t.Fatalf("the request ended before it reached %s: %v", id, err)
	case <-time.After(patience):
		r.t.Fatalf("the request did not reach %s", id)
	}
	return q
}

// release lets the backend answer.
func (q *request) release() {
	select {
	case <-q.until:
	default:
		close(q.until)
	}
}

// finish lets the backend answer and returns what became of the request.
func (q *request) finish() error {
	q.t.Helper()
	q.release()
	return wait(q.t, q.done)
}

func wait(t *testing.T, ch <-chan error) error {
	t.Helper()
	select {
	case err := <-ch:
		return err
	case <-time.After(patience):
		t.Fatalf("not done within %v", patience)
		return nil
	}
}

func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within %v; backends %v", what, patience, r.statuses())
		}
	}
}
