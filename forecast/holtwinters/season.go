package holtwinters

import (
	"github.com/flyball-io/flyball/forecast"
	seasons "github.com/flyball-io/flyball/forecast/season"
)

// season is one factor, or with Additive one term, for each bin of a season.
type season struct {
	Period  int64
	Neutral float64 // what changes nothing: 1, or 0 with Additive
	Factors forecast.Numbers[float64]
	Learned bool  // one season has passed: until then Factors are means, −1 = not measured
	First   int64 // step of this season length
	Slot    int64 // the bin that is being filled
	Sum     float64
	Count   float64
}

func newSeason(cfg Config, period int64) season {
	s := season{Period: period, Neutral: 1, Factors: make([]float64, min(int64(cfg.Bins), period))}
	if cfg.Additive {
		s.Neutral = 0
	}
	for i := range s.Factors {
		s.Factors[i] = -1
	}
	return s
}

func (s *season) bins() seasons.Bins {
	return seasons.Bins{Period: s.Period, Count: int64(len(s.Factors))}
}

// at returns the factor of a step.
func (s *season) at(step int64) float64 {
	if !s.Learned {
		return s.Neutral
	}
	return s.bins().At(s.Factors, step)
}

// update adds a value to its bin and closes the bin before it. It reports
// whether a first season is complete, to be learnt.
func (s *season) update(cfg Config, step int64, value, level float64) bool {
	if s.Period == 0 {
		return false
	}
	if slot := s.bins().Slot(step); slot != s.Slot {
		switch {
		case s.Count > 0:
			s.close(cfg, level)
		case !s.Learned:
			s.First = step
		}
		s.Slot, s.Sum, s.Count = slot, 0, 0
	}
	s.Sum += value
	s.Count++
	return !s.Learned && step-s.First >= s.Period
}

// close takes the mean of the bin that ended into its factor.
func (s *season) close(cfg Config, level float64) {
	mean, factor := s.Sum/s.Count, &s.Factors[s.bins().Index(s.Slot)]
	switch {
	case !s.Learned:
		*factor = mean
	case s.Neutral == 0:
		*factor += cfg.SeasonRate * (mean - level - *factor)
	case level > 0:
		*factor = bound(*factor + cfg.SeasonRate*(mean/level-*factor))
	}
}

// bound is how far from the mean a part of a season is believed to be: not so
// near 0 that dividing by it makes noise a load.
func bound(factor float64) float64 { return max(0.05, min(factor, 20)) }

// learn turns the means of the first season into factors, or terms.
func (s *season) learn() {
	sum, count := 0.0, 0.0
	for _, mean := range s.Factors {
		if mean >= 0 {
			sum += mean
			count++
		}
	}
	for i, mean := range s.Factors {
		switch {
		case mean < 0 || sum == 0:
			s.Factors[i] = s.Neutral
		case s.Neutral == 0:
			s.Factors[i] = mean - sum/count
		default:
			s.Factors[i] = bound(mean / (sum / count))
		}
	}
	s.Learned = true
}
