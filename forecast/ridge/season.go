package ridge

import seasons "github.com/flyball-io/flyball/forecast/season"

// season is the mean of earlier seasons, in bins.
type season struct {
	Period  int64
	Means   []float64 // −1 = never measured
	Missing int       // bins that were never measured
	Slot    int64     // the bin that is being filled
	Sum     float64
	Count   float64
}

func newSeason(period int64, bins int) season {
	n := seasons.NewBins(period, bins).Count
	s := season{Period: period, Means: make([]float64, n), Missing: int(n)}
	for i := range s.Means {
		s.Means[i] = -1
	}
	return s
}

func (s *season) bins() seasons.Bins {
	return seasons.Bins{Period: s.Period, Count: int64(len(s.Means))}
}

func (s *season) fits(bins int) bool {
	return s.Period >= 0 && int64(len(s.Means)) == seasons.NewBins(s.Period, bins).Count
}

// newShare is the weight of the newest season in the mean.
const newShare = 0.4

// update adds a value to its bin, and closes the bin before it.
func (s *season) update(step int64, z float64) {
	if s.Period == 0 {
		return
	}
	if slot := s.bins().Slot(step); slot != s.Slot {
		if s.Count > 0 {
			s.close(&s.Means[s.bins().Index(s.Slot)])
		}
		s.Slot, s.Sum, s.Count = slot, 0, 0
	}
	s.Sum += z
	s.Count++
}

func (s *season) close(mean *float64) {
	now := s.Sum / s.Count
	if *mean < 0 {
		*mean = now
		s.Missing--
		return
	}
	*mean += newShare * (now - *mean)
}

// at returns the mean of earlier seasons at a step, 0 until one is complete.
func (s *season) at(step int64) float64 {
	if s.Period == 0 || s.Missing > 0 {
		return 0
	}
	return s.bins().At(s.Means, step)
}
