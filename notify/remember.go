package notify

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// reasons remembers why counts are to be changed: a change says when it was
// decided, and not why.
type reasons struct {
	mu  sync.Mutex                // guards of
	of  map[string][]decidedCount // by target, the newest last
	max int
}

type decidedCount struct {
	at  time.Time
	why string
}

func newReasons() *reasons { return &reasons{of: map[string][]decidedCount{}, max: 8} }

func (r *reasons) add(d *scale.Decision) {
	if !d.Changes() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(r.of[d.Target], decidedCount{d.At, d.Reason.String()})
	r.of[d.Target] = all[max(0, len(all)-r.max):]
}

// why is the reason of the decision of an instant; "" when it is not known.
func (r *reasons) why(target string, at time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.of[target] {
		if d.at.Equal(at) {
			return d.why
		}
	}
	return ""
}

// recently remembers the last some thousand IDs.
type recently struct {
	known map[string]bool
	ring  []string
	next  int
}

// mostRecent bounds what is remembered: 48 bytes each.
const mostRecent = 4096

func newRecently() recently {
	return recently{known: map[string]bool{}, ring: make([]string, mostRecent)}
}

// add reports whether an ID is new.
func (r *recently) add(id string) bool {
	if r.known[id] {
		return false
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next], r.known[id] = id, true
	r.next = (r.next + 1) % len(r.ring)
	return true
}

// lasting follows what lasts about the decisions of one target: conditions of
// guards and policy, and that the most replicas are too few. It is told once it
// has lasted for a while, since much of it comes and goes.
type lasting struct {
	of     map[string]*lasts // by code
	events map[string]bool   // conditions that events have told of
}

type lasts struct {
	since time.Time
	words string
	told  bool
}

const (
	// lastsFor is how long something lasts before it is told.
	lastsFor = time.Minute
	// AtMaximum is the condition that a policy wants more replicas than the
	// document allows; it is told after atMaximumFor.
	AtMaximum    = "AtMaximum"
	atMaximumFor = 5 * time.Minute
)

func newLasting() *lasting { return &lasting{of: map[string]*lasts{}, events: map[string]bool{}} }

// toldOf remembers the conditions that events tell of: guards speak of some of
// them too.
func (l *lasting) toldOf(e *record.Event) {
	n := News{Type: e.Type, Message: e.Message}
	if e.Type == control.ConditionBegan {
		l.events[n.Condition()] = true
	} else {
		delete(l.events, n.Condition())
	}
}

// see compares what lasts with what lasted, and returns the events of it. A
// decision without data ends nothing that was told: nobody knows.
func (l *lasting) see(d *scale.Decision) (events []record.Event) {
	now := map[string]bool{}
	note := func(code, words string, after time.Duration) {
		now[code] = true
		known := l.of[code]
		if known == nil {
			known = &lasts{since: d.At, words: words}
			l.of[code] = known
		}
		if !known.told && !l.events[code] && d.At.Sub(known.since) >= after {
			known.told = true
			events = append(events, record.Event{Type: control.ConditionBegan, Target: d.Target, At: d.At, Message: code + ": " + words})
		}
	}
	for _, c := range d.Conditions {
		note(c.Reason.Code, c.Reason.String(), lastsFor)
	}
	if d.SetBy == "bounds" && !d.NoData && d.DesiredReplicas < d.Recommendation.Replicas {
		note(AtMaximum, "the policy wants "+scale.Count(d.Recommendation.Replicas, "replica")+": "+d.Reason.String(), atMaximumFor)
	}
	for _, code := range slices.Sorted(maps.Keys(l.of)) {
		known := l.of[code]
		if now[code] || d.NoData && known.told {
			continue
		}
		if known.told {
			events = append(events, record.Event{Type: control.ConditionEnded, Target: d.Target, At: d.At, Message: code + " is over"})
		}
		delete(l.of, code)
	}
	return events
}
