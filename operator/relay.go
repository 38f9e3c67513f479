package operator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Relay is an address at which every instance answers, as KEDA needs it that
// asks through a Service. One that waits passes on what is said, byte by byte, to
// the one that acts: who speaks TLS speaks it with that one.
//
//	listener ─► acts: Acting
//	        └─► waits: passed on to the same port of the one that acts
//
// An instance that acts is known by the address of its dashboard in the Lease:
// where others do not reach that, connections to who waits are closed.
type Relay struct {
	*front
	lease func(ctx context.Context) (holder string, err error)
	own   string // identity in the Lease

	passing map[net.Conn]bool // guarded by front.mu
}

// NewRelay returns the relay of an address.
func NewRelay(l net.Listener, log *slog.Logger) *Relay {
	return &Relay{front: newFront(l, log), passing: map[net.Conn]bool{}}
}

// Acting is what the server of the one that acts serves.
func (r *Relay) Acting() net.Listener { return r.acting }

// NeedLeaderElection says no: it is there all the time.
func (*Relay) NeedLeaderElection() bool { return false }

// Start relays until ctx is done.
func (r *Relay) Start(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.receive(ctx) })
	g.Go(func() error {
		for {
			c, err := r.waiting.Accept()
			if err != nil {
				return nil
			}
			g.Go(func() error {
				r.pass(ctx, c)
				return nil
			})
		}
	})
	g.Go(func() error {
		<-ctx.Done()
		r.cut()
		return errors.Join(r.listener.Close(), r.waiting.Close())
	})
	return g.Wait()
}

// act has the one who acts answer from now on, or not any more. Who was passed on
// until now comes again.
func (r *Relay) act(on bool) {
	r.front.act(on)
	r.cut()
}

// cut ends what is passed on.
func (r *Relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.passing {
		_ = c.Close()
	}
}

const (
	// reachWithin is how long the one that acts may take to be found and reached.
	reachWithin = 5 * time.Second
	// aliveEvery is how soon a connection is known to lead to nobody: the machine
	// of the one that acts may be gone without a word.
	aliveEvery = 5 * time.Second
)

// pass passes a connection on until one end closes it. One that leads nowhere is
// closed: KEDA comes again.
func (r *Relay) pass(ctx context.Context, c net.Conn) {
	defer r.keep(c)()
	onward, err := r.reach(ctx)
	if err != nil {
		r.log.Debug("cannot pass on to the one that acts", slog.Any("error", err))
		return
	}
	defer r.keep(onward)()
	var both sync.WaitGroup
	for _, way := range []struct{ to, from net.Conn }{{onward, c}, {c, onward}} {
		both.Go(func() {
			_, _ = io.Copy(way.to, way.from) // the end of one is the end of both
			_, _ = c.Close(), onward.Close()
		})
	}
	both.Wait()
}

// keep has a connection cut with all others; release closes it.
func (r *Relay) keep(c net.Conn) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passing[c] = true
	return func() {
		_ = c.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.passing, c)
	}
}

// reach opens a connection to the one that acts.
func (r *Relay) reach(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	holder, err := r.lease(ctx)
	if err != nil {
		return nil, err
	}
	if holder == r.own {
		return nil, errors.New("this one is about to act")
	}
	host, _, err := net.SplitHostPort(addressOf(holder))
	if err != nil {
		return nil, errors.New("nobody acts, or where is not known: " + holder)
	}
	_, port, err := net.SplitHostPort(r.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	alive := net.KeepAliveConfig{Enable: true, Idle: aliveEvery, Interval: aliveEvery, Count: 3}
	return (&net.Dialer{KeepAliveConfig: alive}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
}
