package traefik

import (
	"context"
	"math"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// OpenConnections is how many connections clients have to the entry points of
// the route, used or not.
const OpenConnections = "openConnections"

// Signals names what Traefik measures of a target.
func Signals() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, OpenConnections, scale.RequestRate, scale.ViolationRatio}
}

// Signals names what Collect delivers.
func (*Plane) Signals() []string { return Signals() }

// tally is what Traefik counted over the metric window.
type tally struct {
	window *latency.Window
	last   snapshot
}

func newTally(cfg Config, now time.Time) tally {
	return tally{window: latency.NewWindow(cfg.MetricWindow.Std(), now)}
}

// look reads the metrics and counts what came since the last time.
func (p *Plane) look(ctx context.Context) error {
	select {
	case p.looking <- struct{}{}:
		defer func() { <-p.looking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now, err := p.readMetrics(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.note(now, p.cfg.Threshold)
	for _, b := range p.known {
		switch {
		case b.draining:
		case now.down[urlOf(b.Backend)]:
			b.State = balancer.Unhealthy
		default:
			b.State = balancer.Active
		}
	}
	return nil
}

// note counts what came since the last look; the first is only a beginning.
func (t *tally) note(now snapshot, threshold scale.Duration) {
	before := t.last
	if t.last = now; before.at.IsZero() {
		return
	}
	if before.started != now.started {
		before.counted = counted{} // Traefik was started anew
	}
	t.window.Add(now.at, now.counted.since(before.counted).counts(threshold))
}

// counts are those of a piece of time. A client that went away within the
// threshold is nobody's failure and has no latency; one that did later was
// answered too slowly.
func (c counted) counts(threshold scale.Duration) latency.Counts {
	slow := [outcomes]float64{}
	h := &series.Histogram{}
	for how := range outcomes {
		for _, b := range c.buckets(how) {
			above := 0.0
			if threshold > 0 {
				above = b.n * b.above(threshold.Std().Seconds())
			}
			if slow[how] += above; how == gone {
				b.n = above
			}
			latency.Spread(h, b.low, b.high, whole(b.n))
		}
	}
	out := latency.Counts{
		Ended:   whole(c.requests[answered]) + whole(c.requests[failed]) + whole(slow[gone]),
		Failed:  whole(c.requests[failed]),
		NotGood: whole(slow[answered]) + whole(c.requests[failed]) + whole(slow[gone]),
		Busy:    time.Duration(min(c.seconds, 1e9) * float64(time.Second)),
		Latency: h,
	}
	for _, n := range c.requests {
		out.Arrived += whole(n)
	}
	return out
}

// above is the share of a bucket above a time: the shipped traefik.yml has a
// bound there, and then it is none or all.
func (b bucket) above(seconds float64) float64 {
	const rounding = 1e-9 // bounds are written in decimals
	switch {
	case b.low >= seconds*(1-rounding):
		return 1
	case b.high <= seconds*(1+rounding):
		return 0
	}
	return (b.high - seconds) / (b.high - b.low)
}

func whole(n float64) uint64 { return uint64(math.Round(max(0, n))) }

// Collect looks at Traefik and returns what it measured over the metric window
// for the target. Of a replica there is nothing.
func (p *Plane) Collect(ctx context.Context) ([]scale.Sample, error) {
	if err := p.look(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.tally.window.Read(p.tally.last.at)
	open := scale.Sample{Signal: OpenConnections, At: p.tally.last.at, Value: p.tally.last.open}
	return append(append(r.Samples(""), r.Violations()...), open), nil
}
