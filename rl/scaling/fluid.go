package scaling

import (
	"github.com/flyball-io/flyball/queueing"
)

// fluid is a service between decisions, as lean as it can be: how many replicas
// are ready or on their way, and what waits. An interval is played in closed form,
// in pieces between the instants at which replicas become ready.
//
//	ready      ───────────┐ join
//	 10                   └─────── 13
//	line       ╱╲                             grows at λ − capacity, falls at capacity − λ
//	        ──╱  ╲──────────────
//	        0        interval      1
//
// It is to [sim.Fluid] what that one is to single requests: chance is taken for
// settled at once, arrivals come evenly through an interval, requests count as
// late when they come and not when they are answered, and replicas that leave
// take what they have in progress with them.
//
// As there, replicas that become ready while a line waits at others begin
// without one (a balancer takes nothing back): two crowds, each with its line.
type fluid struct {
	ready    int32 // replicas
	starting int32
	joined   int32   // of the ready: those of the second crowd
	line     float32 // requests that wait, of the first crowd
	second   float32 // of the second
	head     int32   // of the ring, the running interval
	ahead    int32   // intervals after it in which replicas become ready at the latest
	ring     [ringSize]batch
}

// batch is replicas that become ready in an interval, after a part of it.
type batch struct {
	replicas int32
	part     float32
	asked    int32 // intervals from asking to this one: their age is reckoned from it
}

// ringSize is how many intervals ahead a replica may become ready.
const ringSize = 32

// current is how many were asked for.
func (f *fluid) current() int32 { return f.ready + f.starting }

// scale asks for n replicas, further ones to be ready after so many intervals.
// Those that go are the newest that are not ready yet, then ready ones.
func (f *fluid) scale(n int32, after float32, topology queueing.Topology) {
	more := n - f.current()
	if more > 0 {
		f.start(more, after, topology)
		return
	}
	for k := f.ahead; more < 0 && f.starting > 0 && k >= 0; k-- {
		b := f.batch(k)
		gone := min(b.replicas, -more)
		b.replicas -= gone
		f.starting -= gone
		more += gone
	}
	if more < 0 {
		f.leave(-more, topology)
	}
}

func (f *fluid) start(n int32, after float32, topology queueing.Topology) {
	if after <= 0 {
		f.join(n, topology)
		return
	}
	after = min(after, ringSize-1.001)
	k := int32(after)
	f.ahead = max(f.ahead, k)
	b := f.batch(k)
	all := float32(b.replicas + n)
	b.part += (after - float32(k) - b.part) * float32(n) / all
	b.replicas += n
	b.asked = k
	f.starting += n
}

// batch is the one that becomes ready so many intervals after the running one.
func (f *fluid) batch(k int32) *batch { return &f.ring[uint32(f.head+k)%ringSize] }

// leave takes away ready replicas, those of the second crowd first, with their
// share of its line.
func (f *fluid) leave(n int32, topology queueing.Topology) {
	if topology == queueing.Central { // the line is nobody's own
		f.ready -= n
		return
	}
	if gone := min(n, f.joined); gone > 0 {
		f.second -= f.second * float32(gone) / float32(f.joined)
		f.joined -= gone
		f.ready -= gone
		n -= gone
	}
	if n > 0 {
		f.line -= f.line * float32(n) / float32(f.ready)
		f.ready -= n
	}
}

// join makes replicas ready. While a line waits they are a crowd of their own.
func (f *fluid) join(n int32, topology queueing.Topology) {
	switch {
	case f.line+f.second <= 0 || f.ready == 0 || topology == queueing.Central:
		f.joined = 0
	case f.joined == 0:
		f.joined = n
	default: // of three crowds the older two are taken for one
		f.line, f.second, f.joined = f.line+f.second, 0, n
	}
	f.ready += n
}

// outcome is what an interval came to.
type outcome struct {
	avoidable float32 // requests
	last      cell    // at its end, lines included
}

// play plays an interval of so many seconds at a rate.
func (f *fluid) play(l *law, topology queueing.Topology, rate, seconds float32) outcome {
	b := f.batch(0)
	var o outcome
	if b.replicas == 0 {
		f.piece(&o, l, topology, rate, seconds)
	} else {
		if b.part > 0 {
			f.piece(&o, l, topology, rate, b.part*seconds)
		}
		f.starting -= b.replicas
		f.join(b.replicas, topology)
		f.piece(&o, l, topology, rate, (1-b.part)*seconds)
		*b = batch{}
	}
	f.head, f.ahead = f.head+1, max(0, f.ahead-1)
	return o
}

