package rls

import seasons "github.com/flyball-io/flyball/forecast/season"

// profile is the mean of earlier seasons, in bins.
type profile struct {
	bins   int
	season *season
}

// season is the memory of a profile.
type season struct {
	Period int64
	Means  []float64 // −1 = never measured
	Slot   int64     // the bin that is being filled
	Sum    float64
	Count  float64
}

func (s *season) bins() seasons.Bins {
	return seasons.Bins{Period: s.Period, Count: int64(len(s.Means))}
}

func (s *season) fits(bins int) bool {
	return s.Period >= 0 && int64(len(s.Means)) == min(int64(bins), s.Period)
}

func (p *profile) setPeriod(steps int64) {
	steps = max(0, steps)
	if p.season.Means != nil && steps == p.season.Period {
		return
	}
	means := make([]float64, min(int64(p.bins), steps))
	for i := range means {
		means[i] = -1
	}
	*p.season = season{Period: steps, Means: means}
}

// newShare is the weight of the newest season in the mean.
const newShare = 0.4

// update adds a value to its bin, and closes the bin before it.
func (p *profile) update(step int64, z float64) {
	s := p.season
	if s.Period == 0 {
		return
	}
	if slot := s.bins().Slot(step); slot != s.Slot {
		if s.Count > 0 {
			mean, of := s.Sum/s.Count, &s.Means[s.bins().Index(s.Slot)]
			if *of >= 0 {
				mean = *of + newShare*(mean-*of)
			}
			*of = mean
		}
		s.Slot, s.Sum, s.Count = slot, 0, 0
	}
	s.Sum += z
	s.Count++
}

// at returns the mean of earlier seasons at the place of a step, −1 for none.
func (p *profile) at(step int64) float64 {
	if p.season.Period == 0 {
		return -1
	}
	return p.season.Means[p.season.bins().Index(p.season.bins().Slot(step))]
}
