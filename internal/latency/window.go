// Package latency turns what a balancer of somebody else counts (totals,
// buckets, lines of a log) into the measurements of a target: rates, requests
// in progress, the distribution of latencies, the share of requests that were
// not good. It is what these balancers have in common; the built-in one sees
// each request itself and counts in its own meter.
package latency

import (
	"sync"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// slotsPerWindow cuts the window into slots that are forgotten one at a time.
const slotsPerWindow = 10

// Counts is what happened in a piece of time.
type Counts struct {
	Arrived, Ended, Failed uint64
	// NotGood counts those of Ended that failed or took longer than the
	// threshold.
	NotGood uint64
	Busy    time.Duration     // request-seconds in progress
	Latency *series.Histogram // nil when none was measured
}

func (c *Counts) add(more Counts) {
	c.Arrived += more.Arrived
	c.Ended += more.Ended
	c.Failed += more.Failed
	c.NotGood += more.NotGood
	c.Busy += more.Busy
	if more.Latency != nil {
		if c.Latency == nil {
			c.Latency = &series.Histogram{}
		}
		c.Latency.Merge(more.Latency)
	}
}

// Window sums counts over the last width of time, in a ring of full slots and
// the one that is running. It is safe for concurrent use.
type Window struct {
	width time.Duration // of a slot

	mu      sync.Mutex // guards all below
	slots   [slotsPerWindow + 1]Counts
	running int
	used    int       // slots that hold something, the running one included
	start   time.Time // of the running slot
	now     time.Time // the newest time seen
}

// NewWindow returns a window that begins now.
func NewWindow(width time.Duration, now time.Time) *Window {
	return &Window{width: width / slotsPerWindow, used: 1, start: now, now: now}
}

// Add counts what happened until now; a time before the newest counts as that.
func (w *Window) Add(now time.Time, c Counts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	w.slots[w.running].add(c)
}

// Answered counts, beside c, an answer that took so many seconds.
func (w *Window) Answered(now time.Time, seconds float64, c Counts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	slot := &w.slots[w.running]
	slot.add(c)
	if slot.Latency == nil {
		slot.Latency = &series.Histogram{}
	}
	slot.Latency.Add(seconds)
}

func (w *Window) advance(now time.Time) {
	if now.Before(w.now) {
		return
	}
	w.now = now
	passed := int64(now.Sub(w.start) / w.width)
	w.start = w.start.Add(time.Duration(passed) * w.width)
	for range min(passed, int64(len(w.slots))) {
		w.running = (w.running + 1) % len(w.slots)
		w.used = min(w.used+1, len(w.slots))
		w.slots[w.running] = Counts{}
	}
}

// Read sums the window up to now: between one width and a slot more, or the
// time since it began.
func (w *Window) Read(now time.Time) Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	r := Reading{At: now, Covered: w.now.Sub(w.start) + w.width*time.Duration(w.used-1)}
	for i := range w.used {
		r.add(w.slots[(w.running-i+len(w.slots))%len(w.slots)])
	}
	return r
}

// Reading is what a window saw over the covered time.
type Reading struct {
	At      time.Time
	Covered time.Duration
	Counts
}

// Samples are the rates, the concurrency and, where there is one, the latency
// of a replica, or of the target (""). Rates are true zeros when nothing came;
// a latency without a request does not exist and is left out.
func (r Reading) Samples(replica string) []scale.Sample {
	out := []scale.Sample{
		r.Sample(scale.RequestRate, r.perSecond(float64(r.Arrived))),
		r.Sample(scale.ErrorRate, r.perSecond(float64(r.Failed))),
		r.Sample(scale.Concurrency, r.InProgress()),
	}
	if r.Latency != nil && r.Latency.Count() > 0 {
		s := r.Sample(scale.Latency, r.Latency.Quantile(0.95))
		s.Distribution = r.Latency
		out = append(out, s)
	}
	for i := range out {
		out[i].Replica = replica
	}
	return out
}

// InProgress is the mean number of requests in progress.
func (r Reading) InProgress() float64 { return r.perSecond(r.Busy.Seconds()) }

// Violations is the share of requests that were not good, 0 when none came. It
// is not known, and there is no sample, while those that came are all under way:
// a service that hangs answers nothing that could be bad.
func (r Reading) Violations() []scale.Sample {
	if r.Ended == 0 && r.Arrived > 0 {
		return nil
	}
	share := 0.0
	if r.Ended > 0 {
		share = float64(min(r.NotGood, r.Ended)) / float64(r.Ended)
	}
	return []scale.Sample{r.Sample(scale.ViolationRatio, share)}
}

// Sample is a measurement over the covered time.
func (r Reading) Sample(signal string, value float64) scale.Sample {
	return scale.Sample{Signal: signal, At: r.At, Window: r.Covered, Value: value}
}

func (r Reading) perSecond(n float64) float64 {
	if r.Covered <= 0 {
		return 0
	}
	return n / r.Covered.Seconds()
}
