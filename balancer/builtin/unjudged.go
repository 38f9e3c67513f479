package builtin

import "time"

// unjudged is a request until it is judged as good or not. One that waits for
// longer than the threshold is not good whatever comes of it, and is judged at
// that moment and not as it ends: requests that hang would otherwise be in no
// share of good ones for as long as they hang.
type unjudged struct {
	since         time.Time
	before, after *unjudged
	judged        bool
}

// arrivals lists the requests that are not judged yet, by their arrival.
type arrivals struct{ first, last *unjudged }

func (l *arrivals) append(w *unjudged) {
	w.before = l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.after = w
	}
	l.last = w
}

func (l *arrivals) remove(w *unjudged) {
	if w.before == nil {
		l.first = w.after
	} else {
		w.before.after = w.after
	}
	if w.after == nil {
		l.last = w.before
	} else {
		w.after.before = w.before
	}
	w.before, w.after, w.judged = nil, nil, true
}

// expect is arrive of a request that is judged once it has waited for too long.
func (m *meter) expect(now time.Time, w *unjudged) {
	m.mu.Lock()
	m.advance(now)
	m.slots[m.running].arrived++
	m.inProcess++
	w.since = m.now
	m.waiting.append(w)
	m.mu.Unlock()
}

// judge counts those as not good that have waited for longer than the threshold
// at an instant.
func (m *meter) judge(at time.Time) {
	for w := m.waiting.first; m.threshold > 0 && w != nil && at.Sub(w.since) > m.threshold; w = m.waiting.first {
		m.waiting.remove(w)
		m.slots[m.running].judged++
		m.slots[m.running].notGood++
	}
}
