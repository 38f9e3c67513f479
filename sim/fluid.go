package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Fluid is a world that plays in steps: requests are a fluid that replicas let
// through, and how long they take is what queueing theory says of so many
// replicas at such a rate, and what a backlog adds. It is hundreds of times as
// fast as [Events] at high rates and knows of no single request.
//
//	            line           in service: x of c slots
//	arrivals ─► ▒▒▒▒▒▒▒▒ ────► ▒▒▒▒▒▒▒▒▒▒▒▒ ────► answers, x/m per second
//
// A step of length h brings x to (x + λh)/(1 + h/m), with m the mean service.
// What exceeds the slots is the line; it is served in the order of arrival at
// c/m per second, so how long its requests wait is known. Lines that form by
// chance although the slots suffice are a state of their own (see fluidLaw).
//
// What it does not know: retries (refused); that replicas of one crowd have
// unequally much to do; that under a backlog a shared processor answers short
// services sooner (it delays all alike); and the time of a request is counted
// when its service begins, which matters to signals where services take longer
// than a balancer's window.
type Fluid struct {
	scenario  *Scenario
	law       *fluidLaw
	supply    *fluidLoad
	mean      float64 // of a service, in seconds
	noise     float64 // √(1+c²ₛ): of used slots, over that of arrivals
	intrinsic float64
	patience  float64 // seconds until clients give up; infinite: never
	central   bool
	apart     bool // one replica may idle while requests wait at another

	now   time.Duration
	timer time.Duration // when fleet, scoring or a replica that drains changes next

	replicas int     // ready
	slots    float64 // of these
	capacity float64 // requests per second they answer
	inUse    float64 // slots in use
	chance   float64 // requests that wait by chance
	owed     float64 // slot-seconds of work that came by chance and is not done yet
	waiting  float64 // in the lines
	crowds   []crowd
	shares   [mostCrowds]float64 // of the requests, that they get
	members  []fluidMember
	leavers  []leaver
	away     float64 // requests on replicas that drain

	total   counters
	present float64 // requests that are here, as they came
	perSlot float64 // seconds for which each slot of a ready replica was in use
	step    fluidStep

	mixes mixes
	fleet *fleet
	meter *meter
	score score
	steps uint64
}

// fluidStep is what one step adds.
type fluidStep struct {
	counters
	perSlot float64
	part    float64 // of the step that is over when something is measured
}

// NewFluid returns the fluid world of a valid scenario at its beginning. The
// curve is that of the scenario's service and threshold for its most replicas;
// runs may share it. Without one it is computed, which takes longer than most
// runs.
func NewFluid(s *Scenario, curve *queueing.Curve) (*Fluid, error) {
	if s.Client.Retries > 0 {
		return nil, fmt.Errorf("client: the fluid simulator plays no retries, got %d", s.Client.Retries)
	}
	if curve == nil {
		var err error
		if curve, err = s.Curve(); err != nil {
			return nil, err
		}
	}
	w := &Fluid{
		scenario: s, law: newFluidLaw(s, curve), supply: newFluidLoad(s),
		mean: s.Service.Law.Mean(), noise: math.Sqrt(1 + s.Service.Law.CV()*s.Service.Law.CV()),
		intrinsic: 1 - s.Service.Law.CDF(s.Objective.Threshold.Std().Seconds()),
		patience:  math.Inf(1), central: s.Service.Topology == queueing.Central,
		apart:  s.Service.Topology == queueing.Random || s.Service.Topology == queueing.RoundRobin,
		crowds: make([]crowd, 1, mostCrowds),
	}
	if s.Client.Timeout > 0 {
		w.patience = s.Client.Timeout.Seconds()
	}
	w.score = newScore(s)
	w.meter = newMeter(s)
	w.meter.mixes = &w.mixes
	w.mixes = newMixes(w, w.meter.ring())
	w.fleet = newFleet(s, w)
	w.rearm()
	return w, nil
}

// Curve computes the curve of the scenario's service.
func (s *Scenario) Curve() (*queueing.Curve, error) {
	return queueing.NewCurve(s.Service, s.Objective.Threshold.Std().Seconds(), max(s.Replicas.Max, s.Replicas.Initial))
}

// Advance implements [World].
func (w *Fluid) Advance(to time.Duration) {
	for w.now < to {
		if w.now >= w.supply.end {
			w.supply.next()
		}
		if until := min(to, w.supply.end, w.timer); until > w.now {
			w.play(until)
		}
		if w.timer <= w.now {
			w.fire()
		}
	}
}

