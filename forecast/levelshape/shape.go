package levelshape

import (
	"github.com/flyball-io/flyball/forecast"
	seasons "github.com/flyball-io/flyball/forecast/season"
)

// shape is how a season goes: the part of each bin, 1 on average. Smooth is
// the same without what only one bin has.
type shape struct {
	Period int64
	Parts  forecast.Numbers[float64]
	Smooth forecast.Numbers[float64]
	Seen   float64                   // seasons behind Parts
	Season int64                     // the one that is running, counted from the epoch
	Row    forecast.Numbers[float64] // means of the running season, bin by bin; −1 = not measured
	Bin    int64                     // the one of the newest step
	Sum    float64
	Count  float64
}

func newShape(cfg Config, period int64) shape {
	n := seasons.NewBins(period, cfg.Bins).Count
	s := shape{Period: period, Parts: make([]float64, n), Smooth: make([]float64, n), Row: make([]float64, n)}
	s.begin()
	return s
}

// begin starts a season of which nothing is measured.
func (s *shape) begin() {
	for i := range s.Row {
		s.Row[i] = -1
	}
	s.Bin, s.Sum, s.Count = 0, 0, 0
}

// fits reports whether it could have been made by newShape and updates.
func (s *shape) fits(cfg Config) bool {
	n := int(seasons.NewBins(s.Period, cfg.Bins).Count)
	return s.Period >= 0 && len(s.Parts) == n && len(s.Smooth) == n && len(s.Row) == n &&
		s.Bin >= 0 && s.Bin <= int64(max(0, n-1))
}

// at returns the part of a step.
func (s *shape) at(parts []float64, step int64) float64 {
	if s.Seen == 0 {
		return 1
	}
	return s.bins().At(parts, step)
}

func (s *shape) bins() seasons.Bins {
	return seasons.Bins{Period: s.Period, Count: int64(len(s.Parts))}
}

// ends reports whether a step is of a later season than the running one.
func (s *shape) ends(step int64) bool {
	season, _ := s.bins().Place(step)
	return season != s.Season
}

// update adds the value of a step to its bin.
func (s *shape) update(step int64, value float64) {
	season, phase := s.bins().Place(step)
	s.Season = season
	if bin := phase * int64(len(s.Parts)) / s.Period; bin != s.Bin {
		s.close()
		s.Bin = bin
	}
	s.Sum += value
	s.Count++
}

func (s *shape) close() {
	if s.Count > 0 {
		s.Row[s.Bin] = s.Sum / s.Count
	}
	s.Sum, s.Count = 0, 0
}

// learn takes the season that ended into the shape and returns its mean, or 0
// when less than three quarters of it were measured and above 0: an outage says
// nothing of proportions.
func (s *shape) learn(cfg Config) float64 {
	s.close()
	total, measured, above := 0.0, 0.0, 0.0
	for _, mean := range s.Row {
		if mean >= 0 {
			total += mean
			measured++
		}
		if mean > 0 {
			above++
		}
	}
	level := total / max(1, measured)
	if above < 0.75*float64(len(s.Row)) || level < 1e-9 {
		level = 0
	} else {
		s.Seen = min(s.Seen+1, cfg.Seasons)
		s.mix(level, 1/s.Seen)
		s.smooth()
	}
	s.begin()
	return level
}

// least is the smallest part: a load that was nothing at this hour may be
// something next time, and dividing by a small part makes noise a load.
const least = 0.05

// mix gives the season that ended a share of the shape.
func (s *shape) mix(level, share float64) {
	for i, mean := range s.Row {
		part := s.Parts[i]
		if mean >= 0 {
			part = max(least, mean/level)
		} else if s.Seen <= 1 {
			part = 1
		}
		s.Parts[i] += share * (part - s.Parts[i])
	}
}

// smooth writes the mean of each part with those around it, an hour and a half
// of a day.
func (s *shape) smooth() {
	n := len(s.Parts)
	reach := n / 32
	sum := 0.0
	for i := -reach; i <= reach; i++ {
		sum += s.Parts[(i+n)%n]
	}
	for i := range n {
		s.Smooth[i] = max(least, sum/float64(2*reach+1))
		sum += s.Parts[(i+reach+1)%n] - s.Parts[(i-reach+n)%n]
	}
}
