package builtin

import (
	"context"
	"errors"
	"net/http"

	"github.com/flyball-io/flyball/internal/neterr"
)

const (
	attemptLimit = 10 // backends one request is sent to at most
	resendLimit  = 2  // of these after something had been sent
)

// RoundTrip sends a request of the reverse proxy.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	return x.try(out, func(b *backend) (*http.Response, error) {
		attempt, body := x.attempt(out, b)
		response, err := b.transport.RoundTrip(attempt)
		if x.cancel != nil {
			x.proxy.pool.settled(b, x)
		}
		if err != nil && body != nil {
			_ = body.Close() // keeps a late writer of this attempt away from the body
		}
		return response, err
	})
}

// try sends the request to a backend, and to another where that is safe.
func (x *exchange) try(out *http.Request, send func(*backend) (*http.Response, error)) (*http.Response, error) {
	for {
		b, err := x.acquire(out)
		if err != nil {
			return nil, err
		}
		response, err := send(b)
		if err == nil {
			x.answer(response)
			return response, nil
		}
		if !x.again(out, err) {
			return nil, err
		}
	}
}

// acquire chooses the backend of the next attempt.
func (x *exchange) acquire(out *http.Request) (*backend, error) {
	p := x.proxy
	b := p.pool.acquire(x.tried)
	if b == nil {
		if out.ProtoMajor == 1 && out.Header.Get("Expect") == "" {
			x.body.fill()
		}
		var err error
		b, err = p.pool.hold(out.Context(), p.cfg.HoldLimit, p.clk.After(p.cfg.HoldTimeout.Std()))
		if err != nil {
			return nil, err
		}
	}
	x.backend, x.sentAt = b, p.clk.Now()
	b.meter.arrive(x.sentAt)
	x.generation.handed()
	return b, nil
}

// attempt is the request as b gets it.
func (x *exchange) attempt(out *http.Request, b *backend) (*http.Request, *attemptBody) {
	if len(x.tried) > 0 {
		// The attempt before may still be read by its connection.
		again, url := *out, *out.URL
		again.URL = &url
		out = &again
	}
	out.URL.Host = b.Address
	if idempotent(out.Method) {
		x.abandon(nil) // the attempt before: its connection is of no use any more
		ctx, cancel := context.WithCancelCause(out.Context())
		x.cancel = cancel
		out = out.WithContext(ctx)
		x.proxy.pool.awaiting(b, x)
	}
	if out.Body == nil || x.body.src == nil {
		return out, nil
	}
	body := &attemptBody{of: &x.body}
	out.Body = body
	return out, body
}

// abandon ends the present attempt, because of cause.
func (x *exchange) abandon(cause error) {
	switch {
	case x.wire != nil:
		x.wire.abort(cause)
	case x.cancel != nil:
		x.cancel(cause)
	}
}

// again closes an attempt that failed and says whether to make another.
func (x *exchange) again(out *http.Request, err error) bool {
	p, b, now := x.proxy, x.backend, x.proxy.clk.Now()
	x.backend = nil
	x.tried = append(x.tried, b)
	if out.Context().Err() != nil || x.body.clientFault() != nil {
		b.meter.end(now, outcome{gaveUp: true})
		p.pool.release(b, false)
		return false
	}
	b.meter.end(now, outcome{latency: now.Sub(x.sentAt), failed: true, notGood: true})
	p.pool.release(b, true)
	var dial dialFault
	unsent := errors.As(err, &dial)
	if !errors.Is(err, errHung) {
		p.strike(b, err, unsent && neterr.Refused(err))
	}
	if len(x.tried) >= attemptLimit || !x.body.replayable() {
		return false
	}
	if unsent {
		return true
	}
	if !idempotent(out.Method) || isLate(err) || x.resent >= resendLimit {
		return false
	}
	x.resent++
	return p.budget.retry(now)
}

// idempotent methods may be carried out twice (RFC 9110, 9.2.2).
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}
