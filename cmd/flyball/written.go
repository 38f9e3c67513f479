package main

import "time"

// mostRemembered is how many lines are told from new ones by their ID: twice
// what a listing after a broken connection holds.
const mostRemembered = 2 * mostMissed

// lineKey names a line; IDs of decisions are those of one target.
type lineKey struct {
	target string
	id     int64
}

// written remembers which lines were written. Their times alone do not say it:
// some come late, and those of several targets do not come in order.
type written struct {
	ids    map[lineKey]bool
	order  []entry // oldest first, a ring once it is full
	next   int     // where the ring goes on
	last   time.Time
	before time.Time // what a listing has up to here is old
}

type entry struct {
	key lineKey
	at  time.Time
}

func (w *written) has(l line) bool { return w.ids[lineKey{l.target, l.id}] }

// listed reports whether a line of a listing was written, or is older than
// what is remembered.
func (w *written) listed(l line) bool {
	return w.has(l) || (!w.before.IsZero() && !l.at.After(w.before))
}

// forget takes all up to an instant as written.
func (w *written) forget(at time.Time) {
	if at.After(w.before) {
		w.before = at
	}
}

func (w *written) add(l line) {
	if l.at.After(w.last) {
		w.last = l.at
	}
	e := entry{lineKey{l.target, l.id}, l.at}
	if w.ids[e.key] {
		return
	}
	if w.ids == nil {
		w.ids = map[lineKey]bool{}
	}
	w.ids[e.key] = true
	if len(w.order) < mostRemembered {
		w.order = append(w.order, e)
		return
	}
	oldest := &w.order[w.next]
	delete(w.ids, oldest.key)
	w.forget(oldest.at)
	*oldest, w.next = e, (w.next+1)%mostRemembered
}
