package sim

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
)

// crowd is replicas that have equally much to do. All are one unless a line
// waits at some when others become ready: a balancer takes nothing back, so
// the new ones begin without a line.
type crowd struct {
	replicas int
	inUse    float64 // slots
	line     fluidLine
}

// mostCrowds is how many are told apart.
const mostCrowds = 8

// slotsOf is how many slots a crowd has.
func (w *Fluid) slotsOf(c *crowd) float64 { return float64(c.replicas * w.scenario.Service.Slots) }

// join makes a replica part of a crowd.
func (w *Fluid) join() {
	last := &w.crowds[len(w.crowds)-1]
	apart := w.waiting > 0 && !w.central && w.replicas > 0 && last.line.count > 0
	if apart && len(w.crowds) < mostCrowds {
		w.crowds = append(w.crowds, crowd{})
		last = &w.crowds[len(w.crowds)-1]
	}
	last.replicas++
}

// part takes a replica's share out of the newest crowd.
func (w *Fluid) part() (inUse float64, line fluidLine) {
	c := &w.crowds[len(w.crowds)-1]
	share := 1 / float64(c.replicas)
	inUse = c.inUse * share
	c.inUse -= inUse
	if !w.central {
		line = c.line.share(share)
	}
	c.replicas--
	if c.replicas == 0 {
		c.inUse = 0
		if len(w.crowds) > 1 {
			w.crowds = w.crowds[:len(w.crowds)-1]
		}
	}
	w.sum()
	return inUse, line
}

// sum adds up the crowds; without any line they are one again.
func (w *Fluid) sum() {
	w.inUse, w.waiting = 0, 0
	for i := range w.crowds {
		w.inUse += w.crowds[i].inUse
		w.waiting += w.crowds[i].line.count
	}
	if w.waiting == 0 && len(w.crowds) > 1 {
		w.crowds[0].replicas, w.crowds[0].inUse = w.replicas, w.inUse
		w.crowds = w.crowds[:1]
	}
}

// crowded plays a step while a line waits, or is about to.
func (w *Fluid) crowded(to time.Duration, h, arrived float64) {
	waited, chance, before, expected := w.waiting+w.chance, w.chance, w.inUse, w.supply.expected*h
	w.law.overload(&w.chance, w.waiting+max(0, arrived-w.capacity*h)/2, h)
	served := 0.0
	w.split(arrived, h)
	for i := range w.crowds {
		share := w.shares[i]
		served += w.crowdStep(&w.crowds[i], to, h, arrived*share, expected*share)
	}
	w.sum()
	// What is added to the line by chance is what slots idled meanwhile.
	w.use(w.mean*(served+before-w.inUse+chance-w.chance), h)
	w.owed = 0
	w.step.inFlight += w.step.busy + (waited+w.waiting+w.chance)/2*h
	w.held()
}

// crowdStep plays a step of one crowd and returns how many services began.
func (w *Fluid) crowdStep(c *crowd, to time.Duration, h, arrived, expected float64) float64 {
	slots := w.slotsOf(c)
	capacity := slots / w.mean
	line := c.line.count
	if line == 0 && c.inUse+expected <= slots*(1+h/w.mean) {
		c.inUse = (c.inUse + expected) / (1 + h/w.mean)
		at, behind, rate := w.law.at, w.law.behind, w.law.rate
		w.law.meet(expected / h / capacity)
		w.pass(arrived, w.score.on)
		w.law.at, w.law.behind, w.law.rate = at, behind, rate
		return expected
	}
	full := h // the part of the step with all slots in use
	if line == 0 {
		full -= w.fillTime(c.inUse, slots, expected*w.mean/h, h)
	}
	after := line + (arrived/h-capacity)*full
	c.inUse = slots
	if idle := h - line*h/max(capacity*h-arrived, 1e-9); after <= 0 && line > 0 && idle > 0 {
		c.inUse = min(slots, (slots+expected/h*idle)/(1+idle/w.mean))
	}
	after = min(max(0, after), line+arrived)
	from, until := w.now.Seconds(), to.Seconds()
	c.line.push(batch{from: from, to: until, count: arrived, scored: w.score.on})
	served := line + arrived - after
	w.serveLine(&c.line, served, from, until)
	w.giveUp(&c.line, to)
	return served
}

// fillTime is how long it takes within a step until all slots are in use:
// x(t) = level + (x₀ − level)·e^(−t/m) reaches them.
func (w *Fluid) fillTime(inUse, slots, level, h float64) float64 {
	if inUse >= slots || level <= slots {
		return 0
	}
	return min(h, w.mean*math.Log((level-inUse)/(level-slots)))
}

// split says which shares of the requests the crowds get in a step.
func (w *Fluid) split(arrived, h float64) {
	w.shares[0] = 1
	if len(w.crowds) == 1 {
		return
	}
	switch w.scenario.Service.Topology {
	case queueing.LeastConn:
		w.level(arrived, h)
	case queueing.PowerOfTwo:
		w.twoCrowds()
	default:
		for i := range w.crowds {
			w.shares[i] = float64(w.crowds[i].replicas) / float64(w.replicas)
		}
	}
}

// work is how much a replica of a crowd has to do.
func (c *crowd) work() float64 { return (c.inUse + c.line.count) / float64(c.replicas) }

// level raises the crowds with the least work to one level, by halving.
func (w *Fluid) level(arrived, h float64) {
	slots := float64(w.scenario.Service.Slots)
	takes := func(c *crowd, level float64) float64 {
		return float64(c.replicas) * (max(0, level-c.work()) + min(level, slots)*h/w.mean)
	}
	low, high := math.Inf(1), arrived
	for i := range w.crowds {
		low, high = min(low, w.crowds[i].work()), max(high, w.crowds[i].work()+arrived)
	}
	for range 40 {
		middle, sum := (low+high)/2, 0.0
		for i := range w.crowds {
			if c := &w.crowds[i]; c.work() <= middle {
				sum += takes(c, middle)
			}
		}
		if sum < arrived {
			low = middle
		} else {
			high = middle
		}
	}
	sum := 0.0
	for i := range w.crowds {
		w.shares[i] = 0
		if c := &w.crowds[i]; c.work() <= high {
			w.shares[i] = takes(c, high)
		}
		sum += w.shares[i]
	}
	for i := range w.crowds {
		w.shares[i] /= max(sum, 1e-300)
	}
}

// twoCrowds gives a request to the better of two random replicas.
func (w *Fluid) twoCrowds() {
	sum := 0.0
	for i := range w.crowds {
		busier, same := 0.0, 0.0
		for j := range w.crowds {
			share := float64(w.crowds[j].replicas) / float64(w.replicas)
			switch {
			case i == j:
				same = share
			case w.crowds[j].work() > w.crowds[i].work():
				busier += share
			}
		}
		w.shares[i] = same * (same + 2*busier)
		sum += w.shares[i]
	}
	for i := range w.crowds {
		w.shares[i] /= sum // crowds with equally much
	}
}
