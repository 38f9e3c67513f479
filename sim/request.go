package sim

import "time"

// request is one attempt of a request.
type request struct {
	first   time.Duration // arrival of its first attempt
	since   time.Duration // arrival of this attempt
	service time.Duration // its time on a slot
	next    int32         // in a line, or in the list of free ones
	server  int32         // −1: none yet
	turn    uint32        // counts the uses of this memory
	attempt uint8
	state   requestState
	scored  bool
	slow    bool // its service alone breaks the threshold
}

type requestState uint8

const (
	waiting requestState = iota
	running
	abandoned // waits still, for nobody
	over
)

// line is requests in order, linked through their next.
type line struct {
	head, tail int32
	n          int
}

// take returns memory for a request.
func (w *Events) take() int32 {
	if id := w.unused; id >= 0 {
		w.unused = w.requests[id].next
		return id
	}
	w.requests = append(w.requests, request{})
	return int32(len(w.requests) - 1)
}

func (w *Events) free(id int32) {
	r := &w.requests[id]
	r.turn++
	r.state = over
	r.next = w.unused
	w.unused = id
}

// drop forgets one whose client is gone when its turn comes.
func (w *Events) drop(id int32) {
	s := w.requests[id].server
	w.free(id)
	w.unload(s)
}

func (w *Events) push(l *line, id int32) {
	w.requests[id].next = -1
	if l.n == 0 {
		l.head = id
	} else {
		w.requests[l.tail].next = id
	}
	l.tail = id
	l.n++
}

func (w *Events) shift(l *line) int32 {
	id := l.head
	l.head = w.requests[id].next
	l.n--
	return id
}
