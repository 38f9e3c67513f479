package levelshape

import seasons "github.com/flyball-io/flyball/forecast/season"

// shape is how a season goes: the part of each bin, 1 on average.
type shape struct {
	Period int64
	Parts  []float64
	Seen   float64   // seasons behind Parts
	Season int64     // the one that is running, counted from the epoch
	Sums   []float64 // of the running season, bin by bin
	Counts []float64
}

func newShape(cfg Config, period int64) shape {
	bins := min(int64(cfg.Bins), period)
	return shape{Period: period, Parts: make([]float64, bins), Sums: make([]float64, bins), Counts: make([]float64, bins)}
}

// at returns the part of a step, in a straight line from the middle of one bin
// to that of the next.
func (s *shape) at(step int64) float64 {
	if s.Seen == 0 {
		return 1
	}
	_, phase := s.place(step)
	bins := len(s.Parts)
	if int64(bins) == s.Period {
		return s.Parts[phase]
	}
	where := (float64(phase)+0.5)*float64(bins)/float64(s.Period) - 0.5 + float64(bins)
	whole := int(where)
	share := where - float64(whole)
	return s.Parts[whole%bins]*(1-share) + s.Parts[(whole+1)%bins]*share
}

// ends reports whether a step is of a later season than the running one.
func (s *shape) ends(step int64) bool {
	season, _ := s.place(step)
	return season != s.Season
}

// update adds the value of a step to its bin.
func (s *shape) update(step int64, value float64) {
	if s.Period == 0 {
		return
	}
	season, phase := s.place(step)
	bin := phase * int64(len(s.Parts)) / s.Period
	s.Season = season
	s.Sums[bin] += value
	s.Counts[bin]++
}

// learn takes the season that ended into the shape and returns its mean, or 0
// when less than nine tenths of it were measured, or nothing but zeros.
func (s *shape) learn(cfg Config) float64 {
	total, measured := 0.0, 0.0
	for i, count := range s.Counts {
		if count > 0 {
			total += s.Sums[i] / count
			measured++
		}
	}
	level := total / max(1, measured)
	if measured < 0.9*float64(len(s.Counts)) || level <= 0 {
		level = 0
	} else {
		s.Seen = min(s.Seen+1, cfg.Seasons)
		s.mix(level, 1/s.Seen)
	}
	clear(s.Sums)
	clear(s.Counts)
	return level
}

// mix gives the season that ended a share of the shape.
func (s *shape) mix(level, share float64) {
	for i, count := range s.Counts {
		part := s.Parts[i]
		if count > 0 {
			part = s.Sums[i] / count / level
		} else if s.Seen <= 1 {
			part = 1
		}
		s.Parts[i] += share * (part - s.Parts[i])
	}
}

func (s *shape) place(step int64) (season, phase int64) {
	return seasons.Bins{Period: s.Period, Count: int64(len(s.Parts))}.Place(step)
}
