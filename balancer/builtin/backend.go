package builtin

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// backend is one replica with what the proxy knows of it.
type backend struct {
	balancer.Backend
	transport *http.Transport
	wires     *wires
	meter     *meter

	// The pool's lock guards all below.
	inFlight int
	requests uint64
	failures uint64
	draining bool
	removed  bool
	down     bool          // taken out by a health check
	fault    error         // why it was taken out
	strikes  int           // failures in a row, seen in traffic
	misses   int           // failed checks in a row
	passes   int           // successful checks in a row
	idle     chan struct{} // closed when nothing is in progress; made by who waits
	checking bool
	awaiting map[*exchange]struct{} // sent to it, unanswered, may be sent elsewhere
}

// takesWork reports whether the backend gets new requests.
func (b *backend) takesWork() bool { return !b.draining && !b.removed && !b.down }

// hangUp closes the connections that carry no request; forever where none
// will be kept any more.
func (b *backend) hangUp() {
	b.transport.CloseIdleConnections()
	b.wires.drop(b.removed || b.draining)
}

func (b *backend) state() balancer.State {
	switch {
	case b.draining:
		return balancer.Draining
	case b.down:
		return balancer.Unhealthy
	default:
		return balancer.Active
	}
}

// why is what took the backend out.
func (b *backend) why() string {
	if !b.down || b.fault == nil {
		return ""
	}
	return b.fault.Error()
}

// dialFault is an error of connecting: nothing was sent.
type dialFault struct{ error }

func (d dialFault) Unwrap() error { return d.error }

// dialer connects to backends.
func dialer(cfg Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: cfg.DialTimeout.Std(), KeepAlive: 15 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, dialFault{err}
		}
		return conn, nil
	}
}

// newTransport returns the connections to one backend for all but simple
// requests.
func newTransport(cfg Config, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		DialContext:           dial,
		DisableCompression:    true, // pass on what the client and the backend agreed
		MaxIdleConnsPerHost:   4096,
		IdleConnTimeout:       cfg.BackendIdleTimeout.Std(),
		ResponseHeaderTimeout: cfg.ResponseTimeout.Std(),
		ExpectContinueTimeout: time.Second,
		Protocols:             new(http.Protocols),
	}
	if cfg.BackendProtocol == H2C {
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP1(true)
	}
	return t
}
