package sim

import (
	"time"
)

// fluidMember is what a replica is to the fluid.
type fluidMember struct {
	ready bool
	used  float64 // seconds per slot, less perSlot while it is ready
}

// open implements host.
func (w *Fluid) open(slot int) {
	for len(w.members) <= slot {
		w.members = append(w.members, fluidMember{})
	}
	w.members[slot] = fluidMember{}
}

// serve implements host.
func (w *Fluid) serve(slot int) {
	m := &w.members[slot]
	m.ready = true
	m.used -= w.perSlot
	w.join()
	w.resize(w.replicas + 1)
	c := &w.crowds[len(w.crowds)-1]
	if free := w.slotsOf(c) - c.inUse; c.line.count > 0 && free > 0 {
		w.step.counters = counters{}
		n := min(c.line.count, free)
		w.serveLine(&c.line, n, w.now.Seconds(), w.now.Seconds())
		c.inUse += n
		w.total.add(&w.step.counters)
		w.sum()
	}
}

func (w *Fluid) resize(replicas int) {
	w.replicas = replicas
	w.slots = float64(replicas * w.scenario.Service.Slots)
	w.capacity = w.slots / w.mean
	w.law.resize(replicas)
}

// release implements host: a replica takes its share of the work with it.
func (w *Fluid) release(slot int) bool {
	m := &w.members[slot]
	if !m.ready {
		return true
	}
	m.ready = false
	m.used += w.perSlot
	l := leaver{slot: slot, from: w.now}
	w.resize(w.replicas - 1)
	l.inUse, l.line = w.part()
	if !w.central {
		chance := w.chance / float64(w.replicas+1)
		l.inUse += chance
		w.chance -= chance
	}
	if l.inUse+l.line.count < 1e-6 {
		return true
	}
	w.away += l.inUse + l.line.count
	l.until = w.now + seconds(w.drainTime(&l))
	w.leavers = append(w.leavers, l)
	w.timer = min(w.timer, l.until)
	return false
}

// drainTime is about how long a replica needs for the rest of its work: its
// line, and the longest of the services in progress.
func (w *Fluid) drainTime(l *leaver) float64 {
	running := min(l.inUse, float64(w.scenario.Service.Slots))
	last := w.scenario.Service.Law.Quantile(running / (1 + running))
	return last + (l.inUse-running+l.line.count)*w.mean/float64(w.scenario.Service.Slots)
}

// lose implements host.
func (w *Fluid) lose(slot int) {
	for i := range w.leavers {
		if l := w.leavers[i]; l.slot == slot {
			w.leavers = append(w.leavers[:i], w.leavers[i+1:]...)
			part := 0.0
			if w.now > l.from {
				part = min(1, float64(w.now-l.from)/float64(l.until-l.from))
			}
			w.left(&l, part)
			return
		}
	}
}

// load implements host: all that are ready have the same.
func (w *Fluid) load(int) int { return 0 }

// busy implements metered.
func (w *Fluid) busy(slot int) time.Duration {
	m := &w.members[slot]
	used := m.used
	if m.ready {
		used += w.perSlot + w.step.perSlot*w.step.part
	}
	return time.Duration(used * float64(w.scenario.Service.Slots) * float64(time.Second))
}
