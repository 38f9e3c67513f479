package builtin

import (
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
var longAgo = time.Unix(1, 0)

// clientBody is the body of a client's request, read by one attempt after the
// other. A read that gets no byte for the stall time fails with errStalled
// unless the answer has begun: from then on the backend decides how long the
// stream lasts.
type clientBody struct {
	src     io.ReadCloser
	control *http.ResponseController
	clk     clock.Clock
	stall   time.Duration
	keep    bool // small enough to be kept for another attempt

	answered atomic.Bool

	mu    sync.Mutex // held while src is read; guards all below
	kept  []byte
	read  bool  // src was read
	fault error // sticky end of src: io.EOF or what broke it
	over  bool  // the exchange has ended: src must not be touched any more
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
	if a.closed.Load() || b.over {
		return 0, http.ErrBodyReadAfterClose
	}
	if a.pos < len(b.kept) {
		n := copy(p, b.kept[a.pos:])
		a.pos += n
		return n, nil
	}
	n, err := b.more(p)
	if b.keep {
		a.pos += n
	}
	return n, err
}

// more reads from the client.
func (b *clientBody) more(p []byte) (int, error) {
	if b.fault != nil {
		return 0, b.fault
	}
	limited := !b.answered.Load()
	if limited {
		_ = b.control.SetReadDeadline(b.clk.Now().Add(b.stall)) // not every test writer has deadlines
	}
	n, err := b.src.Read(p)
	if limited {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.read = true
	if b.keep {
		b.kept = append(b.kept, p[:n]...)
	}
	if err != nil && isTimeout(err) {
		err = errStalled
	}
	b.fault = err
	return n, err
}

// fill reads the whole body ahead, so that a client that goes away while its
// request is held is noticed: the server only watches a connection whose
// request has been read.
func (b *clientBody) fill() {
	if !b.keep {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
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
	return !b.read || b.keep
}

// clientFault is what broke the client's side of the body, if anything did.
func (b *clientBody) clientFault() error {
	if b.src == nil || !b.mu.TryLock() {
		return nil
	}
	defer b.mu.Unlock()
	if b.fault == io.EOF {
		return nil
	}
	return b.fault
}

// end keeps late readers away from the connection, which serves the next
// request from now on.
func (b *clientBody) end() {
	if b.src == nil {
		return
	}
	if !b.mu.TryLock() {
		_ = b.control.SetReadDeadline(longAgo)
		b.mu.Lock()
	}
	b.over = true
	b.mu.Unlock()
}
