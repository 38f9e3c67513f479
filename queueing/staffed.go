package queueing

import "math"

// Staffed is a [Blend] with some number of replicas, for those who ask about many
// rates: the curves and the place in them are looked up once.
type Staffed struct {
	blend    *Blend
	replicas int
	capacity float64 // of all replicas
	at       place
	tables   [4]*table // nil: not asked yet, or none
}

// With is the blend with so many replicas. It must not change before the answers.
func (b *Blend) With(replicas int) Staffed {
	s := Staffed{blend: b, replicas: replicas, capacity: float64(replicas) * b.capacity}
	for _, shape := range &b.shapes {
		if shape != nil && replicas > 0 {
			s.replicas, s.at = shape.library.reach(replicas)
			break
		}
	}
	return s
}

// table is that of the k-th shape; nil without one.
func (s *Staffed) table(k int) *table {
	if s.tables[k] == nil && s.blend.shapes[k] != nil {
		s.tables[k] = s.blend.shapes[k].upTo(s.replicas)
	}
	return s.tables[k]
}

// Avoidable is that of the blend.
func (s *Staffed) Avoidable(rate, backlog float64) float64 {
	b := s.blend
	late := max(0, backlog) / (s.capacity * b.threshold) * tableDelays
	if s.replicas <= 0 || !(late < tableDelays) {
		return b.met
	}
	delay := int(late)
	load, behind := tableLoad(s.capacity, rate)
	log := 0.0
	for k := range s.tables {
		if t := s.table(k); t != nil {
			log += b.shares[k] * t.log(s.at, load, delay, behind, late-float64(delay))
		}
	}
	return min(b.met, math.Exp(log))
}

// MeanResponse is that of the blend.
func (s *Staffed) MeanResponse(rate, backlog float64) float64 {
	if s.replicas <= 0 {
		return math.Inf(1)
	}
	load, behind := tableLoad(s.capacity, rate)
	sum := 0.0
	for k := range s.tables {
		if t := s.table(k); t != nil {
			sum += s.blend.spans[k] * t.mean(s.at, load, behind)
		}
	}
	return sum*s.blend.mean + max(0, backlog)/s.capacity
}
