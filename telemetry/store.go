package telemetry

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/record"
)

// Store measures what is written to a record.
func (m *Metrics) Store(s record.Store) record.Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.record.kept = true
	return &measured{s, m}
}

type measured struct {
	record.Store
	metrics *Metrics
}

// Write writes and counts.
func (s *measured) Write(ctx context.Context, b record.Batch) error {
	m := s.metrics
	begun := m.opts.Clock.Now()
	err := s.Store.Write(ctx, b)
	m.observe(RecordWriteSeconds, m.opts.Clock.Now().Sub(begun))
	if err != nil {
		m.counter(RecordWritesTotal, failed).Inc()
		return err
	}
	m.counter(RecordWritesTotal, fine).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range b.Entries {
		if e.Decided != nil {
			m.record.write(e.At)
		}
	}
	return nil
}

// progress is how far the record is behind the decisions.
type progress struct {
	kept    bool      // whether there is a record
	heard   time.Time // of the newest decision
	written time.Time // of the newest decision in the record
	since   time.Time // of the oldest decision that is not in the record
}

func (p *progress) hear(at time.Time) {
	if at.After(p.heard) {
		p.heard = at
	}
	if p.since.IsZero() && at.After(p.written) {
		p.since = at
	}
}

func (p *progress) write(at time.Time) {
	if at.After(p.written) {
		p.written = at
	}
	switch {
	case !p.written.Before(p.heard):
		p.since = time.Time{}
	case p.since.Before(p.written) && !p.since.IsZero():
		p.since = p.written
	}
}

func (p *progress) lag(now time.Time) time.Duration {
	if p.since.IsZero() {
		return 0
	}
	return max(0, now.Sub(p.since))
}
