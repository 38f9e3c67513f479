package builtin

import (
	"container/list"
	"context"
	"time"
)

// waiter is one held request.
type waiter struct {
	at  *list.Element // its place in the queue; nil once it was let go
	got chan *backend // nil: no backend will come any more
}

// wake lets every held request go, longest first, once a backend takes work.
func (p *pool) wake() {
	if len(p.ready) == 0 {
		return
	}
	for e := p.held.Front(); e != nil; e = p.held.Front() {
		w := p.held.Remove(e).(*waiter)
		w.at = nil
		w.got <- p.choose(nil)
	}
}

// close lets every held request go without a backend and holds no more.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for e := p.held.Front(); e != nil; e = p.held.Front() {
		w := p.held.Remove(e).(*waiter)
		w.at = nil
		w.got <- nil
	}
}

// hold queues a request until a backend takes work. It returns errFull when
// limit requests wait already, errClosing, errExpired, or why ctx ended.
func (p *pool) hold(ctx context.Context, limit int, expired <-chan time.Time) (*backend, error) {
	p.mu.Lock()
	if len(p.ready) > 0 {
		defer p.mu.Unlock()
		return p.choose(nil), nil
	}
	if p.closed || p.held.Len() >= limit {
		defer p.mu.Unlock()
		if p.closed {
			return nil, errClosing
		}
		return nil, errFull
	}
	w := &waiter{got: make(chan *backend, 1)}
	w.at = p.held.PushBack(w)
	p.mu.Unlock()
	return p.await(ctx, w, expired)
}

// await blocks until w is given a backend, the time is up or the client goes.
func (p *pool) await(ctx context.Context, w *waiter, expired <-chan time.Time) (*backend, error) {
	var err error
	select {
	case b := <-w.got:
		return given(b)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-expired:
		err = errExpired
	}
	if p.giveUp(w) {
		return nil, err
	}
	return given(<-w.got) // let go at the same moment; the caller sees ctx itself
}

// given is the backend that a waiter got.
func given(b *backend) (*backend, error) {
	if b == nil {
		return nil, errClosing
	}
	return b, nil
}

// giveUp takes w out of the queue; false when it was let go already.
func (p *pool) giveUp(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.at == nil {
		return false
	}
	p.held.Remove(w.at)
	w.at = nil
	return true
}

// heldNow is the number of held requests.
func (p *pool) heldNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held.Len()
}
