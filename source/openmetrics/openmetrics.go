// Package openmetrics is a source that reads the metrics which the replicas
// themselves show, as text in the format of Prometheus or OpenMetrics, and
// makes one value of them. Where a replica cannot be read there is no total
// rather than one that is too small.
package openmetrics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

const (
	atOnce      = 16          // replicas that are read at the same time
	shownFaults = 5           // of replicas, in one message
	minInterval = time.Second // between two readings
)

// Source reads one metric of all replicas of a target.
type Source struct {
	signal   string
	cfg      Config
	wanted   wanted
	interval time.Duration
	clock    clock.Clock
	client   *webclient.Client
	replicas func(context.Context) ([]scale.Replica, error)

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	samples []scale.Sample
	fault   error
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Runner = (*Source)(nil)
)

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	match, err := cfg.matchers()
	if err != nil {
		return nil, err
	}
	w := wanted{name: cfg.Metric, match: match, counter: cfg.As != Gauge, buckets: cfg.As == Quantile}
	if w.buckets {
		w.name += "_bucket"
	}
	return &Source{
		signal: signal, cfg: cfg, wanted: w, interval: max(env.Interval, minInterval), clock: env.Clock, replicas: env.Replicas,
		client: webclient.New(webclient.Options{Client: calls.OpenMetrics, Auth: cfg.Auth, Timeout: cfg.Timeout.Std(), MaxBytes: cfg.MaxBytes, Direct: true}),
	}, nil
}

// Signals names the one signal, of each replica and of the target.
func (s *Source) Signals() []string { return []string{s.signal} }

// Collect returns what was measured at the last reading of the replicas; what
// could not be is in the error.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	samples := slices.Clone(s.samples) // the caller may do with it what it likes
	if s.fault != nil {
		return samples, fmt.Errorf("openmetrics: signal %s: %w", s.signal, s.fault)
	}
	return samples, nil
}

// Run reads the replicas once per interval until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	defer s.client.Close()
	if s.replicas == nil {
		return errors.New("openmetrics: nobody knows the replicas of this target")
	}
	ticker := s.clock.NewTicker(s.interval)
	defer ticker.Stop()
	var last round
	for {
		last = s.look(ctx, last)
		if ctx.Err() != nil {
			return nil // what was being read is not to blame for the end
		}
		samples, fault := s.report(last)
		s.mu.Lock()
		s.samples, s.fault = samples, fault
		s.mu.Unlock()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round is one reading of all replicas.
type round struct {
	began    time.Time
	fault    error // the replicas are not known
	replicas []scale.Replica
	readings map[string]reading // by replica
	values   map[string]measured
	errs     map[string]error // of the replicas without value
}

// look reads every replica that runs and measures it against its reading of
// the round before.
func (s *Source) look(ctx context.Context, last round) round {
	now := round{began: s.clock.Now(), readings: map[string]reading{}, values: map[string]measured{}, errs: map[string]error{}}
	all, err := s.replicas(ctx)
	if err != nil {
		now.fault = fmt.Errorf("replicas: %w", err)
		now.readings = last.readings // to go on from once they are known again
		return now
	}
	for _, r := range all {
		if r.Phase == scale.Running && r.Address != "" {
			now.replicas = append(now.replicas, r)
		}
	}
	readings, errs := make([]reading, len(now.replicas)), make([]error, len(now.replicas))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, r := range now.replicas {
		g.Go(func() error {
			readings[i], errs[i] = s.scrape(ctx, r)
			return nil
		})
	}
	_ = g.Wait() // no error is returned: each belongs to its replica
	for i, r := range now.replicas {
		now.take(s.cfg, r, readings[i], errs[i], last)
	}
	return now
}

// take adds what was read of a replica. Its counters grow from the reading
// before; those of a replica that has started since the last round, from 0.
func (n *round) take(cfg Config, r scale.Replica, read reading, err error, last round) {
	before := last.readings[r.ID]
	if !last.began.IsZero() && r.StartedAt.After(last.began) {
		before = reading{at: r.StartedAt, values: map[string]value{}}
	}
	if err != nil {
		n.readings[r.ID], n.errs[r.ID] = before, err // the next rate is over a longer time
		return
	}
	n.readings[r.ID] = read
	n.values[r.ID], n.errs[r.ID] = cfg.measure(before, read)
}

// report makes samples of a round: of each replica that has a value, and of
// the target, which is those that take work.
func (s *Source) report(now round) ([]scale.Sample, error) {
	if now.fault != nil {
		return nil, now.fault
	}
	var samples []scale.Sample
	var working []measured
	var faults []string
	complete := true
	for _, r := range now.replicas {
		m, err := now.values[r.ID], now.errs[r.ID]
		if err == nil {
			samples = append(samples, s.sample(r.ID, m))
		}
		if !r.TakesWork() {
			continue
		}
		switch {
		case err == nil, errors.Is(err, errIdle):
			working = append(working, m)
		case errors.Is(err, errTooEarly):
			complete = false
		default:
			faults = append(faults, fmt.Sprintf("replica %s: %v", r.ID, err))
		}
	}
	missing := inWords(faults)
	if s.cfg.Missing == Ignore && len(working) > 0 {
		missing = nil
	}
	if len(working) == 0 || !complete || missing != nil {
		return samples, missing
	}
	total, err := s.cfg.total(working)
	switch {
	case errors.Is(err, errIdle):
		return samples, nil
	case err != nil:
		return samples, err
	}
	return append(samples, s.sample("", total)), nil
}

func (s *Source) sample(replica string, m measured) scale.Sample {
	return scale.Sample{Signal: s.signal, Replica: replica, At: m.at, Window: m.window, Value: m.value, Distribution: m.distribution()}
}

// inWords is what is wrong with how many replicas; nil when nothing is.
func inWords(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	more := ""
	if n := len(faults) - shownFaults; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
		faults = faults[:shownFaults]
	}
	return fmt.Errorf("no value for the target: %s%s", strings.Join(faults, "; "), more)
}
