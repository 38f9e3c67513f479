package season

// Bins divides seasons of Period steps into Count bins of about equal length,
// so that a day in steps of 15 s takes 288 numbers instead of 5,760.
type Bins struct {
	Period int64
	Count  int64
}

// NewBins returns at most so many bins, and no more than steps; none for no season.
func NewBins(period int64, most int) Bins {
	period = max(0, period)
	return Bins{Period: period, Count: min(int64(most), period)}
}

// Place says which season since the epoch a step belongs to, and where in it.
// There must be a season.
func (b Bins) Place(step int64) (season, phase int64) {
	season, phase = step/b.Period, step%b.Period
	if phase < 0 {
		season, phase = season-1, phase+b.Period
	}
	return season, phase
}

// Slot numbers the bins of all seasons from the epoch.
func (b Bins) Slot(step int64) int64 {
	season, phase := b.Place(step)
	return season*b.Count + phase*b.Count/b.Period
}

// Index says which bin of the season a slot is.
func (b Bins) Index(slot int64) int { return int((slot%b.Count + b.Count) % b.Count) }

// At reads values, one for each bin, at a step: in a straight line from the
// middle of one bin to that of the next.
func (b Bins) At(values []float64, step int64) float64 {
	_, phase := b.Place(step)
	if b.Count == b.Period {
		return values[phase]
	}
	where := (float64(phase)+0.5)*float64(b.Count)/float64(b.Period) - 0.5 + float64(b.Count)
	whole := int64(where)
	share := where - float64(whole)
	return values[whole%b.Count]*(1-share) + values[(whole+1)%b.Count]*share
}
