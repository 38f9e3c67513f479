package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// firstAnswer is how long the first reports wait for a source that has just
// been started: the first decision should know what it measures. A monitor
// gives each source a second at least.
const firstAnswer = 800 * time.Millisecond

var errNoAnswer = errors.New("has not answered yet")

// polled asks a source at an interval of its own, and delivers what it said
// last: a slow source delays no report, and no server is asked with every one.
//
//	reports   | . . . . . . . . . .   take what is there
//	Run       |[ask ]     [ask ]      one at a time
//
// The samples keep their dates, so what comes no more grows stale by itself.
type polled struct {
	source.Source
	every    time.Duration
	clock    clock.Clock
	answered chan struct{} // closed once the first measurement has ended

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	samples []scale.Sample
	fault   error     // why the newest measurement failed
	waits   time.Time // until when the first answer is waited for
}

var _ source.Runner = (*polled)(nil)

func newPolled(src source.Source, every time.Duration, clk clock.Clock) *polled {
	return &polled{Source: src, every: max(every, time.Millisecond), clock: clk, answered: make(chan struct{}), fault: errNoAnswer}
}

// Run asks until ctx is done. What is due while an answer is awaited is asked
// once that has come.
func (p *polled) Run(ctx context.Context) error {
	ticker := p.clock.NewTicker(p.every)
	defer ticker.Stop()
	p.look(ctx)
	close(p.answered)
	for {
		select {
		case <-ticker.C:
			p.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks once. A failure leaves the samples as they are.
func (p *polled) look(ctx context.Context) {
	call, cancel := context.WithTimeoutCause(ctx, source.Patience, source.ErrPatience)
	defer cancel()
	samples, err := p.Source.Collect(call)
	if ctx.Err() != nil {
		return // the end is no fault of the source
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = err
	if len(samples) > 0 {
		p.samples = samples
	}
}

// Collect returns what was measured last, and why there is nothing newer.
func (p *polled) Collect(ctx context.Context) ([]scale.Sample, error) {
	p.awaitFirst(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]scale.Sample(nil), p.samples...), p.fault // the caller may do with it what it likes
}

// awaitFirst waits for the first answer, for a moment in all.
func (p *polled) awaitFirst(ctx context.Context) {
	now := p.clock.Now()
	p.mu.Lock()
	if p.waits.IsZero() {
		p.waits = now.Add(firstAnswer)
	}
	left := p.waits.Sub(now)
	p.mu.Unlock()
	if left <= 0 {
		return
	}
	select {
	case <-p.answered:
	case <-p.clock.After(left):
	case <-ctx.Done():
	}
}
