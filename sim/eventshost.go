package sim

import "time"

// server is what a replica is to its requests.
type server struct {
	line    line
	running int32
	work    int32 // running and in line
	member  bool  // takes new work
	// idle is such that the slot-time used before t is running·t + idle.
	idle   time.Duration
	shared sharing
}

// open implements host.
func (w *Events) open(slot int) {
	for len(w.servers) <= slot {
		w.servers = append(w.servers, server{line: line{-1, -1, 0}})
	}
	s := &w.servers[slot]
	w.past += s.idle
	s.idle, s.shared.at = 0, w.now
}

// serve implements host.
func (w *Events) serve(slot int) {
	s := &w.servers[slot]
	s.member = true
	w.levels.add(int32(slot), int(s.work))
	w.unhold()
}

// release implements host.
func (w *Events) release(slot int) bool {
	s := &w.servers[slot]
	if s.member {
		s.member = false
		w.levels.remove(int32(slot))
	}
	return s.work == 0
}

// load implements host.
func (w *Events) load(slot int) int { return int(w.servers[slot].work) }

// lose implements host.
func (w *Events) lose(slot int) {
	s := &w.servers[slot]
	for s.line.n > 0 {
		w.lost(w.shift(&s.line))
	}
	if w.sharing {
		w.loseShared(s)
	}
	w.departures.filter(func(d due) bool {
		if w.sharing {
			return d.id != int32(slot)
		}
		here := w.requests[d.id].server == int32(slot)
		if here {
			w.lost(d.id)
		}
		return !here
	})
	s.idle += time.Duration(s.running) * w.now
	s.running, s.work = 0, 0
}

func (w *Events) lost(id int32) {
	if r := &w.requests[id]; r.state != abandoned {
		w.fail(r)
	}
	w.free(id)
}

// busy implements metered.
func (w *Events) busy(slot int) time.Duration {
	s := &w.servers[slot]
	if w.sharing {
		w.catchUp(s)
	}
	return time.Duration(s.running)*w.now + s.idle
}

// counters implements metered.
func (w *Events) counters() counters {
	busy := w.past
	for slot := range w.servers {
		busy += w.busy(slot)
	}
	return w.meter.counters(w.now, busy, w.held.n)
}
