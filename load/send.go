package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/neterr"
)

// Kinds of errors as they are counted. An answer with status 400 or above is
// counted as http_STATUS.
const (
	errRefused    = "refused"         // nobody listens there
	errReset      = "reset"           // the connection ended before an answer
	errTimeout    = "timeout"         // no complete answer in time
	errBroken     = "body_broken_off" // the connection ended within the answer
	errIncomplete = "body_incomplete" // ended properly, but is not what the request wants
	errName       = "name_not_found"
	errTLS        = "tls"
	errLocal      = "local_resources" // the load generator ran out of ports or files
	errDropped    = "dropped"         // never sent: too many in flight
	errOther      = "other"
	abandoned     = "abandoned" // cut off because the run was ended
)

// outcome is what became of one request.
type outcome struct {
	kind      int
	intended  time.Time
	lag       time.Duration // from the intended instant until it was sent
	firstByte time.Duration // from the intended instant; 0 when there was none
	latency   time.Duration // from the intended instant until all was over
	status    int           // 0 when there was no answer
	bytes     int64
	failure   string // empty when answered in full
	resent    int    // how often the HTTP client sent it again by itself
}

// sender sends one request at a time, keeping its buffers.
type sender struct {
	transport   http.RoundTripper
	clock       clock.Clock
	timeout     time.Duration
	connections int
	buf         []byte
	tail        []byte
}

// send sends one request and reads its answer to the end.
func (s *sender) send(ctx context.Context, k *kind, intended time.Time) outcome {
	ctx, cancel := context.WithDeadline(ctx, intended.Add(s.timeout))
	defer cancel()
	s.connections = 0
	o := outcome{intended: intended, lag: s.clock.Now().Sub(intended)}
	response, err := s.transport.RoundTrip(k.request(ctx))
	if err != nil {
		o.failure = classify(ctx, err, errReset)
	} else {
		o.status = response.StatusCode
		o.firstByte = s.clock.Now().Sub(intended)
		s.read(ctx, k, response.Body, &o)
	}
	o.latency = s.clock.Now().Sub(intended)
	o.resent = max(0, s.connections-1)
	return o
}

// traced returns a context that counts the connections one request takes: the
// HTTP client sends some requests again by itself when a kept connection
// turns out to be closed.
func (s *sender) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { s.connections++ },
	})
}

// read reads body to its end. The first byte is that of the body where it has
// one: in a stream it comes well after the headers.
func (s *sender) read(ctx context.Context, k *kind, body io.ReadCloser, o *outcome) {
	defer body.Close()
	s.tail = s.tail[:0]
	for {
		n, err := body.Read(s.buf)
		if n > 0 {
			if o.bytes == 0 {
				o.firstByte = s.clock.Now().Sub(o.intended)
			}
			o.bytes += int64(n)
			s.keepTail(s.buf[:n], len(k.WantEnd))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			o.failure = classify(ctx, err, errBroken)
			return
		}
	}
	// Only a success is held to what the request wants.
	if o.status < 300 && !k.complete(o.bytes, s.tail) {
		o.failure = errIncomplete
	}
}

// keepTail keeps the last n bytes that were read.
func (s *sender) keepTail(read []byte, n int) {
	if n == 0 {
		return
	}
	s.tail = append(s.tail, read...)
	if extra := len(s.tail) - n; extra > 0 {
		s.tail = s.tail[:copy(s.tail, s.tail[extra:])]
	}
}

// classify names an error; ended is what to call a connection that ended too
// early.
func classify(ctx context.Context, err error, ended string) string {
	var network net.Error
	var name *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return abandoned
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case neterr.Refused(err):
		return errRefused
	case neterr.Exhausted(err):
		return errLocal
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), neterr.Broken(err):
		return ended
	case errors.As(err, &name):
		return errName
	case isTLS(err):
		return errTLS
	case errors.As(err, &network) && network.Timeout():
		return errTimeout
	}
	return errOther
}

func isTLS(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &alert) || errors.As(err, &record) ||
		errors.As(err, &certificate) || errors.As(err, &authority)
}

// newTransport returns a transport that keeps every connection it opens, so
// that a burst does not pay for new ones each time, and hides nothing: no
// proxy, no unpacking.
func newTransport(maxInFlight int) *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          maxInFlight,
		MaxIdleConnsPerHost:   maxInFlight,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
		ExpectContinueTimeout: time.Second,
	}
}

// failureOf returns what o is counted as, empty when it was answered well.
func failureOf(o outcome) string {
	if o.failure == "" && o.status >= 400 {
		return fmt.Sprintf("http_%d", o.status)
	}
	return o.failure
}