// piece plays seconds in which nothing joins.
func (f *fluid) piece(o *outcome, l *law, topology queueing.Topology, rate, seconds float32) {
	capacity := float32(f.ready) * l.carried
	if f.line+f.second <= 0 && rate < capacity {
		o.last = l.steady(int(f.ready), rate, capacity)
		o.avoidable += rate * seconds * o.last.avoidable
		return
	}
	f.crowded(o, l, topology, rate, seconds)
}

// crowded plays seconds in which a line waits or begins to.
func (f *fluid) crowded(o *outcome, l *law, topology queueing.Topology, rate, seconds float32) {
	if f.joined > 0 {
		seconds -= f.apart(o, l, topology, rate, seconds)
	}
	capacity := float32(f.ready) * l.carried
	if seconds > 0 && (f.line > 0 || rate >= capacity) {
		seconds -= f.together(o, l, rate, capacity, seconds)
	}
	if seconds > 0 {
		o.last = l.steady(int(f.ready), rate, capacity)
		o.avoidable += rate * seconds * o.last.avoidable
		return
	}
	wait := (f.line + f.second) / max(capacity, l.carried/2)
	o.last = l.steady(int(f.ready), rate, capacity)
	o.last.avoidable += (1 - o.last.avoidable) * l.share(min(wait/l.threshold, 1))
	o.last.latency += wait / l.threshold
	o.last.used += (f.line + f.second) / (max(float32(f.ready), 0.5) * l.slots)
}

// together plays one crowd with a line, at most until it is gone, and returns for
// how long.
func (f *fluid) together(o *outcome, l *law, rate, capacity, seconds float32) float32 {
	if capacity <= 0 {
		f.line += rate * seconds
		o.avoidable += rate * seconds * l.late
		return seconds
	}
	grows, took := rate-capacity, seconds
	if grows < 0 {
		took = min(seconds, f.line/-grows)
	}
	before := f.line
	f.line = max(0, before+grows*took)
	if took < seconds {
		f.line = 0
	}
	o.avoidable += rate * took * f.late(l, int(f.ready), rate, capacity, before/capacity, f.line/capacity)
	return took
}

// late is the share of requests that come late through a line whose wait goes from
// one to another, beside chance.
func (f *fluid) late(l *law, replicas int, rate, capacity, from, to float32) float32 {
	chance := l.steady(replicas, rate, capacity).avoidable
	return chance + (1-chance/max(l.late, 1e-6))*l.waiting(from, to)
}

// apart plays two crowds, at most until they have equally much to do, and returns
// for how long.
func (f *fluid) apart(o *outcome, l *law, topology queueing.Topology, rate, seconds float32) float32 {
	first, second := float32(f.ready-f.joined)*l.carried, float32(f.joined)*l.carried
	waits, wait := f.line/max(first, 1e-6), f.second/second
	toFirst := spread(topology, float32(f.joined)/float32(f.ready))
	// How fast the waits change: by what comes, less one second each second.
	falls, falling := 1-rate*toFirst/max(first, 1e-6), 1-rate*(1-toFirst)/second
	took := min(seconds, meeting(waits, falls, wait, falling))
	afterFirst, after := max(0, waits-falls*took), max(0, wait-falling*took)
	n := rate * took
	o.avoidable += n * (1 - toFirst) * f.late(l, int(f.joined), rate*(1-toFirst), second, wait, after)
	if toFirst > 0 {
		o.avoidable += n * toFirst * f.late(l, int(f.ready-f.joined), rate*toFirst, first, waits, afterFirst)
	}
	f.line, f.second = afterFirst*first, after*second
	if took < seconds || afterFirst <= after {
		f.line, f.second, f.joined = f.line+f.second, 0, 0
	}
	return took
}

// spread is which share of the requests the first crowd still gets, whose
// replicas have more to do: of the second are a share of all.
func spread(topology queueing.Topology, second float32) float32 {
	switch topology {
	case queueing.Random, queueing.RoundRobin:
		return 1 - second
	case queueing.PowerOfTwo: // both choices fell on the first
		return (1 - second) * (1 - second)
	}
	return 0
}

// meeting is when two waits are the same, the first of which is longer.
func meeting(first, falls, second, falling float32) float32 {
	const never = 1e9
	gone := float32(never) // the second is down at 0, and stays
	if falling > 0 {
		gone = second / falling
	}
	if gap := falls - falling; gap > 0 {
		if at := (first - second) / gap; at <= gone {
			return at
		}
	}
	if falls > 0 {
		return max(gone, first/falls)
	}
	return never
}
