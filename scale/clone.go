package scale

import "slices"

// Clone returns a copy that shares nothing with o that its maker may still
// change: for whoever looks at it later, beside the loop.
func (o *Observation) Clone() Observation {
	c := *o
	c.Replicas, c.Signals = slices.Clone(o.Replicas), slices.Clone(o.Signals)
	c.Conditions, c.Advice = slices.Clone(o.Conditions), slices.Clone(o.Advice)
	for i := range c.Replicas {
		c.Replicas[i].Samples = slices.Clone(c.Replicas[i].Samples)
	}
	for i := range c.Signals {
		s := &c.Signals[i]
		s.Points = slices.Clone(s.Points)
		if s.Distribution != nil {
			own := *s.Distribution
			s.Distribution = &own
		}
	}
	return c
}
