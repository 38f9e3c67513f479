package operator

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// front is an address of an instance whether it acts or not: a Service spreads
// connections over all instances. Who acts serves acting, who waits waiting.
type front struct {
	listener        net.Listener
	acting, waiting line
	log             *slog.Logger

	mu   sync.Mutex // guards acts
	acts bool
}

func newFront(l net.Listener, log *slog.Logger) *front {
	return &front{listener: l, log: log, acting: newLine(l.Addr()), waiting: newLine(l.Addr())}
}

// act has the one who acts answer from now on, or not any more.
func (f *front) act(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts = on
}

// answers is the line of who answers now.
func (f *front) answers() line {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acts {
		return f.acting
	}
	return f.waiting
}

// mostPause is the longest pause after a connection that could not be taken.
const mostPause = time.Second

// receive takes connections until ctx is done or the listener closed. What fails
// for a moment, as where too many files are open, ends nothing.
func (f *front) receive(ctx context.Context) error {
	var pause time.Duration
	for {
		c, err := f.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			f.answers().hand(ctx, c)
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case pause == 0:
			f.log.Warn("cannot take a connection", slog.Any("error", err))
		}
		pause = min(max(2*pause, 5*time.Millisecond), mostPause)
		select {
		case <-ctx.Done():
			return nil
		case <-clock.System.After(pause):
		}
	}
}

// line is a listener whose connections are handed to it.
type line struct {
	conns chan net.Conn
	done  chan struct{}
	once  *sync.Once
	addr  net.Addr
}

func newLine(addr net.Addr) line {
	return line{conns: make(chan net.Conn), done: make(chan struct{}), once: new(sync.Once), addr: addr}
}

func (l line) hand(ctx context.Context, c net.Conn) {
	select {
	case l.conns <- c:
	case <-l.done:
		_ = c.Close()
	case <-ctx.Done():
		_ = c.Close()
	}
}

// Accept returns the next connection.
func (l line) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends the line, and not the address.
func (l line) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is the address of all.
func (l line) Addr() net.Addr { return l.addr }
