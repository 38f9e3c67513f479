package web

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"slices"
	"time"

	"github.com/flyball-io/flyball/record"
)

// EventView is something that happened beside decisions.
type EventView struct {
	ID      int64   `json:"id"`
	At      float64 `json:"at"` // Unix seconds
	Type    string  `json:"type"`
	Target  string  `json:"target,omitempty"` // empty: the controller itself
	By      string  `json:"by,omitempty"`     // empty: Flyball itself
	Message string  `json:"message"`
	// Advised is the exchange with an advisor that it tells of; missing: of none.
	Advised *AdvisedView `json:"advised,omitempty"`
}

// eventSlots is how many IDs there are for the events of one millisecond.
const eventSlots = 1 << 11

// maxEventID is the greatest whole number that JavaScript tells from its
// neighbours.
const maxEventID = 1<<53 - 1

// eventID is the time of an event with some bits of what it says: the same
// whether it was heard of or read from the record, ascending with time, and a
// number that JavaScript knows until the year 2109. That two events of a
// millisecond share an ID is unlikely, and then they are shown as one.
func eventID(e record.Event) int64 {
	h := fnv.New64a()
	for _, part := range []string{e.Target, e.Type, e.By, e.Message} {
		h.Write([]byte(part)) //nolint:errcheck // a hash takes everything
		h.Write([]byte{0})    //nolint:errcheck
	}
	return e.At.UnixMilli()*eventSlots + int64(h.Sum64()%eventSlots)
}

func viewEvent(e record.Event) EventView {
	return EventView{ID: eventID(e), At: unix(e.At), Type: e.Type, Target: e.Target, By: e.By, Message: e.Message, Advised: viewAdvised(e.Advised)}
}

// maxChronicle bounds the events kept in memory.
const maxChronicle = 2000

// chronicle is what happened lately, oldest first. Its owner locks.
type chronicle struct {
	events []EventView
	// It holds every event with an ID above these two: what the record knows
	// of the time before the start was added back to since, and what was left
	// out was up to dropped.
	since, dropped int64
}

// add puts an event in its place; false when it is known already.
func (c *chronicle) add(e record.Event) (EventView, bool) {
	view := viewEvent(e)
	i, known := slices.BinarySearchFunc(c.events, view.ID, func(v EventView, id int64) int { return cmp.Compare(v.ID, id) })
	if known {
		return view, false
	}
	c.events = slices.Insert(c.events, i, view)
	if surplus := len(c.events) - maxChronicle; surplus > maxChronicle/8 {
		c.dropped = max(c.dropped, c.events[surplus-1].ID)
		c.events = slices.Delete(c.events, 0, surplus)
	}
	return view, true
}

// eventQuery says which events are wanted.
type eventQuery struct {
	target        string   // empty: all
	types, except []string // empty: all, none
	from, to      time.Time
	before        int64 // 0: no bound
	limit         int64
}

func (q *eventQuery) wants(e *EventView) bool {
	if (len(q.types) > 0 && !slices.Contains(q.types, e.Type)) || slices.Contains(q.except, e.Type) {
		return false
	}
	return (q.target == "" || e.Target == q.target) && (q.before == 0 || e.ID < q.before) &&
		(q.from.IsZero() || e.At >= unix(q.from)) && (q.to.IsZero() || e.At < unix(q.to))
}

// newest returns what is kept of it, newest first, and whether the record has
// no more of it.
func (c *chronicle) newest(q *eventQuery) (found []EventView, complete bool) {
	found = []EventView{}
	for i := len(c.events) - 1; i >= 0 && int64(len(found)) < q.limit; i-- {
		if q.wants(&c.events[i]) {
			found = append(found, c.events[i])
		}
	}
	least := int64(0)
	if !q.from.IsZero() {
		least = q.from.UnixMilli() * eventSlots
	}
	if n := len(found); int64(n) == q.limit {
		least = found[n-1].ID
	}
	return found, least > max(c.since, c.dropped)
}

// EventsAnswer is a page of events, newest first.
type EventsAnswer struct {
	Events []EventView `json:"events"`
	Continued
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	q, err := parseEventQuery(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	if q.target != "" && !s.known(q.target) {
		s.refuseTarget(w, q.target)
		return
	}
	asked := q.limit
	q.limit++ // whether there is one more
	s.mu.Lock()
	found, complete := s.chronicle.newest(q)
	s.mu.Unlock()
	page := EventsAnswer{}
	if s.opts.Store != nil && !complete {
		if found, err = s.recordedEvents(r, q, found); err != nil && len(found) == 0 {
			s.refuseRecord(w, err)
			return
		} else if err != nil {
			page.Incomplete = s.unreadable(err)
		}
	}
	n := min(int64(len(found)), asked)
	if page.Events = found[:n]; n > 0 && (int64(len(found)) > asked || page.Incomplete != "") {
		page.NextBefore = found[n-1].ID
	}
	answer(w, page)
}

func parseEventQuery(r *http.Request) (*eventQuery, error) {
	q := &eventQuery{target: r.URL.Query().Get("target")}
	var err error
	if q.limit, err = countParam(r, "limit", 100, maxDecisions); err != nil {
		return nil, err
	}
	if q.before, err = countParam(r, "before", 0, maxEventID); err != nil {
		return nil, err
	}
	q.types, q.except = listParam(r, "type"), listParam(r, "exclude")
	q.from, q.to, err = windowParams(r, "from", "to")
	return q, err
}

// lateness is how long after its time an event may be written: that of a
// change is when it was decided.
const lateness = 2 * time.Minute

// recordedEvents completes a page from the record, where events stand in the
// order of writing.
func (s *Server) recordedEvents(r *http.Request, q *eventQuery, found []EventView) ([]EventView, error) {
	ctx, done, err := s.reading(r.Context())
	if err != nil {
		return found, err
	}
	defer done()
	err = s.walk(ctx, q.record(), func(e record.Entry) bool {
		view := viewEvent(*e.Event)
		if q.wants(&view) {
			found = insertEvent(found, view)
		}
		full := int64(len(found)) >= q.limit
		return !full || view.At > found[q.limit-1].At-lateness.Seconds()
	})
	return found[:min(int64(len(found)), q.limit)], err
}

// insertEvent puts an event in its place, newest first, unless it is there.
func insertEvent(events []EventView, e EventView) []EventView {
	i, known := slices.BinarySearchFunc(events, e.ID, func(v EventView, id int64) int { return cmp.Compare(id, v.ID) })
	if known {
		return events
	}
	return slices.Insert(events, i, e)
}

// record is the query in the words of the store.
func (q *eventQuery) record() record.Query {
	past := record.Query{Target: q.target, Kind: record.EventKind, From: q.from, To: q.to}
	if q.before > 0 {
		if before := time.UnixMilli(q.before/eventSlots + 1); past.To.IsZero() || before.Before(past.To) {
			past.To = before
		}
	}
	return past
}
