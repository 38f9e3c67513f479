package load

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// bodyBuffer is how much of an answer a sender reads at once.
const bodyBuffer = 8 << 10

// Run sends the workload that o describes and returns once its time is up and
// every request has had its outcome. When ctx ends first, requests under way
// are cut off and the result covers what was done until then, marked
// Interrupted. The error is of o alone: nothing was sent then.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	realTime := o.Clock == nil
	o = o.withDefaults()
	requests, err := newMix(o.Requests, o.URL, o.Seed)
	if err != nil {
		return Result{}, err
	}
	if o.Transport == nil {
		transport := newTransport(o.MaxInFlight)
		defer transport.CloseIdleConnections()
		o.Transport = transport
	}
	r := &run{
		Options:  o,
		mix:      requests,
		arrivals: workload.NewArrivals(o.Shape, o.Arrivals, o.Seed),
		recorder: newRecorder(len(requests.kinds), o.Threshold),
		jobs:     make(chan job),
		start:    o.Clock.Now(),
	}
	if realTime && longestNap > 0 {
		r.nap, r.spare = longestNap, int64(runtime.GOMAXPROCS(0))
	}
	return r.run(ctx), nil
}

// run is one run under way.
//
//	arrivals ─► schedule ─► jobs ─► senders (as many as are in flight) ─► recorder
type run struct {
	Options
	mix      *mix
	arrivals *workload.Arrivals
	recorder *recorder
	jobs     chan job
	start    time.Time
	nap      time.Duration // the end of a wait that is slept through exactly; 0 = none
	spare    int64         // requests in flight below which it may be

	senders  sync.WaitGroup
	started  int // senders, all of which live to the end
	inFlight atomic.Int64
}

// job is one request to be sent.
type job struct {
	intended time.Time
	kind     int
}

func (r *run) run(ctx context.Context) Result {
	over := make(chan struct{})
	var reporter sync.WaitGroup
	if r.OnProgress != nil {
		reporter.Go(func() { r.report(over) })
	}
	r.schedule(ctx)
	scheduled := r.elapsed()
	close(r.jobs)
	r.senders.Wait()
	close(over)
	reporter.Wait()
	return r.result(ctx, scheduled)
}

func (r *run) elapsed() time.Duration { return r.Clock.Now().Sub(r.start) }

// schedule hands out requests at their instants until the shape or ctx ends.
// It waits for the next instant only, so that what is already due goes out at
// once.
func (r *run) schedule(ctx context.Context) {
	for {
		at, ok := r.arrivals.Next()
		if !ok {
			if end := r.Shape.Duration(); end > 0 {
				r.wait(ctx, end)
			}
			return
		}
		if !r.wait(ctx, at) {
			r.countMissed(at)
			return
		}
		r.recorder.due()
		r.dispatch(ctx, job{intended: r.start.Add(at), kind: r.mix.pick()})
	}
}

// wait returns true once the instant at has come, and false when ctx ends. The
// last bit is slept through exactly, but only while few requests are in flight:
// a nap keeps a processor from them.
func (r *run) wait(ctx context.Context, at time.Duration) bool {
	if left := at - r.elapsed() - r.nap; left > 0 && !r.sleep(ctx, left) {
		return false
	}
	left := at - r.elapsed()
	switch {
	case left <= 0:
		return ctx.Err() == nil
	case r.inFlight.Load() < r.spare:
		nap(left)
		return ctx.Err() == nil
	default:
		return r.sleep(ctx, left)
	}
}

// sleep returns true after d, and false when ctx ends.
func (r *run) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-r.Clock.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// countMissed counts the arrivals from at on that were due when the run was
// interrupted, but had not been handed out.
func (r *run) countMissed(at time.Duration) {
	until := r.elapsed()
	for ok := true; ok && at <= until; at, ok = r.arrivals.Next() {
		r.recorder.due()
	}
}

// dispatch gives j to a sender that is free, or to a new one; when there are
// as many as may be, it is dropped.
func (r *run) dispatch(ctx context.Context, j job) {
	r.inFlight.Add(1)
	select {
	case r.jobs <- j:
		return
	default:
	}
	if r.started >= r.MaxInFlight {
		r.inFlight.Add(-1)
		r.recorder.drop(j.kind)
		return
	}
	r.started++
	r.senders.Go(func() { r.sendAll(ctx, j) })
}

// sendAll sends first, and then whatever else it is given.
func (r *run) sendAll(ctx context.Context, first job) {
	s := &sender{transport: r.Transport, clock: r.Clock, timeout: r.Timeout, buf: make([]byte, bodyBuffer)}
	ctx = s.traced(ctx)
	send := func(j job) {
		defer r.inFlight.Add(-1)
		o := s.send(ctx, r.mix.kinds[j.kind], j.intended)
		o.kind = j.kind
		r.recorder.done(o)
	}
	send(first)
	for j := range r.jobs {
		send(j)
	}
}

// report calls OnProgress every second until the run is over.
func (r *run) report(over <-chan struct{}) {
	ticker := r.Clock.NewTicker(time.Second)
	defer ticker.Stop()
	p := &progress{shape: r.Shape, recorder: r.recorder}
	for {
		select {
		case <-ticker.C:
			r.OnProgress(p.snapshot(r.elapsed(), int(r.inFlight.Load())))
		case <-over:
			return
		}
	}
}
