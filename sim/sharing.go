package sim

import "time"

// sharing is a replica whose slots are shared by all of its requests: each of n
// runs at the speed min(1, slots/n). Progress is the service that a request
// present since the beginning would have had; a request that joins when it is p
// ends when it reaches p plus its own service. So only the order of these tags
// matters, and an arrival or an end costs O(log n).
type sharing struct {
	progress time.Duration
	at       time.Duration // up to here progress is known
	rest     float64       // of progress below a nanosecond
	tags     heap          // progress at which each request ends
	turn     uint32        // of the end that is planned
}

// speed at which each of n requests runs.
func (w *Events) speed(n int) float64 {
	if n <= int(w.slots) {
		return 1
	}
	return float64(w.slots) / float64(n)
}

// catchUp brings progress and the used slot-time of a replica to now.
func (w *Events) catchUp(s *server) {
	p := &s.shared
	elapsed := w.now - p.at
	p.at = w.now
	if n := len(p.tags); n > 0 && elapsed > 0 {
		made := float64(elapsed)*w.speed(n) + p.rest
		whole := time.Duration(made)
		p.progress, p.rest = p.progress+whole, made-float64(whole)
		s.idle += elapsed * time.Duration(min(n, int(w.slots)))
	}
}

// share lets a request join the others of a replica.
func (w *Events) share(id, s int32) {
	server := &w.servers[s]
	w.catchUp(server)
	r := &w.requests[id]
	r.state = running
	server.shared.tags.push(due{at: server.shared.progress + r.service, id: id})
	w.plan(s)
}

// plan says when the next request of a replica ends as things are.
func (w *Events) plan(s int32) {
	p := &w.servers[s].shared
	p.turn++
	if n := len(p.tags); n > 0 {
		left := float64(p.tags[0].at-p.progress) - p.rest
		w.departures.push(due{at: w.now + max(0, time.Duration(left/w.speed(n)+0.5)), id: s, turn: p.turn})
	}
}

// departShared ends the request of a replica that is done, unless others have
// joined or left since that was planned.
func (w *Events) departShared() {
	d := w.departures.pop()
	w.now = d.at
	server := &w.servers[d.id]
	if server.shared.turn != d.turn {
		return
	}
	w.catchUp(server)
	id := server.shared.tags.pop().id
	w.plan(d.id)
	w.leave(id)
}

// loseShared drops all requests of a replica.
func (w *Events) loseShared(s *server) {
	w.catchUp(s)
	for _, d := range s.shared.tags {
		w.lost(d.id)
	}
	s.shared.tags = s.shared.tags[:0]
	s.shared.turn++
}
