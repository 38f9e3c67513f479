package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recentSeconds is how far back a Snapshot's latencies reach.
const recentSeconds = 5

// newHistogram returns a histogram of microseconds up to an hour, exact to
// three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Hour.Microseconds(), 3)
}

// record adds d, brought into the range of h.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(max(1, min(d.Microseconds(), h.HighestTrackableValue())))
}

// distribution is a histogram with an exact mean.
type distribution struct {
	*hdrhistogram.Histogram
	sum time.Duration
}

func (d *distribution) add(v time.Duration) {
	record(d.Histogram, v)
	d.sum += v
}

// tally counts what became of requests.
type tally struct {
	requests   int64 // that had an outcome, dropped ones included
	failed     int64 // of these, not answered as they should be
	violations int64 // of these, failed or over the threshold
	bytes      int64
	errors     map[string]int64
	latency    distribution // answered, or timed out
	firstByte  distribution
}

func newTally() *tally {
	return &tally{
		errors:    map[string]int64{},
		latency:   distribution{Histogram: newHistogram()},
		firstByte: distribution{Histogram: newHistogram()},
	}
}

// add counts o. A 4xx is counted as an error but is not a failure: the service
// did answer. The latency histogram holds what was answered in full and what
// timed out; a refused request is quick, but not good.
func (t *tally) add(o outcome, threshold time.Duration) {
	failure := failureOf(o)
	failed := o.failure != "" || o.status >= 500
	t.requests++
	t.bytes += o.bytes
	if failure != "" {
		t.errors[failure]++
	}
	if failed {
		t.failed++
	}
	if failed || (threshold > 0 && o.latency > threshold) {
		t.violations++
	}
	if o.failure == "" || o.failure == errTimeout {
		t.latency.add(o.latency)
	}
	if o.firstByte > 0 {
		t.firstByte.add(o.firstByte)
	}
}

// recorder gathers what the senders saw.
type recorder struct {
	threshold time.Duration

	mu        sync.Mutex // guards all below
	all       *tally
	kinds     []*tally // per kind of request; empty when there is only one
	lag       *hdrhistogram.Histogram
	intended  int64
	sent      int64
	dropped   int64
	abandoned int64
	resent    int64
	lastSent  time.Time
	recent    [recentSeconds]*hdrhistogram.Histogram // a ring of seconds
	second    int
}

func newRecorder(kinds int, threshold time.Duration) *recorder {
	r := &recorder{threshold: threshold, all: newTally(), lag: newHistogram()}
	for i := range r.recent {
		r.recent[i] = newHistogram()
	}
	if kinds > 1 {
		for range kinds {
			r.kinds = append(r.kinds, newTally())
		}
	}
	return r
}

// due counts a request whose instant has come.
func (r *recorder) due() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intended++
}

// drop counts a request that was due but not sent.
func (r *recorder) drop(kind int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped++
	r.tally(outcome{kind: kind, failure: errDropped})
}

// done counts a request that was sent.
func (r *recorder) done(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	r.resent += int64(o.resent)
	record(r.lag, o.lag)
	if sent := o.intended.Add(o.lag); sent.After(r.lastSent) {
		r.lastSent = sent
	}
	if o.failure == abandoned {
		r.abandoned++
		return
	}
	if o.failure == "" || o.failure == errTimeout {
		record(r.recent[r.second], o.latency)
	}
	r.tally(o)
}

// tally must be called with mu held.
func (r *recorder) tally(o outcome) {
	r.all.add(o, r.threshold)
	if len(r.kinds) > 0 {
		r.kinds[o.kind].add(o, r.threshold)
	}
}
