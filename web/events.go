package web

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kinds of events.
const (
	eventPoint    = "point"    // pointEvent
	eventReplicas = "replicas" // replicasEvent, only in the stream of one target
	eventDecision = "decision" // DecisionView
	eventApplied  = "applied"  // appliedEvent
	eventFault    = "fault"    // FaultView
	eventEvent    = "event"    // EventView
	eventTargets  = "targets"  // the list of targets changed: ask again
	eventReset    = "reset"    // events were missed: ask again for everything
)

// How many events are kept for streams that reconnect or lag: half a minute of
// a point a second of each target, but no more than some 50 MB.
const (
	minEvents      = 2048
	eventsOfTarget = 30
	maxEvents      = 1 << 16
)

// manyTargets is how many are too many to tell all of them every second:
// streams of all get a point of each at most every thinTime.
const (
	manyTargets = 50
	thinTime    = 5 * time.Second
)

type pointEvent struct {
	Point     Point            `json:"point"`
	Objective *ObjectiveStatus `json:"objective"`
}

type replicasEvent struct {
	Replicas   []ReplicaView   `json:"replicas"`
	Conditions []ConditionView `json:"conditions"`
}

type appliedEvent struct {
	Decision int64   `json:"decision,omitempty"` // ID in the log; 0 when it is no longer known
	At       float64 `json:"at"`                 // Unix seconds, of the observation that led to it
	From     int     `json:"from"`
	To       int     `json:"to"`
	Error    string  `json:"error,omitempty"`
}

// event is one thing that happened, put into words once for all streams.
type event struct {
	id     int64
	kind   string
	target string
	second float64 // of a point, Unix seconds
	data   []byte
}

// eventLog is a ring of the newest events that all streams read from. A
// stream holds only the ID it has come to, so a slow one costs nothing; one
// that falls off the end has to start over.
type eventLog struct {
	boot string // tells the IDs of two processes apart

	mu      sync.Mutex    // guards what follows
	ring    []event       // that with ID n is at (n-1) modulo its length
	kept    int           // how many of it are events
	many    bool          // whether there are many targets
	next    int64         // ID of the next event
	changed chan struct{} // closed at the next event
}

func newEventLog(now time.Time) *eventLog {
	return &eventLog{boot: strconv.FormatInt(now.UnixNano(), 36), next: 1, ring: make([]event, minEvents), changed: make(chan struct{})}
}

// fit makes the log as large as that many targets need. The newest events
// stay.
func (l *eventLog) fit(targets int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.many = targets > manyTargets
	size := min(maxEvents, max(minEvents, eventsOfTarget*targets))
	if size == len(l.ring) {
		return
	}
	ring := make([]event, size)
	l.kept = min(l.kept, size)
	for id := l.next - int64(l.kept); id < l.next; id++ {
		ring[l.place(id, size)] = l.ring[l.place(id, len(l.ring))]
	}
	l.ring = ring
}

func (l *eventLog) place(id int64, size int) int { return int((id - 1) % int64(size)) }

// crowded reports whether there are many targets.
func (l *eventLog) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.many
}

// add appends an event. Data holds no float that JSON does not know (see
// Number), so not being able to encode it is a programmer's mistake.
func (l *eventLog) add(kind, target string, data any) {
	payload := struct {
		Target string `json:"target,omitempty"`
		Data   any    `json:"data"`
	}{target, data}
	encoded, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("web: event %s: %v", kind, err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := event{id: l.next, kind: kind, target: target, data: encoded}
	if p, ok := data.(pointEvent); ok {
		e.second = p.Point.T
	}
	l.ring[l.place(e.id, len(l.ring))] = e
	l.kept = min(l.kept+1, len(l.ring))
	l.next++
	close(l.changed)
	l.changed = make(chan struct{})
}

// last returns the ID of the newest event in the form streams resume from.
func (l *eventLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.format(l.next - 1)
}

func (l *eventLog) format(id int64) string { return l.boot + "-" + strconv.FormatInt(id, 10) }

// parse reads an ID; it is false for one of another process.
func (l *eventLog) parse(text string) (int64, bool) {
	boot, number, found := strings.Cut(text, "-")
	if !found || boot != l.boot {
		return 0, false
	}
	id, err := strconv.ParseInt(number, 10, 64)
	return id, err == nil && id >= 0
}

// after returns the events newer than id and a channel that is closed when
// there are more. It is false when some of them are no longer kept.
func (l *eventLog) after(id int64) (events []event, changed <-chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.next - int64(l.kept)
	if id < oldest-1 || id >= l.next {
		return nil, l.changed, false
	}
	for n := id + 1; n < l.next; n++ {
		events = append(events, l.ring[l.place(n, len(l.ring))])
	}
	return events, l.changed, true
}
