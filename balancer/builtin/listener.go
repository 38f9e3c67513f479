package builtin

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

const (
	// skipLimit is how much of a body that nobody wanted is skipped to keep
	// its connection, as in net/http.
	skipLimit = 256 << 10
	// lingerTime is how long we wait for such a rest.
	lingerTime = 500 * time.Millisecond
)

// listener accepts at most limit connections at a time and cuts off those
// whose client stops reading.
type listener struct {
	net.Listener
	clk   clock.Clock
	stall time.Duration
	slots chan struct{} // one element per open connection

	closeOnce sync.Once
	closed    chan struct{}
}

func newListener(l net.Listener, limit int, stall time.Duration, clk clock.Clock) *listener {
	return &listener{Listener: l, clk: clk, stall: stall, slots: make(chan struct{}, limit), closed: make(chan struct{})}
}

// Accept waits for a connection and for room for it.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &clientConn{Conn: conn, of: l}, nil
}

// open is the number of connections, the one about to be accepted included.
func (l *listener) open() int { return len(l.slots) }

// Close stops accepting; open connections live on.
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// clientConn is a client's connection.
//
// The server takes the next request from it wherever reading stopped. After a
// body that broke off that would be in the middle of the body, which an
// attacker could write as a request, so such a connection is spoiled.
type clientConn struct {
	net.Conn
	of      *listener
	once    sync.Once
	spoiled atomic.Bool
}

type connKey struct{}

// withConn makes the connection known to its requests.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn() // below TLS
	}
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf returns the connection of a request of HTTP/1; nil when it is not
// one of ours.
func connOf(r *http.Request) *clientConn {
	if r.ProtoMajor != 1 {
		return nil
	}
	conn, _ := r.Context().Value(connKey{}).(*clientConn)
	return conn
}

// spoil lets no more be read from the connection.
func (c *clientConn) spoil() { c.spoiled.Store(true) }

func (c *clientConn) Read(p []byte) (int, error) {
	if c.spoiled.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(p)
}

// Close closes the connection; a spoiled one only after the client had time
// to read the answer, which closing with bytes unread would destroy.
func (c *clientConn) Close() error {
	if c.spoiled.Load() && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(c.of.clk.Now().Add(lingerTime)) // an error shows in the read
		_, _ = io.CopyN(io.Discard, c.Conn, skipLimit)        // whatever comes, we close
	}
	err := c.Conn.Close()
	c.once.Do(func() { <-c.of.slots })
	return err
}

// CloseWrite ends our side only, so that the client can still read.
func (c *clientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write fails once the client has taken no byte for the stall time. A client
// that is merely slow, a few bytes at a time, is served.
func (c *clientConn) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.SetWriteDeadline(c.of.clk.Now().Add(c.of.stall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if n == 0 || !isTimeout(err) {
			return written, err
		}
	}
}
