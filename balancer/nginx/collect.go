package nginx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/scale"
)

// Signals names what nginx measures of a target.
func Signals() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, scale.RequestRate, scale.ViolationRatio}
}

// Signals names what Collect delivers.
func (*Plane) Signals() []string { return Signals() }

// Collect returns what the log and stub_status said over the metric window,
// for the target and for each replica. A log that is silent because nginx is
// gone says nothing: that is an error.
func (p *Plane) Collect(ctx context.Context) ([]scale.Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := p.master(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reading {
		return nil, errors.New("nginx's log is not read yet")
	}
	now := p.clk.Now()
	r, lost := p.total.Read(now), 1.0
	if p.cfg.Status != "" {
		if p.status.fault != nil {
			return nil, fmt.Errorf("stub_status: %w", p.status.fault)
		}
		r, lost = p.status.complete(r)
	}
	samples := append(r.Samples(""), r.Violations()...)
	for _, id := range slices.Sorted(maps.Keys(p.known)) {
		samples = append(samples, scaled(p.known[id].window.Read(now), lost).Samples(id)...)
	}
	return samples, nil
}

// complete replaces what stub_status knows better, and makes up for lines of
// the log that were lost: those that came stand for all, so each counts as
// often as requests ended per line.
func (t *statusTally) complete(r latency.Reading) (latency.Reading, float64) {
	seen := t.window.Read(r.At)
	lost := 1.0
	if r.Arrived > 0 && seen.Ended > r.Arrived {
		lost = float64(seen.Ended) / float64(r.Arrived)
	}
	r = scaled(r, lost)
	r.Arrived, r.Busy = seen.Arrived, seen.Busy
	return r, lost
}

// scaled counts each request so many times; shares and distribution stay.
func scaled(r latency.Reading, times float64) latency.Reading {
	for _, n := range []*uint64{&r.Arrived, &r.Ended, &r.Failed, &r.NotGood} {
		*n = uint64(float64(*n)*times + 0.5)
	}
	r.Busy = time.Duration(float64(r.Busy) * times)
	return r
}