func (w *Fluid) rearm() {
	w.timer = min(w.fleet.next, w.score.next)
	for i := range w.leavers {
		w.timer = min(w.timer, w.leavers[i].until)
	}
}

// fire does what timers are due for.
func (w *Fluid) fire() {
	if w.score.next <= w.now {
		w.mixes.fillMoment(&w.score.latency)
		w.score.turn(w.now, w.total, w.fleet.now())
	}
	for i := 0; i < len(w.leavers); i++ {
		if l := w.leavers[i]; l.until <= w.now {
			w.leavers = append(w.leavers[:i], w.leavers[i+1:]...)
			i--
			w.left(&l, 1)
			w.fleet.idle(l.slot, w.now)
		}
	}
	if w.fleet.next <= w.now {
		w.fleet.advance(w.now)
		w.fleet.settle(w.now)
	}
	w.rearm()
}

// play plays a step up to an instant.
func (w *Fluid) play(to time.Duration) {
	w.steps++
	h := float64(to-w.now) * 1e-9
	arrived := w.supply.actual * h
	w.step.counters = counters{arrived: arrived}
	if w.score.on {
		w.score.r.Requests += arrived
	}
	switch {
	case w.replicas == 0:
		w.hold(to, h, arrived)
	case w.waiting > 0 || w.inUse+w.supply.expected*h > w.slots*(1+h/w.mean):
		w.crowded(to, h, arrived)
	default:
		w.flow(h, arrived)
	}
	here := w.inUse + w.chance + w.waiting + w.away
	answered := max(0, w.present+arrived-w.step.failed-here)
	w.step.ended += answered + w.step.failed
	w.present += arrived - w.step.ended
	w.step.inFlight += w.away * h
	if w.meter.next <= to {
		w.measure(to)
	}
	w.total.add(&w.step.counters)
	w.perSlot += w.step.perSlot
	w.now = to
}

// flow lets requests through that the slots suffice for.
func (w *Fluid) flow(h, arrived float64) {
	expected := w.supply.expected * h
	before, waited := w.inUse, w.chance
	w.inUse = (before + expected) / (1 + h/w.mean)
	w.crowds[0].inUse = w.inUse
	w.law.settle(&w.chance, expected, h)
	surplus := (arrived - expected) * w.mean
	used := w.mean * (before + expected - w.inUse)
	if w.apart { // else what chance puts off is owed below
		used += w.mean * (waited - w.chance)
	}
	w.owed += used + surplus*w.noise
	w.use(w.owed, h)
	w.owed -= w.step.busy
	w.step.inFlight += max(0, used+surplus+(waited+w.chance)/2*h)
	w.held()
	w.pass(arrived, w.score.on)
}

// use counts the time that slots are in use.
func (w *Fluid) use(time, h float64) {
	time = min(max(0, time), w.slots*h)
	w.step.busy = time
	w.step.perSlot = time / w.slots
}

// held counts those that wait for whichever replica is free next.
func (w *Fluid) held() {
	if w.central || w.replicas == 0 {
		w.step.held = w.waiting + w.chance
	}
}

// hold keeps requests while no replica is ready.
func (w *Fluid) hold(to time.Duration, h, arrived float64) {
	before, line := w.waiting, &w.crowds[0].line
	line.push(batch{from: w.now.Seconds(), to: to.Seconds(), count: arrived, scored: w.score.on})
	w.giveUp(line, to)
	w.sum()
	w.step.perSlot = 0
	w.step.inFlight += (before + w.waiting) / 2 * h
	w.held()
}

// measure takes the measurements that are due within a step: what was counted
// is taken to grow in a straight line.
func (w *Fluid) measure(to time.Duration) {
	for w.meter.next <= to {
		w.step.part = float64(w.meter.next-w.now) / float64(to-w.now)
		w.meter.turn(w.meter.next, w, w.fleet)
	}
	w.step.part = 0
}

// counters implements metered.
func (w *Fluid) counters() counters {
	c := w.total
	c.addPart(&w.step.counters, w.step.part)
	return c
}

// Observe implements [World].
func (w *Fluid) Observe() scale.Observation { return w.meter.observe(w.now, w.fleet) }

// SetReplicas implements [World].
func (w *Fluid) SetReplicas(n int) {
	w.fleet.scale(n, w.now)
	w.rearm()
}

// Result implements [World].
func (w *Fluid) Result() *Result {
	r := w.score.result(w.now, w.fleet.changes, w.steps)
	w.mixes.latencies(&r.Latencies)
	w.late(r)
	return r
}
