package builtin

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
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

// Close stops accepting; open connections live on.
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// clientConn is a client's connection.
type clientConn struct {
	net.Conn
	of   *listener
	once sync.Once
}

func (c *clientConn) Close() error {
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
		if err := c.Conn.SetWriteDeadline(c.of.clk.Now().Add(c.of.stall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if n == 0 || !isTimeout(err) {
			return written, err
		}
	}
}

// streamWriter does the same for one stream of an HTTP/2 connection, which
// its client can block while the connection flows.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	clk     clock.Clock
	stall   time.Duration
}

// Unwrap gives http.ResponseController the rest.
func (s *streamWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *streamWriter) Write(p []byte) (int, error) {
	defer s.limit()()
	return s.ResponseWriter.Write(p)
}

// FlushError sends what is buffered.
func (s *streamWriter) FlushError() error {
	defer s.limit()()
	return s.control.Flush()
}

// limit sets the deadline and returns what lifts it: a stream that is quiet
// must not end by it.
func (s *streamWriter) limit() func() {
	_ = s.control.SetWriteDeadline(s.clk.Now().Add(s.stall)) // not every test writer has deadlines
	return func() { _ = s.control.SetWriteDeadline(time.Time{}) }
}
