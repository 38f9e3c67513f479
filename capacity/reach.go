package capacity

import (
	"math"
	"time"
)

const (
	// shows is by how much responses must be longer than services for a wait to
	// be told from chance, besides three standard errors.
	shows = 0.03
	// yields is how much of what is known gives way to a new sample.
	yields = 0.3
	// unproven is the load of a replica that was never seen to wait.
	unproven = 0.8
	// What was taken for a wait was none when so much more is answered without.
	refutes = 1.1
	// While no wait shows, what is believed grows so much a second back to most of
	// what was proven, or to what the load speaks for, from so much of the load on at
	// which a wait would show. Further it grows by less, and nearer to that load.
	returns, returnsFrom   = 0.2 / 60, 0.75
	explores, exploresFrom = 0.1 / 60, 0.9
	most                   = 0.9
	// A limit is believed for so long, and for twice as long each time it is met
	// again, up to so many times.
	believed = 2 * time.Minute
	mostMet  = 5
)

// reach is what is known from response times of what a replica carries, in
// requests per second.
//
//	carries │ ── Proven
//	        │    ╲          ╱╲     met again: believed for twice as long
//	        │     ╲ waits  ╱  ╲──────────╮
//	        │      ╲──────╱    doubted    ╰─ …
//	        │       Limit
//	        └──────────────────────────────────► time
//
// A wait and a passing slowness look alike. So what was proven is kept apart from
// the limit, and a limit that shows no wait for some minutes under load is tried
// again, by steps that are undone when a wait shows, and more seldom each time it
// was true (exponential backoff).
type reach struct {
	// Proven is what is believed where no wait shows; 0: nothing yet.
	Proven float64 `json:"proven"`
	// Limit is what was carried where waits showed, at the load LimitAt; 0: none was met.
	Limit   float64 `json:"limit"`
	LimitAt float64 `json:"limitAt"`
	// Calm is for how many seconds of load no wait has shown, and Met how often
	// a limit that was doubted has been met again.
	Calm float64 `json:"calm"`
	Met  int     `json:"met"`
}

// perReplica is what is believed of services that take so long: at least that
// one replica works on one at once.
func (r *reach) perReplica(mean float64) float64 {
	if r.Proven == 0 || !(mean > 0) {
		return 0
	}
	if r.Limit > 0 {
		return max(1/mean, min(r.Proven, r.Limit))
	}
	return max(1/mean, r.Proven)
}

// learnReach learns from response times alone what a replica carries. As long as
// they are those of services, it carries at least what it would at the load at
// which waits begin to show: a load that grows explores a little further with
// each decision. Where waits show, their length tells the load.
//
//	response │                 ╱
//	         │               ╱   ← stretch gives the load, answers / load the limit
//	         │ ─ ─ ─ ─ ─ ─ ╱ ─ shows
//	         │ ──────────
//	         └──────────────────► answers per second and replica
func (l *Learner) learnReach(s *sample, steady bool, later time.Duration) {
	r := &l.memory.Reach
	each := s.throughput() / float64(s.ready)
	if !l.model.ready {
		r.Proven = max(r.Proven, each/unproven)
		return
	}
	mean := l.model.traits.Mean
	shown := 1 + shows + 3*l.model.traits.CV/math.Sqrt(s.answered)
	stretch, staffed := s.mean/mean, l.With(s.ready)
	switch {
	case stretch <= shown:
		r.Proven = max(r.Proven, each/max(0.1, staffed.loadOf(shown)))
		r.probe(each, max(0.1, staffed.loadOf(1+shows)), mean, min(later, unwatched).Seconds())
	case steady && s.answered >= 20:
		r.meet(each, each/staffed.loadOf(stretch), mean)
	}
	r.Proven = max(r.Proven, each)
	if r.Limit > 0 {
		r.Limit = max(r.Limit, each)
	}
}

// meet takes in a wait, at which a replica carries each of met.
func (r *reach) meet(each, met, mean float64) {
	if r.Limit > 0 && r.doubted() {
		r.Met = min(mostMet, r.Met+1)
		r.Proven += (r.perReplica(mean) - r.Proven) / 2
	}
	r.Limit = r.perReplica(mean)
	r.Limit += yields * (met - r.Limit)
	r.LimitAt, r.Calm = each, 0
}

// doubted reports that a limit has been believed for long enough.
func (r *reach) doubted() bool {
	return r.Calm >= math.Ldexp(believed.Seconds(), r.Met)
}

// probe takes in a replica that carries each without a wait, where one would begin
// to show at a load of so much: nearly there it is believed to carry a little more.
func (r *reach) probe(each, showing, mean, seconds float64) {
	now, refuted := r.perReplica(mean), each > refutes*r.LimitAt
	grows, from := returns, returnsFrom*showing
	if now >= max(most*r.Proven, each/showing) {
		grows, from = explores, exploresFrom*showing
	}
	if each < from*now {
		return
	}
	if refuted {
		r.Met = 0 // more is answered without a wait: that was chance
	}
	if r.Calm += seconds; r.Limit > 0 && !refuted && !r.doubted() {
		return
	}
	next := min(now*(1+grows*seconds), each/from)
	r.Proven = max(r.Proven, next)
	if r.Limit > 0 {
		r.Limit = max(r.Limit, next)
	}
}

// slow takes in services that take so many times as long: slots that are busy
// for longer carry less, until more is seen.
func (r *reach) slow(times float64) {
	r.Limit = r.Proven / times
	r.LimitAt, r.Calm = r.Limit, 0
}
