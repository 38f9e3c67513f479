package sim

import (
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Events is a world that plays request by request. What happens next is the
// earliest of three: a request arrives, a service ends, or a timer is due. All
// memory is reused: in steady state an event allocates nothing.
type Events struct {
	scenario  *Scenario
	threshold time.Duration
	slots     int32
	central   bool
	sharing   bool

	now        time.Duration
	arrivals   *arrivals
	arrival    time.Duration // the next
	departures heap
	timer      time.Duration // the next of all timers
	services   *services
	spread     *rand.Rand

	requests []request
	unused   int32 // first of the list of free requests
	servers  []server
	levels   levels
	held     line          // wait for whichever replica is free next
	turn     int           // of round-robin
	past     time.Duration // slot-time used on replicas that are gone

	fleet   *fleet
	clients clients
	meter   *meter
	score   score
	events  uint64
}

// NewEvents returns the world of a valid scenario at its beginning.
func NewEvents(s *Scenario) *Events {
	w := &Events{
		scenario: s, threshold: s.Objective.Threshold.Std(), slots: int32(s.Service.Slots),
		central: s.Service.Topology == queueing.Central, sharing: s.Service.Sharing,
		arrivals: newArrivals(s), services: newServices(s), spread: stream(s, "spread"),
		unused: -1, held: line{-1, -1, 0},
	}
	w.score = newScore(s)
	w.meter = newMeter(s)
	w.meter.latencies = make([]series.Histogram, w.meter.ring())
	w.clients = newClients(s)
	w.fleet = newFleet(s, w)
	w.arrival = w.arrivals.next()
	w.rearm()
	return w
}

// Advance implements [World].
func (w *Events) Advance(to time.Duration) {
	for {
		departure := w.departures.first()
		switch {
		case w.arrival <= departure && w.arrival <= w.timer:
			if w.arrival > to {
				w.now = to
				return
			}
			w.arrive()
		case departure <= w.timer:
			if departure > to {
				w.now = to
				return
			}
			w.depart()
		default:
			if w.timer > to {
				w.now = to
				return
			}
			w.fire()
		}
		w.events++
	}
}

// rearm finds the next of all timers.
func (w *Events) rearm() {
	w.timer = min(w.fleet.next, w.meter.next, w.clients.next(), w.score.next)
}

// fire does what timers are due for.
func (w *Events) fire() {
	w.now = w.timer
	if w.score.next <= w.now {
		w.score.turn(w.now, w.counters(), w.fleet.now())
	}
	if w.fleet.next <= w.now {
		w.fleet.advance(w.now)
		w.fleet.settle(w.now)
	}
	if w.clients.next() <= w.now {
		w.clients.turn(w)
	}
	if w.meter.next <= w.now {
		w.meter.turn(w.now, w, w.fleet)
	}
	w.rearm()
}

// arrive lets the next request in.
func (w *Events) arrive() {
	w.now = w.arrival
	id := w.take()
	r := &w.requests[id]
	r.first, r.service, r.attempt = w.now, w.services.take(), 0
	r.scored, r.slow = w.score.on, r.service > w.threshold
	w.score.request(r.scored)
	w.admit(id)
	w.arrival = w.arrivals.next()
}

// admit gives an attempt to a replica, or holds it until one can take it.
func (w *Events) admit(id int32) {
	r := &w.requests[id]
	r.since, r.state, r.server = w.now, waiting, -1
	w.meter.arrived++
	w.meter.inFlight -= w.now
	w.meter.present++
	if w.clients.timeout > 0 {
		w.clients.wait(w.now, id, r.turn)
		w.timer = min(w.timer, w.clients.next())
	}
	if s := w.choose(); s < 0 {
		w.push(&w.held, id)
	} else {
		w.assign(id, s)
	}
}

// choose picks the replica of a request; −1: none can take it.
func (w *Events) choose() int32 {
	n := w.levels.len()
	if n == 0 {
		return -1
	}
	switch w.scenario.Service.Topology {
	case queueing.Central:
		if s := w.levels.idlest(); w.servers[s].work < w.slots || w.sharing {
			return s
		}
		return -1
	case queueing.Random:
		return w.levels.members[w.spread.IntN(n)]
	case queueing.RoundRobin:
		w.turn++
		return w.levels.members[w.turn%n]
	case queueing.PowerOfTwo:
		return w.twoChoices(n)
	default:
		return w.levels.idlest()
	}
}

// twoChoices is the less busy of two replicas drawn at random (Mitzenmacher 2001).
func (w *Events) twoChoices(n int) int32 {
	if n == 1 {
		return w.levels.members[0]
	}
	i, j := w.spread.IntN(n), w.spread.IntN(n-1)
	if j >= i {
		j++
	}
	a, b := w.levels.members[i], w.levels.members[j]
	if w.servers[b].work < w.servers[a].work {
		return b
	}
	return a
}

// assign gives an attempt to a replica, where it runs or joins the line.
func (w *Events) assign(id, s int32) {
	server := &w.servers[s]
	server.work++
	if server.member {
		w.levels.change(s, 1)
	}
	w.requests[id].server = s
	switch {
	case w.sharing:
		w.share(id, s)
	case server.running < w.slots:
		server.running++
		server.idle -= w.now
		w.departures.push(w.begin(id))
	default:
		w.push(&server.line, id)
	}
}

// begin starts the service of an attempt and returns when it ends.
func (w *Events) begin(id int32) due {
	r := &w.requests[id]
	r.state = running
	w.score.waited(r, w.now)
	return due{at: w.now + r.service, id: id}
}

// depart ends the service that ends next; the slot goes to whoever waits for it.
func (w *Events) depart() {
	if w.sharing {
		w.departShared()
		return
	}
	d := w.departures[0]
	w.now = d.at
	s := w.requests[d.id].server
	server := &w.servers[s]
	if w.central && server.member && w.held.n > 0 && w.succeed(d.id, s) {
		return
	}
	if id := w.waiting(server); id >= 0 {
		w.departures.replace(w.begin(id))
	} else {
		w.departures.pop()
		server.running--
		server.idle += w.now
	}
	w.leave(d.id)
}

// succeed hands the slot of a request that ends to the first of the one line;
// false when nobody there waits any more.
func (w *Events) succeed(id, s int32) bool {
	for w.held.n > 0 {
		next := w.shift(&w.held)
		r := &w.requests[next]
		if r.state == abandoned {
			w.free(next)
			continue
		}
		r.server = s
		w.departures.replace(w.begin(next))
		if r := &w.requests[id]; r.state == running {
			w.answer(r)
		}
		w.free(id)
		return true
	}
	return false
}

// waiting takes whoever waits for a slot of a server off its line; −1: nobody.
func (w *Events) waiting(server *server) int32 {
	for server.line.n > 0 {
		id := w.shift(&server.line)
		if w.requests[id].state != abandoned {
			return id
		}
		w.drop(id)
	}
	return -1
}

// leave ends an attempt that was served, and lets one that is held take its place.
func (w *Events) leave(id int32) {
	r := &w.requests[id]
	s := r.server
	if r.state == running {
		w.answer(r)
	}
	w.free(id)
	w.unload(s)
	if w.held.n > 0 && w.servers[s].member {
		w.unhold()
	}
}

// unload takes one off the work of a server.
func (w *Events) unload(s int32) {
	server := &w.servers[s]
	server.work--
	if server.member {
		w.levels.change(s, -1)
	} else if server.work == 0 {
		w.fleet.idle(int(s), w.now)
		w.rearm()
	}
}

// unhold gives those that are held to the replicas that can take them.
func (w *Events) unhold() {
	for w.held.n > 0 {
		id := w.held.head
		if w.requests[id].state == abandoned {
			w.free(w.shift(&w.held))
			continue
		}
		s := w.choose()
		if s < 0 {
			return
		}
		w.shift(&w.held)
		w.assign(id, s)
	}
}

// answer counts a request that was served.
func (w *Events) answer(r *request) {
	took := w.now - r.first
	w.meter.leave(w.now, took, took > w.threshold, false)
	if r.scored {
		w.score.answer(r, took, took > w.threshold)
	}
}

// fail counts an attempt that was not; its client may try again.
func (w *Events) fail(r *request) {
	took := w.now - r.since
	w.meter.leave(w.now, took, true, true)
	if !w.clients.again(r, w.now) && r.scored {
		w.score.fail(r, w.now-r.first)
	}
}

// Observe implements [World].
func (w *Events) Observe() scale.Observation {
	return w.meter.observe(w.now, w.fleet)
}

// SetReplicas implements [World].
func (w *Events) SetReplicas(n int) {
	w.fleet.scale(n, w.now)
	w.rearm()
}

// Result implements [World].
func (w *Events) Result() *Result {
	result := w.score.result(w.now, w.fleet.changes, w.events)
	for i := range w.requests {
		r := &w.requests[i]
		if r.scored && r.state < abandoned && w.now-r.first > w.threshold {
			result.late(r.slow)
		}
	}
	for _, d := range w.clients.retries {
		if r := w.clients.back[d.id]; r.scored && w.now-r.first > w.threshold {
			result.late(r.slow)
		}
	}
	return result
}

// InProgress is how many requests neither are answered nor have failed.
func (w *Events) InProgress() int {
	n := len(w.clients.retries)
	for i := range w.requests {
		if w.requests[i].state < abandoned {
			n++
		}
	}
	return n
}
