// Package memory is a balancer that lives in memory: for tests and
// simulations, where the requests are made by whoever drives them.
package memory

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/target"
)

// ErrNoBackend is returned when no backend takes work.
var ErrNoBackend = errors.New("no backend takes work")

// Balancer sends each request to the backend with the fewest in progress. The
// zero value is ready to use.
type Balancer struct {
	mu      sync.Mutex // guards all below
	known   map[string]*entry
	leaving map[*entry]bool // no longer listed, with requests in progress
}

type entry struct {
	balancer.BackendStatus
	idle chan struct{} // closed when nothing is in progress; made by who waits
}

var (
	_ balancer.Balancer = (*Balancer)(nil)
	_ target.Traffic    = (*Balancer)(nil)
	_ http.RoundTripper = (*Balancer)(nil)
)

// SetBackends makes exactly these the known backends.
func (m *Balancer) SetBackends(_ context.Context, backends []balancer.Backend) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := make(map[string]*entry, len(backends))
	for _, b := range backends {
		e := m.known[b.ID]
		if e == nil {
			e = &entry{BackendStatus: balancer.BackendStatus{State: balancer.Active}}
		}
		e.Backend = b
		next[b.ID] = e
	}
	for id, e := range m.known {
		if next[id] == nil && e.InFlight > 0 {
			if m.leaving == nil {
				m.leaving = map[*entry]bool{}
			}
			m.leaving[e] = true
		}
	}
	m.known = next
	return nil
}

// Leave stops new requests to a backend.
func (m *Balancer) Leave(ctx context.Context, id string) error {
	m.beginDrain(id)
	return ctx.Err()
}

// Drain stops new requests to a backend and waits for those in progress.
func (m *Balancer) Drain(ctx context.Context, id string) error {
	for _, idle := range m.beginDrain(id) {
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (m *Balancer) beginDrain(id string) []chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	var busy []*entry
	if e := m.known[id]; e != nil {
		e.State = balancer.Draining
		busy = append(busy, e)
	}
	for e := range m.leaving {
		if e.ID == id {
			busy = append(busy, e)
		}
	}
	var idle []chan struct{}
	for _, e := range busy {
		if e.InFlight == 0 {
			continue
		}
		if e.idle == nil {
			e.idle = make(chan struct{})
		}
		idle = append(idle, e.idle)
	}
	return idle
}

// Backends lists the known backends, sorted by ID.
func (m *Balancer) Backends(context.Context) ([]balancer.BackendStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]balancer.BackendStatus, 0, len(m.known))
	for _, e := range m.known {
		out = append(out, e.BackendStatus)
	}
	slices.SortFunc(out, func(a, b balancer.BackendStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Load returns the requests in progress on a backend that takes work.
func (m *Balancer) Load(id string) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.known[id]
	if e == nil || e.State != balancer.Active {
		return 0, false
	}
	return e.InFlight, true
}

// SetState sets the state of a known backend, as a health check would.
func (m *Balancer) SetState(id string, s balancer.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.known[id]; e != nil {
		e.State = s
	}
}

// Begin starts a request on the backend with the fewest in progress (of
// several, the one that has served the fewest), or returns ErrNoBackend. The
// caller calls end once, saying whether the request failed.
func (m *Balancer) Begin() (b balancer.Backend, end func(failed bool), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var best *entry
	for _, e := range m.known {
		if e.State == balancer.Active && (best == nil || before(e, best)) {
			best = e
		}
	}
	if best == nil {
		return balancer.Backend{}, nil, ErrNoBackend
	}
	best.InFlight++
	return best.Backend, func(failed bool) { m.end(best, failed) }, nil
}

// before orders by load, then by requests served, so that ties go round.
func before(a, b *entry) bool {
	return cmp.Or(cmp.Compare(a.InFlight, b.InFlight), cmp.Compare(a.Requests, b.Requests), cmp.Compare(a.ID, b.ID)) < 0
}

func (m *Balancer) end(e *entry, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.InFlight--
	e.Requests++
	if failed {
		e.Failures++
	}
	if e.InFlight > 0 {
		return
	}
	delete(m.leaving, e)
	if e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// RoundTrip sends a real request to the backend that Begin chooses. It counts
// as over once the answer has begun.
func (m *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	b, end, err := m.Begin()
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.URL.Host = b.Address
	response, err := http.DefaultTransport.RoundTrip(out)
	end(err != nil || response.StatusCode >= 500)
	return response, err
}
