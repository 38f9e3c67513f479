package builtin

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// replayLimit is the largest body that is kept to be sent again.
const replayLimit = 64 << 10

// longAgo as a deadline ends a read at once.
func longAgo() time.Time { return time.Unix(1, 0) }

// clientBody is the body of a client's request, read by one attempt after the
// other. A read that gets no byte for the stall time fails with errStalled
// unless the answer has begun: from then on the backend decides how long the
// stream lasts.
type clientBody struct {
	src     io.ReadCloser
	control *http.ResponseController
	conn    *clientConn // nil unless HTTP/1 on a listener of ours
	clk     clock.Clock
	stall   time.Duration
	small   bool // of known length, at most replayLimit

	answered atomic.Bool
	over     atomic.Bool // the exchange has ended: no attempt reads any more

	mu    sync.Mutex // held while src is read; guards all below
	keep  bool       // what is read is kept for another attempt, if it is small
	kept  []byte
	read  bool  // src was read
	fault error // sticky end of src: io.EOF or what broke it
}

// attemptBody is the body as one attempt sends it.
type attemptBody struct {
	of     *clientBody
	pos    int // bytes of kept already sent
	closed atomic.Bool
}

func (a *attemptBody) Close() error {
	a.closed.Store(true)
	return nil
}

func (a *attemptBody) Read(p []byte) (int, error) {
	b := a.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if a.pos < len(b.kept) {
		n := copy(p, b.kept[a.pos:])
		a.pos += n
		return n, nil
	}
	n, err := b.more(p)
	if b.keeps() {
		a.pos += n
	}
	return n, err
}

func (b *clientBody) keeps() bool { return b.keep && b.small }

// more reads from the client.
func (b *clientBody) more(p []byte) (int, error) {
	if b.fault != nil {
		return 0, b.fault
	}
	// The deadline comes first: end sets over, then its own deadline, so that
	// either we see over or our deadline is replaced.
	limited := !b.answered.Load()
	if limited {
		_ = b.control.SetReadDeadline(b.clk.Now().Add(b.stall)) // not every test writer has deadlines
	}
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.src.Read(p)
	if limited {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.read = true
	if b.keeps() {
		b.kept = append(b.kept, p[:n]...)
	}
	if err != nil && isTimeout(err) {
		err = errStalled
	}
	b.fault = err
	if b.conn != nil && err != nil && !errors.Is(err, io.EOF) {
		b.conn.spoil()
	}
	return n, err
}

// fill reads the whole of a small body ahead, so that a client that goes away
// while its request is held is noticed: the server only watches a connection
// whose request has been read.
func (b *clientBody) fill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep = b.keep || !b.read
	if !b.keeps() {
		return
	}
	buf := make([]byte, 4096)
	for b.fault == nil {
		_, _ = b.more(buf) // the error is kept in fault
	}
}

// replayable reports whether another attempt can send the whole body.
func (b *clientBody) replayable() bool {
	if b.src == nil {
		return true
	}
	if !b.mu.TryLock() {
		return false // an attempt still waits for the client
	}
	defer b.mu.Unlock()
	return !b.read || b.keeps()
}

// clientFault is what broke the client's side of the body, if anything did.
func (b *clientBody) clientFault() error {
	if b.src == nil || !b.mu.TryLock() {
		return nil
	}
	defer b.mu.Unlock()
	if errors.Is(b.fault, io.EOF) {
		return nil
	}
	return b.fault
}

// ended reports whether nothing more can come, and nobody waits for it.
func (b *clientBody) ended() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return b.fault != nil
}

// end keeps late readers away from the connection, which serves the next
// request from now on, and brings it to the end of this one: the server does
// not where an answer may begin before the body ends. A connection where that
// does not work is spoiled.
func (b *clientBody) end(answered bool) {
	if b.src == nil {
		return
	}
	b.over.Store(true)
	if b.ended() {
		return
	}
	until := longAgo()
	if b.conn != nil && answered && b.control.Flush() == nil {
		until = b.clk.Now().Add(lingerTime)
	}
	_ = b.control.SetReadDeadline(until) // ends a read under way
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil || b.fault != nil {
		return
	}
	_ = b.control.SetReadDeadline(until) // the read that ended may have lifted it
	if _, err := io.CopyN(io.Discard, b.src, skipLimit); !errors.Is(err, io.EOF) {
		b.conn.spoil()
	}
}
