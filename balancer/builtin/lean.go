package builtin

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
)

// serveSimple passes a request on over a wire.
func (x *exchange) serveSimple(w http.ResponseWriter, out *outgoing) {
	interim := func(response *http.Response) { relayInterim(w, response) }
	response, err := x.try(out.in, func(b *backend) (*http.Response, error) { return x.ask(b, out, interim) })
	if err != nil {
		x.refuse(w, out.in, err)
		return
	}
	x.relay(w, response)
}

// ask sends the request to one backend. A kept connection may have been
// closed by the backend meanwhile; then another one is used.
func (x *exchange) ask(b *backend, out *outgoing, interim func(*http.Response)) (*http.Response, error) {
	ctx, p := out.in.Context(), x.proxy
	for {
		w, kept := b.wires.take(x.sentAt), true
		if w == nil {
			var err error
			if w, err = b.wires.open(ctx); err != nil {
				return nil, err
			}
			kept = false
		}
		x.wire, x.unwatch = w, context.AfterFunc(ctx, func() { w.abort(context.Cause(ctx)) })
		p.pool.awaiting(b, x)
		response, err := w.ask(out, deadline{p.clk, p.cfg.ResponseTimeout.Std()}, interim)
		p.pool.settled(b, x)
		if err == nil {
			return response, nil
		}
		x.hangUp()
		err = w.fault(err)
		if !kept || !errors.Is(err, errStale) || ctx.Err() != nil {
			return nil, err
		}
		b.wires.drop(false) // the others are as old
	}
}

// hangUp closes the wire of the present attempt.
func (x *exchange) hangUp() {
	x.unwatch()
	x.wire.conn.Close()
	x.wire = nil
}

// free gives the wire back if another request can follow.
func (x *exchange) free() {
	if x.wire == nil {
		return
	}
	if !x.complete || !x.unwatch() || !x.wire.reusable(x.last) {
		x.hangUp()
		return
	}
	x.backend.wires.put(x.wire, x.proxy.clk.Now())
	x.wire = nil
}

// relay passes the answer on. It breaks the client's connection off when the
// answer breaks off, so that nobody takes a part for the whole.
func (x *exchange) relay(w http.ResponseWriter, response *http.Response) {
	h := w.Header()
	removeHop(response.Header)
	maps.Copy(h, response.Header)
	for name := range response.Trailer {
		h.Add("Trailer", name)
	}
	announced := len(response.Trailer)
	w.WriteHeader(response.StatusCode)
	if err := x.copy(w, response); err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(response.Trailer) > 0 {
		_ = http.NewResponseController(w).Flush() // chunks, so that a trailer can follow
	}
	for name, values := range response.Trailer {
		if len(response.Trailer) != announced {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
}

// copy passes the body on, at once where it may be a stream.
func (x *exchange) copy(w http.ResponseWriter, response *http.Response) error {
	if response.Body == http.NoBody {
		return nil
	}
	buf := x.proxy.buffers.Get()
	defer x.proxy.buffers.Put(buf)
	stream := response.ContentLength < 0 || isEventStream(response.Header)
	control := http.NewResponseController(w)
	for {
		n, err := response.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if stream {
				_ = control.Flush() // an error shows in the next write
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// relayInterim passes an answer before the final one on, for example early
// hints.
func relayInterim(w http.ResponseWriter, response *http.Response) {
	if response.StatusCode == http.StatusContinue {
		return // nobody asked for it
	}
	removeHop(response.Header)
	h := w.Header()
	before := maps.Clone(h)
	maps.Copy(h, response.Header)
	w.WriteHeader(response.StatusCode)
	clear(h)
	maps.Copy(h, before)
}

// removeHop takes out what concerns only the backend's connection.
func removeHop(h http.Header) {
	for _, name := range connectionTokens(h) {
		delete(h, name)
	}
	for name := range h {
		if name != "Content-Length" && ofHop(name) {
			delete(h, name)
		}
	}
}
