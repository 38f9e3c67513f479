package scaletest

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Shift returns the observations as they would be on a clock that is off by d.
func Shift(all []scale.Observation, d time.Duration) []scale.Observation {
	shifted := slices.Clone(all)
	for i := range shifted {
		obs := &shifted[i]
		obs.At = obs.At.Add(d)
		obs.Replicas = slices.Clone(obs.Replicas)
		for j := range obs.Replicas {
			r := &obs.Replicas[j]
			for _, at := range []*time.Time{&r.StartedAt, &r.DeletedAt, &r.Readiness.Since} {
				if !at.IsZero() {
					*at = at.Add(d)
				}
			}
		}
		obs.Conditions = slices.Clone(obs.Conditions)
		for j := range obs.Conditions {
			obs.Conditions[j].Since = obs.Conditions[j].Since.Add(d)
		}
		obs.Signals = slices.Clone(obs.Signals)
		for j := range obs.Signals {
			s := &obs.Signals[j]
			s.Points = slices.Clone(s.Points)
			for k := range s.Points {
				s.Points[k].At = s.Points[k].At.Add(d)
			}
		}
	}
	return shifted
}

// SetBack are observations over some hours, on a clock that was a year ahead
// before them.
func SetBack(seed uint64) (before, after []scale.Observation) {
	return Shift(Hostile(seed, 200), 365*24*time.Hour), Hostile(seed+1, 2000)
}
