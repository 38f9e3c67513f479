package builtin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/tlsfiles"
)

// Run listens on the configured address and serves until ctx is cancelled;
// then it ends as Serve does.
func (p *Proxy) Run(ctx context.Context) error {
	l, err := Listen(ctx, p.cfg)
	if err != nil {
		return err
	}
	return p.Serve(ctx, l)
}

// Listen opens the configured address, so that a port in use is known before
// anything else starts and a free port (0) can be read from the listener.
func Listen(ctx context.Context, cfg Config) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("balancer: %w", err)
	}
	return l, nil
}

// Serve takes requests from l, which it closes, until ctx is cancelled. Then
// it accepts no more, lets the requests in progress finish for at most the
// drain timeout, breaks off the rest, and returns nil. It also returns nil
// once it was retired and the last connection has ended. It is called once.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	base, breakOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer breakOff(errClosing)
	server := p.server(base)
	limited := newListener(l, p.cfg.MaxConnections, p.cfg.BodyStallTimeout.Std(), p.clk)

	var work sync.WaitGroup
	defer work.Wait()
	checks, stopChecks := context.WithCancel(base)
	defer stopChecks()
	work.Go(func() { newChecker(p).run(checks) })

	served := make(chan error, 1)
	work.Go(func() { served <- p.accept(server, limited) })
	select {
	case err := <-served:
		return fmt.Errorf("balancer: serve %s: %w", l.Addr(), err)
	case <-p.retired:
		_ = limited.Close() // what it cannot close it does not accept from either
		p.outlast(ctx, limited)
	case <-ctx.Done():
	}
	p.finish(server, breakOff)
	for _, b := range p.pool.backends() {
		b.hangUp()
	}
	return nil
}

// Retire hands the traffic over to another process that listens on the same
// socket: Serve accepts no more connections, and those there are end with
// their next answer, without any client seeing an error.
func (p *Proxy) Retire() { p.retireOnce.Do(func() { close(p.retired) }) }

func (p *Proxy) isRetired() bool {
	select {
	case <-p.retired:
		return true
	default:
		return false
	}
}

// outlast waits until the last connection has ended or ctx is cancelled.
func (p *Proxy) outlast(ctx context.Context, l *listener) {
	for l.open() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-p.clk.After(20 * time.Millisecond):
		}
	}
}

func (p *Proxy) server(base context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           p,
		Protocols:         protocols,
		ReadHeaderTimeout: p.cfg.ReadHeaderTimeout.Std(),
		IdleTimeout:       p.cfg.IdleTimeout.Std(),
		MaxHeaderBytes:    p.cfg.MaxHeaderBytes,
		ErrorLog:          p.quiet,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
	}
}

func (p *Proxy) accept(server *http.Server, l net.Listener) error {
	t := p.cfg.TLS
	if t == nil {
		return server.Serve(l)
	}
	certificate, err := tlsfiles.Load(t.CertFile, t.KeyFile, p.clk, p.log)
	if err != nil {
		return err
	}
	server.TLSConfig = certificate.Config()
	return server.ServeTLS(l, "", "")
}

// finish lets what is in progress end, by force after the drain timeout. What
// is held is refused at once: no replica will come for it.
func (p *Proxy) finish(server *http.Server, breakOff context.CancelCauseFunc) {
	p.pool.close()
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.DrainTimeout.Std())
	defer cancel()
	if server.Shutdown(ctx) == nil && p.quietWithin(ctx) == nil {
		return
	}
	breakOff(errClosing)
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		p.log.Warn("close connections", slog.Any("error", err))
	}
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if p.quietWithin(ctx) != nil {
		p.log.Warn("requests did not end when broken off", slog.Int("requests", p.total.current()))
	}
}

// quietWithin waits until no request is in progress: the server does not wait
// for connections that were upgraded.
func (p *Proxy) quietWithin(ctx context.Context) error {
	for p.total.current() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.clk.After(10 * time.Millisecond):
		}
	}
	return nil
}
