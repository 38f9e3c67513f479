// Package prometheus is a source that asks a Prometheus server, or one that
// speaks its API, for one number. The number is dated with when its inputs
// were measured, not with when the server was asked: an exporter that died
// four minutes ago still has a value then, and that value is four minutes old.
package prometheus

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// sameClock is how far the server's clock may be off without being reckoned
// with.
const sameClock = time.Second

// Source asks for one signal. It keeps nothing between two looks.
type Source struct {
	signal string
	cfg    Config
	plan   plan
	clock  clock.Clock
	api    api
}

var (
	_ source.Source      = (*Source)(nil)
	_ source.Independent = (*Source)(nil)
)

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	query := cfg.Query
	if cfg.Preset != nil {
		query = cfg.Preset.query()
	}
	p, err := planOf(query, cfg.NewestQuery)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	api := newAPI(cfg.Server, cfg.Tenant, cfg.Timeout.Std(), webclient.Options{Auth: cfg.Auth, MaxBytes: maxAnswer})
	return &Source{signal: signal, cfg: cfg, plan: p, clock: env.Clock, api: api}, nil
}

// Signals names the one signal.
func (s *Source) Signals() []string { return []string{s.signal} }

// Independent reports whether the server may have a value while there is no
// replica. It knows what a query asks for only of the ready-made ones: those of
// containers and pods have none then.
func (s *Source) Independent() bool {
	return s.cfg.Preset == nil || !strings.HasPrefix(s.cfg.Preset.Name, "cadvisor") && !strings.HasPrefix(s.cfg.Preset.Name, "kube")
}

// Collect asks for the value of now and, with a range, for those before it.
// These come first and are valid also beside an error.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	began := s.clock.Now()
	now, err := s.now(ctx)
	if err != nil {
		return nil, fmt.Errorf("prometheus: signal %s: %w", s.signal, err)
	}
	var past []dated
	var failed error
	if s.cfg.Range > 0 {
		if past, failed = s.past(ctx, now.asked); failed != nil {
			failed = fmt.Errorf("prometheus: signal %s: range: %w", s.signal, failed)
		}
	}
	ahead := s.ahead(began, now.asked)
	var samples []scale.Sample
	for _, d := range append(past, now) {
		at := d.measured.Add(-ahead)
		if n := len(samples); n > 0 && !at.After(samples[n-1].At) {
			samples = samples[:n-1] // the same measurement, seen again a step later
		}
		samples = append(samples, scale.Sample{Signal: s.signal, At: at, Window: s.plan.window, Value: d.value})
	}
	return samples, failed
}

// ahead is how far the server's clock is ahead of ours, which dates samples;
// 0 where the difference may be the time that the answer took.
func (s *Source) ahead(began, asked time.Time) time.Duration {
	ended := s.clock.Now()
	switch {
	case asked.Before(began.Add(-sameClock)):
		return asked.Sub(began)
	case asked.After(ended.Add(sameClock)):
		return asked.Sub(ended)
	default:
		return 0
	}
}

// dated is a value with when the server was asked, and when it was measured.
type dated struct {
	value           float64
	asked, measured time.Time
}

// now asks for the value and then, at the same instant of the server, for when
// it was measured.
func (s *Source) now(ctx context.Context) (dated, error) {
	a, err := s.api.ask(ctx, "query", s.plan.query, nil)
	if err != nil {
		return dated{}, err
	}
	value, err := a.single()
	if err != nil {
		return dated{}, err
	}
	d := dated{value: value.value, asked: value.at, measured: value.at}
	if s.plan.newest == "" {
		return d, nil
	}
	a, err = s.api.ask(ctx, "query", s.plan.newest, url.Values{"time": {unix(value.at)}})
	if err != nil {
		return dated{}, fmt.Errorf("ask for the time of the measurement: %w", err)
	}
	if d.measured, err = s.plan.measured(a, value.at); err != nil {
		return dated{}, err
	}
	return d, nil
}
