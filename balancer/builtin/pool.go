package builtin

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"

	"github.com/flyball-io/flyball/balancer"
)

// pool knows the backends, chooses one for each request and holds requests
// while there is none.
type pool struct {
	add func(balancer.Backend) *backend

	mu      sync.Mutex // guards all below and the marked fields of each backend
	known   map[string]*backend
	leaving []*backend // no longer listed, with requests in progress
	ready   []*backend // those of known that take work, sorted by ID
	picker  picker
	held    list.List // of *waiter, longest first
	closed  bool      // nothing is held any more
}

func newPool(p picker, add func(balancer.Backend) *backend) *pool {
	return &pool{add: add, known: map[string]*backend{}, picker: p}
}

// set makes exactly these the known backends.
func (p *pool) set(backends []balancer.Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := make(map[string]*backend, len(backends))
	for _, want := range backends {
		b := p.known[want.ID]
		if b == nil || b.Address != want.Address {
			fresh := p.add(want)
			fresh.draining = b != nil && b.draining
			b = fresh
		}
		next[want.ID] = b
	}
	for id, b := range p.known {
		if next[id] != b {
			p.remove(b)
		}
	}
	p.known = next
	p.refresh()
}

func (p *pool) remove(b *backend) {
	b.removed = true
	if b.inFlight == 0 {
		b.hangUp()
		return
	}
	p.leaving = append(p.leaving, b)
}

// refresh lists again who takes work and lets held requests go.
func (p *pool) refresh() {
	p.ready = p.ready[:0:0]
	for _, b := range p.known {
		if b.takesWork() {
			p.ready = append(p.ready, b)
		}
	}
	slices.SortFunc(p.ready, byID)
	p.wake()
}

func byID(a, b *backend) int { return cmp.Compare(a.ID, b.ID) }

// choose counts one more request on the best backend outside tried. There
// must be a ready one.
func (p *pool) choose(tried []*backend) *backend {
	b := p.picker.pick(without(p.ready, tried))
	b.inFlight++
	return b
}

// release counts a request on b as over.
func (p *pool) release(b *backend, failed bool) {
	p.mu.Lock()
	b.inFlight--
	b.requests++
	if failed {
		b.failures++
	} else {
		b.strikes = 0
	}
	if b.inFlight == 0 {
		p.settle(b)
	}
	p.mu.Unlock()
}

// settle tells who waits that nothing is in progress on b. A replica that is
// asked to end waits for connections on which nothing was sent yet, so none
// is kept where no request will follow.
func (p *pool) settle(b *backend) {
	if b.removed || b.draining {
		b.hangUp()
	}
	if b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
	if b.removed {
		p.leaving = slices.DeleteFunc(p.leaving, func(l *backend) bool { return l == b })
	}
}

// drain stops new requests to a backend and waits until none is in progress.
func (p *pool) drain(ctx context.Context, id string) error {
	for _, idle := range p.beginDrain(id) {
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// beginDrain returns what is closed as each backend of this ID falls idle.
func (p *pool) beginDrain(id string) []<-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	var idle []<-chan struct{}
	if b := p.known[id]; b != nil {
		b.draining = true
		b.hangUp()
		p.refresh()
		idle = appendBusy(idle, b)
	}
	for _, b := range p.leaving {
		if b.ID == id {
			idle = appendBusy(idle, b)
		}
	}
	return idle
}

func appendBusy(idle []<-chan struct{}, b *backend) []<-chan struct{} {
	if b.inFlight == 0 {
		return idle
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	return append(idle, b.idle)
}

// status lists the known backends, sorted by ID.
func (p *pool) status() []balancer.BackendStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]balancer.BackendStatus, 0, len(p.known))
	for _, b := range p.known {
		out = append(out, balancer.BackendStatus{
			Backend: b.Backend, State: b.state(), InFlight: b.inFlight,
			Requests: b.requests, Failures: b.failures, Fault: b.why(),
		})
	}
	slices.SortFunc(out, func(a, b balancer.BackendStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// load returns the requests in progress on a backend that takes work.
func (p *pool) load(id string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.known[id]
	if b == nil || !b.takesWork() {
		return 0, false
	}
	return b.inFlight, true
}

// backends returns the known ones, sorted by ID.
func (p *pool) backends() []*backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*backend, 0, len(p.known))
	for _, b := range p.known {
		out = append(out, b)
	}
	slices.SortFunc(out, byID)
	return out
}

// acquire chooses a backend outside tried where it can; nil when none takes
// work.
func (p *pool) acquire(tried []*backend) *backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) == 0 {
		return nil
	}
	return p.choose(tried)
}

// awaiting notes that x waits for b's answer and may be sent elsewhere.
func (p *pool) awaiting(b *backend, x *exchange) {
	p.mu.Lock()
	if b.awaiting == nil {
		b.awaiting = map[*exchange]struct{}{}
	}
	b.awaiting[x] = struct{}{}
	p.mu.Unlock()
}

// settled takes back awaiting.
func (p *pool) settled(b *backend, x *exchange) {
	p.mu.Lock()
	delete(b.awaiting, x)
	p.mu.Unlock()
}

// rescue sends elsewhere what waits in vain for b, if there is an elsewhere.
func (p *pool) rescue(b *backend) {
	if len(p.ready) == 0 {
		return
	}
	for x := range b.awaiting {
		x.abandon(errHung)
	}
}
