package builtin

import (
	"bufio"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

const (
	// answerHeaderLimit is the longest header a backend may answer with.
	answerHeaderLimit = 1 << 20
	// idleWires is how many unused connections to a backend are kept at most.
	idleWires = 4096
)

var errHeaderTooLong = errors.New("the header of the answer is too long")

// wires are the connections over which the simple requests to one backend go:
// those without a body, which may be sent twice. The goroutine that serves the
// client writes and reads itself; net/http's Transport needs two goroutines
// more per connection, for cases that cannot occur here.
type wires struct {
	dial   func(context.Context) (net.Conn, error)
	unused time.Duration // an unused connection is closed after this long

	mu     sync.Mutex // guards all below
	idle   []*wire    // last used last
	closed bool       // none is kept any more
}

// wire is one connection to a backend.
type wire struct {
	conn   net.Conn
	raw    syscall.RawConn // of conn, where it has one
	in     *bufio.Reader
	out    *bufio.Writer
	budget int64 // bytes that may still be read; the header of an answer is limited
	usedAt time.Time
	cause  atomic.Pointer[error] // why we broke it off
}

// Read counts against the budget.
func (w *wire) Read(p []byte) (int, error) {
	if w.budget <= 0 {
		return 0, errHeaderTooLong
	}
	n, err := w.conn.Read(p)
	w.budget -= int64(n)
	return n, err
}

// abort breaks the wire off because of cause, from any goroutine.
func (w *wire) abort(cause error) {
	w.cause.CompareAndSwap(nil, &cause)
	w.conn.Close()
}

// fault is err, or why we broke the wire off.
func (w *wire) fault(err error) error {
	if cause := w.cause.Load(); cause != nil {
		return *cause
	}
	return err
}

// take returns the unused connection that was used last; nil without one.
// One on which something came meanwhile is closed: its end, or an answer
// nobody asked for, which must never reach the next client.
func (s *wires) take(now time.Time) *wire {
	s.sweep(now)
	for {
		w := s.pop()
		if w == nil || w.raw == nil || silent(w.raw) {
			return w
		}
		w.conn.Close()
	}
}

func (s *wires) pop() *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	if last < 0 {
		return nil
	}
	w := s.idle[last]
	s.idle[last] = nil
	s.idle = s.idle[:last]
	return w
}

// open makes a connection.
func (s *wires) open(ctx context.Context) (*wire, error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn}
	w.in, w.out = bufio.NewReader(w), bufio.NewWriter(conn)
	if c, ok := conn.(syscall.Conn); ok {
		if w.raw, err = c.SyscallConn(); err != nil {
			conn.Close()
			return nil, dialFault{err}
		}
	}
	return w, nil
}

// put keeps a connection for the next request.
func (s *wires) put(w *wire, now time.Time) {
	w.usedAt = now
	s.mu.Lock()
	keep := !s.closed && len(s.idle) < idleWires
	if keep {
		s.idle = append(s.idle, w)
	}
	s.mu.Unlock()
	if !keep {
		w.conn.Close()
	}
}

// sweep closes the connections that were not used for too long.
func (s *wires) sweep(now time.Time) {
	s.mu.Lock()
	n := 0
	for n < len(s.idle) && now.Sub(s.idle[n].usedAt) > s.unused {
		n++
	}
	var old []*wire
	if n > 0 {
		old = slices.Clone(s.idle[:n])
		s.idle = slices.Delete(s.idle, 0, n)
	}
	s.mu.Unlock()
	hangUp(old)
}

// drop closes the unused connections; with forever also each that is put back.
func (s *wires) drop(forever bool) {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.closed = s.closed || forever
	s.mu.Unlock()
	hangUp(idle)
}

func hangUp(all []*wire) {
	for _, w := range all {
		w.conn.Close()
	}
}

// errStale is returned by a wire that the backend closed before it was used.
var errStale = errors.New("the replica closed the connection")

// ask sends the request and reads the header of the answer, waiting for it at
// most for patience unless that is 0. Answers before the final one go to
// interim. It returns errStale when the connection was closed without a byte.
func (w *wire) ask(r *outgoing, patience deadline, interim func(*http.Response)) (*http.Response, error) {
	w.budget = answerHeaderLimit
	r.write(w.out)
	if err := w.out.Flush(); err != nil {
		return nil, errors.Join(errStale, err)
	}
	if err := patience.set(w.conn); err != nil {
		return nil, err
	}
	if _, err := w.in.Peek(1); err != nil {
		if isTimeout(err) {
			return nil, err
		}
		return nil, errors.Join(errStale, err)
	}
	for {
		response, err := http.ReadResponse(w.in, r.in)
		switch {
		case err != nil:
			return nil, err
		case response.StatusCode >= 200:
			w.budget = math.MaxInt64
			return response, patience.lift(w.conn)
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the replica switched protocols unasked")
		}
		interim(response)
	}
}

// deadline is the longest time a backend may take to begin its answer.
type deadline struct {
	clk   clock.Clock
	after time.Duration // 0 is none
}

func (d deadline) set(conn net.Conn) error {
	if d.after == 0 {
		return nil
	}
	return conn.SetReadDeadline(d.clk.Now().Add(d.after))
}

func (d deadline) lift(conn net.Conn) error {
	if d.after == 0 {
		return nil
	}
	return conn.SetReadDeadline(time.Time{})
}

// reusable reports whether another request can follow the answer, which was
// read to its end.
func (w *wire) reusable(response *http.Response) bool {
	return !response.Close && w.in.Buffered() == 0 && w.cause.Load() == nil
}
