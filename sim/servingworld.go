package sim

import (
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim/serving"
)

// Serving is a world of servers of language models, iteration by iteration: what
// happens next is the earliest of a request's arrival, the end of an iteration,
// and a timer. A request goes to the replica with the fewest in progress and stays
// there; it is good when its first token comes in time.
type Serving struct {
	scenario  *ServingScenario
	threshold time.Duration

	now      time.Duration
	requests []serving.Request
	states   []served
	next     int  // request to arrive
	ends     heap // of iterations: one for each server that works
	timer    time.Duration

	servers []*modelServer
	levels  levels
	held    []int32 // wait for any replica to be ready
	past    serving.Totals

	fleet  *fleet
	meter  *servingMeter
	score  score
	tokens ServingTotals
	events uint64
}

// served is how far a request is.
type served struct {
	server int32
	first  time.Duration // its first token; 0: none yet
	scored bool
	over   bool
}

// modelServer is a replica.
type modelServer struct {
	*serving.Server
	member bool // takes new requests
}

// ServingTotals is what a run came to beside [Result], whose latencies are times
// to the first token: all over the whole run, scored or not.
type ServingTotals struct {
	Arrived, Answered, Failed, InProgress int
	// Asked are the tokens of those that were answered.
	Asked int64
	// Answers are the times from arrival to last token.
	Answers Latencies
	serving.Totals
}

// NewServing returns the world of a valid scenario at its beginning.
func NewServing(s *ServingScenario) *Serving {
	w := &Serving{scenario: s, threshold: s.Objective.Threshold.Std(), requests: s.arrivals()}
	w.states = make([]served, len(w.requests))
	w.score = newScore(&s.Scenario)
	w.meter = newServingMeter(&s.Scenario)
	w.fleet = newFleet(&s.Scenario, w)
	w.rearm()
	return w
}

// Advance implements [World].
func (w *Serving) Advance(to time.Duration) {
	for {
		arrival := never
		if w.next < len(w.requests) {
			arrival = w.requests[w.next].At
		}
		end := w.ends.first()
		at := min(arrival, end, w.timer)
		if at > to {
			w.now = to
			return
		}
		w.now = at
		w.events++
		switch at {
		case arrival:
			w.arrive()
		case end:
			w.end()
		default:
			w.fire()
		}
	}
}

func (w *Serving) rearm() { w.timer = min(w.fleet.next, w.meter.next, w.score.next) }

// fire does what timers are due for.
func (w *Serving) fire() {
	if w.score.next <= w.now {
		w.score.turn(w.now, counters{arrived: float64(w.next), busy: w.totals().Busy.Seconds() * float64(w.scenario.Service.Slots)}, w.fleet.now())
	}
	if w.fleet.next <= w.now {
		w.fleet.advance(w.now)
		w.fleet.settle(w.now)
	}
	if w.meter.next <= w.now {
		w.meter.turn(w.now, w)
	}
	w.rearm()
}

// arrive lets the next request in. One for which no server has the memory fails
// at once, whatever a policy does.
func (w *Serving) arrive() {
	id := int32(w.next)
	q, r := &w.requests[id], &w.states[id]
	w.next++
	r.scored = w.score.on
	w.score.request(r.scored)
	w.tokens.Arrived++
	if !w.scenario.Model.Fits(q.Prompt, q.Output) {
		w.fail(id)
		return
	}
	if w.levels.len() == 0 {
		w.held = append(w.held, id)
		return
	}
	w.assign(id)
}

// assign gives a request to the replica with the fewest in progress.
func (w *Serving) assign(id int32) {
	s := w.levels.idlest()
	w.states[id].server = s
	server := w.servers[s]
	server.Add(id, w.requests[id].Prompt, w.requests[id].Output)
	w.levels.change(s, 1)
	if !server.Working() {
		w.begin(s)
	}
}

func (w *Serving) begin(s int32) {
	if took, busy := w.servers[s].Begin(); busy {
		w.ends.push(due{at: w.now + took, id: s})
	}
}

// end ends an iteration, and begins the next one of the same server.
func (w *Serving) end() {
	s := w.ends[0].id
	server := w.servers[s]
	first, done := server.End()
	for _, id := range first {
		w.answer(id)
	}
	for _, id := range done {
		w.leave(id)
	}
	if took, busy := server.Begin(); busy {
		w.ends.replace(due{at: w.now + took, id: s})
	} else {
		w.ends.pop()
	}
	if len(done) > 0 && !server.member && w.load(int(s)) == 0 {
		w.fleet.idle(int(s), w.now)
		w.rearm()
	}
}

