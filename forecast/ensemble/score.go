package ensemble

import (
	"slices"

	"github.com/flyball-io/flyball/forecast"
)

// score is how well a channel's word was kept.
type score struct {
	Settled float64
	Kept    forecast.Numbers[float64] // truths at or below the quantile of each level
	Loss    float64                   // sum of pinball losses, each the mean over the levels
}

func newScore(levels int) score { return score{Kept: make([]float64, levels)} }

func (s *score) count(quantiles []float64, truth, loss float64) {
	s.Settled++
	s.Loss += loss
	kept := s.Kept[:len(quantiles)]
	for l, q := range quantiles {
		if truth <= q {
			kept[l]++
		}
	}
}

// Standing is how a model does at a horizon.
type Standing struct {
	Name   string
	Weight float64 // of all weight 1
	Error  float64 // its mean absolute error of late
}

// Experts are the models and how they do at a horizon, the one that leads
// first.
func (e *Ensemble) Experts(horizon int) []Standing {
	c := e.value(e.index(horizon))
	var all []Standing
	for k, m := range e.named {
		all = append(all, Standing{m.Name, c.Experts[k].Weight, c.Experts[k].size(&e.cfg, 0, 0)})
	}
	slices.SortStableFunc(all, func(a, b Standing) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return 0
	})
	return all
}

// Leader is the model with the most weight at a horizon, and its weight. It
// allocates nothing.
func (e *Ensemble) Leader(horizon int) (name string, weight float64) {
	for k, x := range e.value(e.index(horizon)).Experts {
		if x.Weight > weight {
			name, weight = e.named[k].Name, x.Weight
		}
	}
	return name, weight
}

// Coverage is how often the truth lay at or below the quantile that was said
// of the value at a horizon, for each level, and of how many truths.
func (e *Ensemble) Coverage(horizon int) (shares []float64, settled int) {
	return e.value(e.index(horizon)).Score.shares()
}

// PeakCoverage is the same of the largest value until then.
func (e *Ensemble) PeakCoverage(horizon int) (shares []float64, settled int) {
	return e.peak(e.index(horizon)).Score.shares()
}

func (s *score) shares() ([]float64, int) {
	shares := slices.Clone(s.Kept)
	for l := range shares {
		if s.Settled > 0 {
			shares[l] /= s.Settled
		}
	}
	return shares, int(s.Settled)
}
