package record

import (
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// See reduces an observation to its newest values.
func See(obs *scale.Observation) Seen {
	seen := Seen{Conditions: obs.Conditions}
	for i := range obs.Replicas {
		switch r := &obs.Replicas[i]; {
		case !r.DeletedAt.IsZero():
			seen.Terminating++
		case r.TakesWork():
			seen.Ready++
			if r.Readiness.Since.After(seen.ReadySince) {
				seen.ReadySince = r.Readiness.Since
			}
		case r.Phase == scale.Pending || r.Phase == scale.Running:
			seen.Starting++
		}
	}
	for i := range obs.Signals {
		seen.Signals = append(seen.Signals, measure(&obs.Signals[i]))
	}
	return seen
}

func measure(s *scale.Signal) Measured {
	m := Measured{Name: s.Name, Trust: s.Trust, Window: s.Window}
	if n := len(s.Points); n > 0 {
		m.At, m.Value = s.Points[n-1].At, s.Points[n-1].Value
	}
	if d := s.Distribution; d != nil && d.Count() > 0 {
		m.P50, m.P95, m.P99 = finite(d.Quantile(0.5)), finite(d.Quantile(0.95)), finite(d.Quantile(0.99))
	}
	m.Value = finite(m.Value)
	return m
}

// finite leaves out what JSON does not know.
func finite(v float64) float64 {
	if !series.Finite(v) {
		return 0
	}
	return v
}