// load implements host.
func (w *Serving) load(slot int) int { return w.servers[slot].Waiting() + w.servers[slot].Running() }

// answer counts a first token.
func (w *Serving) answer(id int32) {
	r := &w.states[id]
	r.first = w.now
	took := w.now - w.requests[id].At
	w.meter.first(took, took > w.threshold)
	if r.scored {
		w.score.answer(w.judged(id), took, took > w.threshold)
	}
}

// judged is the request as the score knows it: slow where no number of replicas
// would have brought its first token in time.
func (w *Serving) judged(id int32) *request {
	return &request{scored: w.states[id].scored, slow: w.slow(id)}
}

func (w *Serving) slow(id int32) bool {
	q := &w.requests[id]
	return w.scenario.Model.Alone(q.Prompt) > w.threshold || !w.scenario.Model.Fits(q.Prompt, q.Output)
}

// leave counts one that has all of its tokens.
func (w *Serving) leave(id int32) {
	r, q := &w.states[id], &w.requests[id]
	r.over = true
	w.tokens.Answered++
	w.tokens.Asked += int64(max(1, q.Output))
	w.tokens.Answers.count((w.now - q.At).Seconds())
	if s := r.server; w.servers[s].member {
		w.levels.change(s, -1)
	}
}

// fail counts one that never gets its tokens. One that has the first and loses
// the rest is a violation as well, unless that came too late already.
func (w *Serving) fail(id int32) {
	r := &w.states[id]
	r.over = true
	w.tokens.Failed++
	w.meter.fail()
	late := r.first != 0 && r.first-w.requests[id].At > w.threshold
	switch took := w.now - w.requests[id].At; {
	case !r.scored || late:
	case r.first != 0:
		w.score.violation(w.judged(id))
		w.score.r.Failed++
	default:
		w.score.fail(w.judged(id), took)
	}
}

// open implements host.
func (w *Serving) open(slot int) {
	for len(w.servers) <= slot {
		w.servers = append(w.servers, nil)
	}
	if old := w.servers[slot]; old != nil {
		w.past = added(w.past, old.Totals())
	}
	w.servers[slot] = &modelServer{Server: serving.NewServer(&w.scenario.Model)}
}

// serve implements host.
func (w *Serving) serve(slot int) {
	w.servers[slot].member = true
	w.levels.add(int32(slot), w.load(slot))
	held := w.held
	w.held = w.held[:0]
	for _, id := range held {
		w.assign(id)
	}
}

// release implements host.
func (w *Serving) release(slot int) bool {
	if s := w.servers[slot]; s.member {
		s.member = false
		w.levels.remove(int32(slot))
	}
	return w.load(slot) == 0
}

// lose implements host.
func (w *Serving) lose(slot int) {
	w.ends.filter(func(d due) bool { return d.id != int32(slot) })
	for _, id := range w.servers[slot].Lose() {
		w.fail(id)
	}
}

// Observe implements [World].
func (w *Serving) Observe() scale.Observation { return w.meter.observe(w.now, w.fleet) }

// SetReplicas implements [World].
func (w *Serving) SetReplicas(n int) {
	w.fleet.scale(n, w.now)
	w.rearm()
}

// Result implements [World]. Who waits for a first token for too long already
// counts.
func (w *Serving) Result() *Result {
	result := w.score.result(w.now, w.fleet.changes, w.events)
	for id := range w.states[:w.next] {
		r := &w.states[id]
		if r.scored && !r.over && r.first == 0 && w.now-w.requests[id].At > w.threshold {
			result.late(w.slow(int32(id)))
		}
	}
	return result
}

// Totals is what happened to all requests and tokens until now.
func (w *Serving) Totals() ServingTotals {
	t := w.tokens
	t.InProgress = t.Arrived - t.Answered - t.Failed
	t.Totals = w.totals()
	return t
}

func (w *Serving) totals() serving.Totals {
	sum := w.past
	for _, s := range w.servers {
		sum = added(sum, s.Totals())
	}
	return sum
}

func added(a, b serving.Totals) serving.Totals {
	return serving.Totals{
		Iterations: a.Iterations + b.Iterations, Generated: a.Generated + b.Generated, Prompt: a.Prompt + b.Prompt,
		Preempted: a.Preempted + b.Preempted, Busy: a.Busy + b.Busy, CPU: a.CPU + b.CPU,
	}
}
