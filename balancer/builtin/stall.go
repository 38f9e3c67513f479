package builtin

import (
	"net/http"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// streamWriter fails once the client has taken no byte for the stall time. It
// does for one stream of an HTTP/2 connection, which its client can block while
// the connection flows, what clientConn does for a connection.
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
