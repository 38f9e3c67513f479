package builtin

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httputil"
	"time"
)

// exchange is one request of a client and its answer: it chooses the backend,
// holds and tries again. A simple request goes over a wire; all else goes
// through the standard library's reverse proxy, whose transport the exchange
// is.
type exchange struct {
	proxy   *Proxy
	request *http.Request
	body    clientBody
	arrived time.Time
	waiting unjudged // until it is judged
	// generation follows a request to a language model; nil: it is none.
	generation *generation

	backend  *backend // that has the request now
	sentAt   time.Time
	tried    []*backend
	resent   int
	cancel   context.CancelCauseFunc // of the attempt; nil where it must not be sent twice
	wire     *wire                   // of the attempt, when it goes over one
	unwatch  func() bool             // lets the wire outlive the request
	last     *http.Response
	status   int   // of the answer, 0 before
	refused  error // why the answer is ours
	answered bool  // counted already: what follows is a stream
	complete bool  // the whole answer was read from the backend
	broken   error // what ended the answer early on the backend's side
}

func (p *Proxy) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{proxy: p, request: r, arrived: p.clk.Now()}
	if r.Body != nil && r.ContentLength != 0 {
		control, conn := http.NewResponseController(w), connOf(r)
		if conn != nil {
			// Let the answer begin while the body still comes: otherwise the
			// server swallows what the backend has not read yet.
			_ = control.EnableFullDuplex()
		}
		x.body = clientBody{
			src:     r.Body,
			control: control,
			conn:    conn,
			clk:     p.clk,
			stall:   p.cfg.BodyStallTimeout.Std(),
			small:   r.ContentLength > 0 && r.ContentLength <= replayLimit,
			keep:    idempotent(r.Method),
		}
	}
	return x
}

// serve passes the request on.
func (x *exchange) serve(w http.ResponseWriter, r *http.Request) {
	// Keeps the server from guessing a type where the backend names none.
	w.Header()["Content-Type"] = nil
	if simple(r) && x.proxy.cfg.BackendProtocol == HTTP1 {
		if out, ok := newOutgoing(r, x.proxy.cfg.TrustForwarded); ok {
			x.serveSimple(w, out)
			return
		}
	}
	x.serveReverse(w, r)
}

// serveReverse passes any request on.
func (x *exchange) serveReverse(w http.ResponseWriter, r *http.Request) {
	reverse := httputil.ReverseProxy{
		Rewrite:      x.proxy.rewrite,
		Transport:    x,
		BufferPool:   &x.proxy.buffers,
		ErrorLog:     x.proxy.quiet,
		ErrorHandler: x.refuse,
	}
	reverse.ServeHTTP(w, r)
}

// answer notes that a backend has begun to answer.
func (x *exchange) answer(response *http.Response) {
	x.status, x.last = response.StatusCode, response
	x.body.answered.Store(true)
	if response.StatusCode == http.StatusSwitchingProtocols {
		x.complete = true
		x.count()
		return
	}
	if isEventStream(response.Header) {
		x.count()
	}
	if response.Body == http.NoBody {
		x.complete = true
		return
	}
	if x.generation != nil {
		x.generation.answers(response)
	}
	response.Body = &answerBody{ReadCloser: response.Body, of: x}
}

// isEventStream reports a stream that lasts as long as both sides like: its
// latency is the time to its beginning.
func isEventStream(h http.Header) bool {
	text := h.Get("Content-Type")
	if len(text) < len("text/event-stream") {
		return false
	}
	kind, _, err := mime.ParseMediaType(text)
	return err == nil && kind == "text/event-stream"
}

// count counts the answer while the exchange goes on.
func (x *exchange) count() {
	now := x.proxy.clk.Now()
	x.answered = true
	o := x.outcome(now.Sub(x.arrived), false)
	o.waited = &x.waiting
	x.proxy.total.answer(now, o)
	x.backend.meter.answer(now, x.outcome(now.Sub(x.sentAt), false))
}

// answerBody is a backend's answer on its way to the client.
type answerBody struct {
	io.ReadCloser
	of *exchange
}

func (a *answerBody) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if g := a.of.generation; g != nil {
		g.see(p[:n], a.of.proxy.clk.Now())
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		a.of.complete = true
		if g := a.of.generation; g != nil {
			g.complete(a.of.proxy.clk.Now())
		}
	case !a.of.clientGone():
		a.of.broken = err
	}
	return n, err
}

// clientGone reports whether the client broke the exchange off.
func (x *exchange) clientGone() bool {
	ctx := x.request.Context()
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errClosing)
}

// refuse answers a request that no backend answered. A client that is gone
// gets no answer: it must not take one of the server's making for ours.
func (x *exchange) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch fault := x.body.clientFault(); {
	case fault != nil:
		// Whatever broke, it began with the body. The server has given the
		// connection up already, so r's context says nothing.
		err = fault
		if !errors.Is(fault, errStalled) {
			err = errBadBody
		}
		w.Header().Set("Connection", "close")
	case x.clientGone():
		panic(http.ErrAbortHandler)
	case r.Context().Err() != nil:
		err = errClosing
	}
	answer := refusalOf(err)
	x.refused, x.status, x.complete = err, answer.status, true
	answer.write(w)
}

// end counts the exchange as over.
func (x *exchange) end() {
	p, now := x.proxy, x.proxy.clk.Now()
	x.generation.ended()
	x.free()
	x.abandon(nil)
	defer x.body.end(x.complete)
	gaveUp := !x.complete && x.broken == nil
	if b := x.backend; b != nil {
		o := x.outcome(now.Sub(x.sentAt), gaveUp)
		if x.answered {
			b.meter.leave(now)
		} else {
			b.meter.end(now, o)
		}
		p.pool.release(b, o.failed)
	}
	if x.answered {
		p.total.leave(now)
		return
	}
	o := x.outcome(now.Sub(x.arrived), gaveUp)
	o.waited = &x.waiting
	p.total.end(now, o)
}

// outcome judges the exchange after the given time.
func (x *exchange) outcome(latency time.Duration, gaveUp bool) outcome {
	slow := x.proxy.cfg.Threshold > 0 && latency > x.proxy.cfg.Threshold.Std()
	if gaveUp || errors.Is(x.refused, errStalled) || errors.Is(x.refused, errBadBody) {
		return outcome{latency: latency, gaveUp: true, notGood: slow}
	}
	failed := x.status >= 500 || x.broken != nil
	return outcome{
		latency: latency, failed: failed, notGood: failed || slow,
		refused: errors.Is(x.refused, errFull),
	}
}
