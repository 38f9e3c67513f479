package haproxy

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/scale"
)

// Signals names what HAProxy measures of a target.
func Signals() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, scale.RequestRate, scale.ViolationRatio}
}

// Signals names what Collect delivers.
func (*Plane) Signals() []string { return Signals() }

// tally is what HAProxy counted over the metric window.
type tally struct {
	window *latency.Window
	blind  error // why there is no distribution
}

// note adds what was counted since the last look. The caller holds the lock.
func (t *tally) note(p *Plane, seen snapshot) {
	if (t.blind == nil) != (seen.noHist == nil) && seen.noHist != nil {
		p.log.Warn("no latency of HAProxy: its configuration does not count it", slog.String("backend", p.cfg.Backend), slog.Any("error", seen.noHist))
	}
	t.blind = seen.noHist
	if p.last.pid == 0 { // the first look: only a beginning
		return
	}
	total := seen.total.since(p.last.total)
	c := latency.Counts{Arrived: total.arrived, Ended: total.answered, Failed: total.failed, Busy: busy(p.last, seen)}
	if seen.noHist == nil {
		b := seen.hist.since(p.last.hist)
		c.Latency = b.histogram(p.edges)
		if p.cfg.Threshold > 0 {
			// Slow answers of 5xx are in both and count once.
			c.NotGood = b.above(p.edges, p.cfg.Threshold) - min(b.slowFail, b.above(p.edges, p.cfg.Threshold))
		}
	}
	c.NotGood += total.failed
	t.window.Add(seen.at, c)
}

// busy takes the requests in progress to have changed evenly between two looks.
func busy(before, now snapshot) time.Duration {
	between := max(0, now.at.Sub(before.at))
	return between * time.Duration(before.total.inProgress+now.total.inProgress) / 2
}

// Collect looks at HAProxy and returns what it measured over the metric
// window, for the target and for each replica; of a replica there is no
// latency.
func (p *Plane) Collect(ctx context.Context) ([]scale.Sample, error) {
	if err := p.measure(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.last.at
	r := p.tally.window.Read(now)
	samples := r.Samples("")
	if p.tally.blind == nil || p.cfg.Threshold == 0 {
		samples = append(samples, r.Violations()...)
	}
	for _, id := range slices.Sorted(maps.Keys(p.known)) {
		samples = append(samples, p.known[id].window.Read(now).Samples(id)...)
	}
	return samples, nil
}

// measure looks anew. What else is wrong, a slot that is missing, does not
// make what was measured wrong.
func (p *Plane) measure(ctx context.Context) error {
	p.mu.Lock()
	before := p.last.at
	p.mu.Unlock()
	err := p.sync(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !p.last.at.After(before) {
		return cmp.Or(ctx.Err(), err)
	}
	return nil
}
