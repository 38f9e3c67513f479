package builtin

import (
	"sync"
	"time"

	"github.com/flyball-io/flyball/series"
)

// slotsPerWindow cuts the metric window into slots that are forgotten one at
// a time.
const slotsPerWindow = 10

// meter counts requests in a ring of slots: slotsPerWindow full ones and the
// one that is running.
//
//	|  0  |  1  | … |  9  | running ►  now
//	 oldest                             a sample covers all of them
//
// It is safe for concurrent use; every method holds the lock for well under a
// microsecond, so one lock serves tens of thousands of requests a second.
type meter struct {
	width     time.Duration
	threshold time.Duration // of a good request; 0: none

	mu        sync.Mutex // guards all below
	slots     [slotsPerWindow + 1]slot
	running   int       // index of the running slot
	used      int       // slots that hold something, the running one included
	start     time.Time // of the running slot
	now       time.Time // up to here busy is integrated
	inProcess int
	waiting   arrivals
}

// slot is what happened in one piece of the window.
type slot struct {
	arrived, ended, failed uint64
	judged, notGood        uint64        // those that ended or waited for too long
	busy                   time.Duration // request-seconds in progress
	latency                *series.Histogram
}

// outcome is how one request ended.
type outcome struct {
	latency time.Duration
	failed  bool      // 5xx, refused, timed out or broken off by us or the backend
	notGood bool      // failed, or over the threshold
	refused bool      // failed without waiting: its latency says nothing
	gaveUp  bool      // the client went away: counts only if it was over the threshold
	waited  *unjudged // nil: judged as it ends
}

func newMeter(window time.Duration, now time.Time) *meter {
	return &meter{width: window / slotsPerWindow, used: 1, start: now, now: now}
}

// arrive counts a request that begins.
func (m *meter) arrive(now time.Time) {
	m.mu.Lock()
	m.advance(now)
	m.slots[m.running].arrived++
	m.inProcess++
	m.mu.Unlock()
}

// answer counts the answer of a request that goes on: a stream.
func (m *meter) answer(now time.Time, o outcome) {
	m.mu.Lock()
	m.advance(now)
	m.count(o)
	m.mu.Unlock()
}

// leave counts a request as no longer in progress.
func (m *meter) leave(now time.Time) {
	m.mu.Lock()
	m.advance(now)
	m.inProcess--
	m.mu.Unlock()
}

// end counts the answer of a request and that it is over.
func (m *meter) end(now time.Time, o outcome) {
	m.mu.Lock()
	m.advance(now)
	m.count(o)
	m.inProcess--
	m.mu.Unlock()
}

// count counts an answer; the share of good ones has it already where it was
// awaited for too long.
func (m *meter) count(o outcome) {
	s, judged := &m.slots[m.running], o.waited != nil && o.waited.judged
	if o.waited != nil && !judged {
		m.waiting.remove(o.waited)
	}
	if o.gaveUp && !o.notGood && !judged {
		return
	}
	if !judged {
		s.judged++
		s.notGood += is(o.notGood)
	}
	s.count(o)
}

func is(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (s *slot) count(o outcome) {
	s.ended++
	if o.failed {
		s.failed++
	}
	if o.refused {
		return
	}
	if s.latency == nil {
		s.latency = &series.Histogram{}
	}
	s.latency.Add(o.latency.Seconds())
}

// advance moves time on to now; a time before the last one counts as that.
func (m *meter) advance(now time.Time) {
	if keep := m.width * time.Duration(len(m.slots)); now.Sub(m.start) > 2*keep {
		// A long silence: skip the slots that would be forgotten at once.
		skip := now.Sub(m.start) / m.width
		m.start = m.start.Add((skip - time.Duration(len(m.slots))) * m.width)
		m.now = m.start
	}
	for end := m.start.Add(m.width); !now.Before(end); end = end.Add(m.width) {
		m.integrate(end)
		m.start = end
		m.running = (m.running + 1) % len(m.slots)
		m.used = min(m.used+1, len(m.slots))
		m.slots[m.running].reset()
	}
	m.integrate(now)
}

func (m *meter) integrate(to time.Time) {
	if d := to.Sub(m.now); d > 0 {
		m.slots[m.running].busy += d * time.Duration(m.inProcess)
		m.now = to
		m.judge(to)
	}
}

func (s *slot) reset() {
	latency := s.latency
	if latency != nil {
		latency.Reset()
	}
	*s = slot{latency: latency}
}

// reading is what a meter saw over the covered time.
type reading struct {
	covered                time.Duration
	arrived, ended, failed uint64
	judged, notGood        uint64
	unjudged               bool // some wait that may become good or not
	busy                   time.Duration
	latency                *series.Histogram
}

// read sums the window up to now: between one window and one slot more, or
// the time since the meter began.
func (m *meter) read(now time.Time) reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	r := reading{latency: &series.Histogram{}, unjudged: m.waiting.first != nil}
	r.covered = m.now.Sub(m.start) + m.width*time.Duration(m.used-1)
	for i := range m.used {
		s := &m.slots[(m.running-i+len(m.slots))%len(m.slots)]
		r.arrived += s.arrived
		r.ended += s.ended
		r.failed += s.failed
		r.judged += s.judged
		r.notGood += s.notGood
		r.busy += s.busy
		if s.latency != nil {
			r.latency.Merge(s.latency)
		}
	}
	return r
}

// perSecond turns a count of the window into a rate; 0 before any time passed.
func (r reading) perSecond(n uint64) float64 {
	if r.covered <= 0 {
		return 0
	}
	return float64(n) / r.covered.Seconds()
}

// concurrency is the mean number of requests in progress.
func (r reading) concurrency() float64 {
	if r.covered <= 0 {
		return 0
	}
	return r.busy.Seconds() / r.covered.Seconds()
}

// violationRatio is the share of requests that were not good, 0 when none came.
// It is not known while there are some and none of them is judged.
func (r reading) violationRatio() (share float64, known bool) {
	if r.judged == 0 {
		return 0, r.arrived == 0 && !r.unjudged
	}
	return float64(r.notGood) / float64(r.judged), true
}

// current is the number of requests in progress.
func (m *meter) current() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inProcess
}
