// Package probe is a source that asks an address again and again and measures
// how long the answers take and how many are good. It sees a service as its
// users do, also where nothing else measures it.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// What follows the name of the signal, which itself is the 95th percentile.
const (
	Average      = "Average"
	P50          = "P50"
	SuccessRatio = "SuccessRatio"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// Source probes one address.
type Source struct {
	signal string
	cfg    Config
	clock  clock.Clock
	client *webclient.Client
	ask    func(context.Context) error // nil: a good answer

	mu     sync.Mutex // guards what follows; nobody does I/O under it
	window window
	fault  error // why nothing can be asked at all
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Runner = (*Source)(nil)
	_ source.Paced  = (*Source)(nil)
)

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{signal: signal, cfg: cfg, clock: env.Clock, window: window{size: cfg.Samples},
		client: webclient.New(webclient.Options{Client: calls.Probe, Auth: cfg.Auth, Timeout: cfg.Timeout.Std(), MaxBytes: maxAnswer, Direct: true, Fresh: cfg.FreshConnection})}
	s.ask = s.request
	return s, nil
}

// Signals names the percentile and what comes with it.
func (s *Source) Signals() []string {
	return []string{s.signal, s.signal + Average, s.signal + P50, s.signal + SuccessRatio}
}

// Interval is the time between two probes.
func (s *Source) Interval() time.Duration { return s.cfg.Interval.Std() }

// Collect returns what the newest probes say; nothing while they are few. The
// error says why, when none of them succeeded.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, fmt.Errorf("probe: signal %s: %w", s.signal, s.fault)
	}
	samples, err := s.window.samples(s.signal, s.cfg.Timeout.Std())
	if err != nil {
		err = fmt.Errorf("probe: signal %s: none of the last %d probes succeeded: %w", s.signal, len(s.window.outcomes), err)
	}
	return samples, err
}

// Run probes until ctx is done. A probe starts when it is due, whether or not
// those before it have an answer: else a service that hangs for a while would
// be asked less often just then, and look better than it is.
func (s *Source) Run(ctx context.Context) error {
	defer s.client.Close()
	ticker := s.clock.NewTicker(s.cfg.Interval.Std())
	defer ticker.Stop()
	var probes sync.WaitGroup
	defer probes.Wait()
	for {
		probes.Go(func() { s.probe(ctx) })
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// probe asks once and keeps the outcome.
func (s *Source) probe(ctx context.Context) {
	o := outcome{began: s.clock.Now()}
	o.err = s.ask(ctx)
	o.ended = s.clock.Now()
	if ctx.Err() != nil {
		return // it was broken off, and not by the service
	}
	o.slow = isSlow(o.err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(o.err, webclient.ErrSetup) {
		s.fault = o.err
		return
	}
	s.fault = nil
	s.window.add(o)
}

// isSlow reports whether somebody was asked and did not answer in time. A name
// that cannot be resolved says nothing of how fast the service is.
func isSlow(err error) bool {
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return false
	case errors.Is(err, context.DeadlineExceeded):
		return true
	default:
		return errors.As(err, &timeout) && timeout.Timeout()
	}
}

func (s *Source) request(ctx context.Context) error {
	r, err := http.NewRequest(s.cfg.Method, s.cfg.URL, nil)
	if err != nil {
		return errors.New("url: is no address")
	}
	r.Header.Set("User-Agent", "flyball-probe")
	answer, err := s.client.Do(ctx, r)
	if err != nil {
		return err
	}
	if err := s.cfg.good(answer); err != nil {
		return fmt.Errorf("%s %s: %w", r.Method, webclient.Place(r.URL), err)
	}
	return nil
}
