package targettest

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Traffic is a balancer without requests: tests say how many are in progress
// on a replica, see which replicas are drained, and can hold the drains up.
type Traffic struct {
	mu      sync.Mutex // guards what follows
	load    map[string]int
	begun   []string
	drained []string
	held    chan struct{} // closed when drains may finish; nil: they may
	asked   []string      // to be left
	clings  bool          // and is not
}

// ErrClings is why a balancer that clings leaves nobody.
var ErrClings = errors.New("the test clings to its replicas")

// Cling says whether requests go on to replicas that are to be left.
func (f *Traffic) Cling(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clings = on
}

// Asked lists the replicas that were to be left, in order, once for each time.
func (f *Traffic) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// Leave does so at once, unless it clings.
func (f *Traffic) Leave(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, id)
	if f.clings {
		return ErrClings
	}
	return nil
}

// SetLoad sets the requests in progress on a replica.
func (f *Traffic) SetLoad(id string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.load == nil {
		f.load = map[string]int{}
	}
	f.load[id] = n
}

// Hold lets no drain finish until Release.
func (f *Traffic) Hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		f.held = make(chan struct{})
	}
}

// Release lets drains finish.
func (f *Traffic) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held != nil {
		close(f.held)
		f.held = nil
	}
}

// Begun lists the replicas whose drain has begun, in order.
func (f *Traffic) Begun() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.begun)
}

// Drained lists the replicas whose drain has finished, in order.
func (f *Traffic) Drained() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.drained)
}

// Load returns what SetLoad set; false once the replica is drained.
func (f *Traffic) Load(id string) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, known := f.load[id]
	return n, known && !slices.Contains(f.begun, id)
}

// Drain finishes at once, or on Release while drains are held up.
func (f *Traffic) Drain(ctx context.Context, id string) error {
	f.mu.Lock()
	f.begun = append(f.begun, id)
	held := f.held
	f.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drained = append(f.drained, id)
	return nil
}
