package load

import (
	"maps"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// Snapshot is how a run is doing.
type Snapshot struct {
	Elapsed      time.Duration    `json:"elapsed"`
	IntendedRate float64          `json:"intended_rate"` // requests/s since the last snapshot
	AchievedRate float64          `json:"achieved_rate"` // sent, requests/s since the last snapshot
	InFlight     int              `json:"in_flight"`
	Requests     int64            `json:"requests"` // with an outcome, since the start
	Failed       int64            `json:"failed"`   // of these
	Violations   int64            `json:"violations"`
	Errors       map[string]int64 `json:"errors"`
	// Latencies of the last five seconds, 0 when nothing was answered.
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
}

// progress turns the recorder's counts into snapshots, one a second.
type progress struct {
	shape    workload.Shape
	recorder *recorder
	before   counts
}

// counts are what a rate is computed from.
type counts struct {
	elapsed  time.Duration
	expected float64
	sent     int64
}

// snapshot says what happened since the last one and opens a new second.
func (p *progress) snapshot(elapsed time.Duration, inFlight int) Snapshot {
	r := p.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	// Those under way were sent, too.
	now := counts{elapsed: elapsed, expected: p.shape.Expected(elapsed), sent: r.intended - r.dropped}
	interval := (now.elapsed - p.before.elapsed).Seconds()
	recent := newHistogram()
	for _, h := range r.recent {
		recent.Merge(h)
	}
	s := Snapshot{
		Elapsed:    elapsed,
		InFlight:   inFlight,
		Requests:   r.all.requests,
		Failed:     r.all.failed,
		Violations: r.all.violations,
		Errors:     maps.Clone(r.all.errors),
		P50:        at(recent, 50),
		P95:        at(recent, 95),
		P99:        at(recent, 99),
	}
	if interval > 0 {
		s.IntendedRate = (now.expected - p.before.expected) / interval
		s.AchievedRate = float64(now.sent-p.before.sent) / interval
	}
	p.before = now
	r.second = (r.second + 1) % recentSeconds
	r.recent[r.second].Reset()
	return s
}
