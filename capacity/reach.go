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
	// A limit that was met may have been passing trouble: it grows by 5 % an hour.
	limitGrows = 0.05 / 3600
)

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
	m := &l.memory
	each := s.throughput() / float64(s.ready)
	m.Limit *= 1 + limitGrows*later.Seconds()
	if !l.model.ready {
		m.Reach = max(m.Reach, each/unproven)
		return
	}
	shown := 1 + shows + 3*l.model.traits.CV/math.Sqrt(s.answered)
	stretch := s.mean / l.model.traits.Mean
	switch {
	case stretch <= shown:
		m.Reach = max(m.Reach, each/max(0.1, l.loadOf(s.ready, 1+shows)))
		if each > refutes*m.LimitAt {
			m.Limit = 0 // more is answered without a wait: that was chance
		}
	case steady && s.answered >= 20:
		met := each / l.loadOf(s.ready, stretch)
		if m.Limit == 0 {
			m.Limit = max(met, m.Reach)
		}
		m.Limit += yields * (met - m.Limit)
		m.LimitAt = each
	}
	m.Reach = max(m.Reach, each)
	if m.Limit > 0 {
		m.Limit = max(m.Limit, each)
		m.Reach = min(m.Reach, m.Limit)
	}
}
