package llm

import (
	"fmt"
	"sync"
	"time"

	"github.com/flyball-io/flyball/advisor"
)

// house is what the advisors of all targets share about one model: how often and
// at what price it is asked, whether it works, and what it said. Where documents
// state different limits, each question is held to those of its own.
type house struct {
	name string

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	pace    pace
	budget  budget
	breaker breaker
	cache   cache
	flying  int // questions that are on their way
}

// mostFlying is how many questions are on their way to one model at once: a server on a
// processor answers one after the other, and of a line of them the last would be too
// late for whoever waits. A place is looked for again after retry.
const (
	mostFlying = 4
	retry      = 5 * time.Second
)

// limits are those of one document.
type limits struct {
	rpm    float64 // questions a minute
	tokens int     // a day; 0: any
	money  float64 // US dollars a day; 0: any
}

// newHouse returns one in which nothing was asked yet.
func newHouse(name string) *house {
	return &house{name: name, breaker: newBreaker(name), cache: newCache()}
}

// call is a question that is on its way.
type call struct {
	held  usage     // of the budget, until it is known what it took
	day   time.Time // whose budget
	probe bool      // of the breaker
}

// most is how many tokens one question of the day read and wrote, at most.
func (h *house) most(now time.Time) (in, out int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.budget.begin(now)
	return h.budget.mostIn, h.budget.mostOut
}

// begin admits a question that will take about so much, or says until when it
// is none.
func (h *house) begin(now time.Time, l limits, about usage) (call, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.breaker.closed(now, h.name); err != nil {
		return call{}, err
	}
	if err := h.budget.allows(now, l, about); err != nil {
		return call{}, err
	}
	if h.flying >= mostFlying {
		return call{}, &advisor.Later{Unasked: true, After: retry, Err: fmt.Errorf("%s is busy with %d questions; the next in %v at the soonest", h.name, h.flying, retry)}
	}
	if err := h.pace.take(now, l.rpm); err != nil {
		return call{}, err
	}
	h.flying++
	h.budget.add(about, 1)
	return call{held: about, day: h.budget.day, probe: h.breaker.begin()}, nil
}

// end notes what a question took, and how it went.
func (h *house) end(now time.Time, c call, used usage, went error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flying--
	if c.day.Equal(h.budget.day) { // else a day that is over has paid
		h.budget.add(c.held, -1)
		h.budget.add(used, 1)
		h.budget.learn(used)
	}
	h.breaker.end(now, went, c.probe)
}

// recall returns what was said to the same question not longer ago than age.
func (h *house) recall(key key, now time.Time, age time.Duration) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cache.get(key, now, age)
}

// remember keeps a valid answer.
func (h *house) remember(key key, text string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cache.put(key, text, now)
}
