package clock

import (
	"sync"
	"time"
)

// Fast is a clock that runs a number of times faster than the machine's, from
// an instant of its own on: that of a simulation. Fast clocks leave slow work
// behind, so it stands still while somebody holds it, and never runs further
// ahead of a [Lead] than that allows: a machine that is too busy slows time
// down instead of missing what should have been done meanwhile.
//
//	machine   0 s ──── 1 s ── held ──── 2 s ──── 3 s
//	speed 60  0 min ── 1 min ────────── 1 min ── 2 min
type Fast struct {
	speed float64
	start time.Time
	began time.Time // by the machine's clock

	mu    sync.Mutex    // guards what follows
	holds int           // how many hold it
	since time.Time     // when the first of them began to
	stood time.Duration // how long it stood still before
	leads map[*Lead]struct{}
}

// Lead keeps a clock from running away from somebody who follows it.
type Lead struct {
	clock *Fast
	most  time.Duration
	seen  time.Time // when the clock was followed last
}

var _ Clock = (*Fast)(nil)

// NewFast returns a clock that shows start now. Speed must be above 0.
func NewFast(start time.Time, speed float64) *Fast {
	return &Fast{speed: speed, start: start.Round(0), began: time.Now(), leads: map[*Lead]struct{}{}}
}

// Speed is how many times faster than the machine's clock it runs.
func (f *Fast) Speed() float64 { return f.speed }

// Now implements [Clock].
func (f *Fast) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now()
}

// now stands still where it would run too far ahead.
func (f *Fast) now() time.Time {
	machine := time.Now()
	if f.holds > 0 {
		machine = f.since
	}
	now := f.start.Add(time.Duration(float64(machine.Sub(f.began)-f.stood) * f.speed))
	for lead := range f.leads {
		if ahead := now.Sub(lead.seen) - lead.most; ahead > 0 {
			f.stood += time.Duration(float64(ahead) / f.speed)
			now = now.Add(-ahead)
		}
	}
	return now
}

// Lead lets the clock run at most so far ahead of the newest call of Follow,
// or of now before the first, until Release.
func (f *Fast) Lead(most time.Duration) *Lead {
	f.mu.Lock()
	defer f.mu.Unlock()
	lead := &Lead{clock: f, most: most, seen: f.now()}
	f.leads[lead] = struct{}{}
	return lead
}

// Follow says that whatever was due until now is done.
func (l *Lead) Follow() {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	l.seen = l.clock.now()
}

// Release lets the clock run on.
func (l *Lead) Release() {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	l.clock.now()
	delete(l.clock.leads, l)
}

// Hold stops the clock until release is called, once. Several may hold it.
func (f *Fast) Hold() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holds == 0 {
		f.since = time.Now()
	}
	f.holds++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.holds--
		if f.holds == 0 {
			f.stood += time.Since(f.since)
		}
	}
}

// Hold stops a clock that can stand still, that of a simulation, until release
// is called: what is done meanwhile takes no time there. Any other goes on.
func Hold(c Clock) (release func()) {
	if f, fast := c.(*Fast); fast {
		return f.Hold()
	}
	return func() {}
}

// After implements [Clock]. It waits longer where the clock was held meanwhile.
func (f *Fast) After(d time.Duration) <-chan time.Time {
	done, due := make(chan time.Time, 1), f.Now().Add(d)
	var look func()
	look = func() {
		now := f.Now()
		if left := due.Sub(now); left > 0 {
			time.AfterFunc(f.slow(left), look)
			return
		}
		done <- now
	}
	look()
	return done
}

// NewTicker implements [Clock]. Ticks that come while the clock is held are not
// made up for: a period may look shorter than it should, never longer.
func (f *Fast) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(f.slow(d)) }

// slow is how long the machine's clock takes for d, at least a nanosecond.
func (f *Fast) slow(d time.Duration) time.Duration {
	return max(1, time.Duration(float64(d)/f.speed))
}
