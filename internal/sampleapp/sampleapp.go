// Package sampleapp is the service that the demonstration and the end-to-end
// tests scale: an HTTP server whose capacity is known exactly (slots and a
// distribution of service times) and that can be told to misbehave. It sleeps
// instead of computing, so that many replicas fit on one small machine.
package sampleapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

var (
	// ErrCrash is returned by Run when the service was told to crash. Every
	// connection has been cut.
	ErrCrash = errors.New("told to crash")
	// ErrStartFail is returned by Run when the service was told not to start.
	ErrStartFail = errors.New("told to fail at start")
)

// Run serves until ctx is cancelled, then takes no new requests, finishes
// those in progress and returns nil. It returns an error when it cannot
// listen, was told to crash, or had to cut requests off.
func Run(ctx context.Context, cfg Config, clk clock.Clock, log *slog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("sample app: %w", err)
	}
	if cfg.StartFail {
		return fmt.Errorf("sample app: %w", ErrStartFail)
	}
	if !cfg.ListenEarly && !sleep(ctx, clk, cfg.StartupDelay.Std()) {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return fmt.Errorf("sample app: %w", err)
	}
	return newApp(cfg, clk, log).serve(ctx, listener)
}

// app is one running service.
type app struct {
	cfg     Config
	clock   clock.Clock
	log     *slog.Logger
	dice    *dice
	slots   chan struct{} // senders queue first in, first out
	metrics *metrics
	mode    atomic.Value // Mode
	readyAt time.Time
	crash   chan struct{}
	leaving atomic.Bool // asked to stop
	once    sync.Once

	// sockets are the WebSocket connections, which the HTTP server no
	// longer knows of; closing is cancelled when they should say good-bye.
	sockets sync.WaitGroup
	closing context.Context
	close   context.CancelFunc
}

func newApp(cfg Config, clk clock.Clock, log *slog.Logger) *app {
	a := &app{
		cfg:     cfg,
		clock:   clk,
		log:     log,
		dice:    newDice(cfg),
		slots:   make(chan struct{}, cfg.Slots),
		metrics: newMetrics(cfg.Slots),
		readyAt: clk.Now(),
		crash:   make(chan struct{}),
	}
	if cfg.ListenEarly {
		a.readyAt = a.readyAt.Add(cfg.StartupDelay.Std())
	}
	a.mode.Store(cfg.Mode)
	a.closing, a.close = context.WithCancel(context.Background())
	return a
}

func (a *app) serve(ctx context.Context, listener net.Listener) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           a.routes(),
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.log.Info("listening", slog.String("address", listener.Addr().String()), slog.String("replica", a.cfg.Replica))

	var crashAt <-chan time.Time
	if a.cfg.CrashAfter > 0 {
		crashAt = a.clock.After(a.cfg.CrashAfter.Std())
	}
	select {
	case err := <-served:
		return fmt.Errorf("sample app: %w", err)
	case <-crashAt:
	case <-a.crash:
	case <-ctx.Done():
		a.leaving.Store(true)
		sleep(context.WithoutCancel(ctx), a.clock, a.cfg.Linger.Std())
		return a.shutdown(server, served)
	}
	a.close()
	return fmt.Errorf("sample app: %w", errors.Join(ErrCrash, server.Close(), unexpected(<-served)))
}

// shutdown refuses new connections, ends idle ones and waits for the requests
// in progress.
func (a *app) shutdown(server *http.Server, served <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout.Std())
	defer cancel()
	a.close()
	err := server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("sample app: requests cut off after %v: %w", a.cfg.ShutdownTimeout, errors.Join(err, server.Close()))
	}
	err = errors.Join(err, unexpected(<-served))
	a.sockets.Wait()
	a.log.Info("stopped", slog.String("replica", a.cfg.Replica))
	return err
}

// unexpected is err unless it only says that the server was closed.
func unexpected(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// crashNow ends Run with ErrCrash.
func (a *app) crashNow() { a.once.Do(func() { close(a.crash) }) }

// sleep waits for d; false when ctx ended first.
func sleep(ctx context.Context, clk clock.Clock, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-clk.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// discard reads the body to its end and returns its length.
func discard(r *http.Request) (int64, error) { return io.Copy(io.Discard, r.Body) }
