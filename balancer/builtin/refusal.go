package builtin

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/flyball-io/flyball/internal/neterr"
)

// What a request can meet before any backend answers it.
var (
	errFull    = errors.New("no replica is ready and too many requests wait already")
	errExpired = errors.New("no replica became ready in time")
	errBadBody = errors.New("the body of the request is malformed or broke off")
	errStalled = errors.New("the client stopped sending the body of its request")
	errHung    = errors.New("the replica hangs")
	errClosing = errors.New("the proxy is closing")
)

// refusal is what the client is told when no backend answered.
type refusal struct {
	status int
	text   string
	retry  bool // it may well work in a moment
}

// refusalOf puts an error into words that name no address.
func refusalOf(err error) refusal {
	var dial dialFault
	switch {
	case errors.Is(err, errFull), errors.Is(err, errExpired), errors.Is(err, errClosing):
		return refusal{http.StatusServiceUnavailable, err.Error(), true}
	case errors.Is(err, errBadBody):
		return refusal{http.StatusBadRequest, err.Error(), false}
	case errors.Is(err, errStalled):
		return refusal{http.StatusRequestTimeout, err.Error(), false}
	case errors.As(err, &dial) && neterr.Refused(err):
		return refusal{http.StatusBadGateway, "the replica refused the connection", true}
	case errors.As(err, &dial):
		return refusal{http.StatusBadGateway, "the replica could not be reached", true}
	case errors.Is(err, errHung), isLate(err):
		return refusal{http.StatusGatewayTimeout, "the replica did not answer in time", false}
	default:
		return refusal{http.StatusBadGateway, "the replica broke off before it answered", false}
	}
}

// write answers with the refusal.
func (r refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(r.text)+1))
	if r.retry {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.text + "\n")) // a client that is gone needs no answer
}

// isLate reports a backend that took longer than it may.
func isLate(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// isTimeout reports a deadline of ours that passed.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
