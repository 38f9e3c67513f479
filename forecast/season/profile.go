package season

import "github.com/flyball-io/flyball/forecast"

// Profile is the mean of earlier seasons, bin by bin; the newest counts two fifths.
type Profile struct {
	Bins    Bins
	Means   forecast.Numbers[float64] // −1 = never measured
	Missing int                       // bins that were never measured
	Slot    int64                     // the bin that is being filled
	Sum     float64
	Count   float64
}

// newest is the share of the newest season.
const newest = 0.4

// NewProfile returns a profile of at most so many bins; none for no season.
func NewProfile(period int64, most int) Profile {
	b := NewBins(period, most)
	p := Profile{Bins: b, Means: make([]float64, b.Count), Missing: int(b.Count)}
	for i := range p.Means {
		p.Means[i] = -1
	}
	return p
}

// Fits reports whether NewProfile and updates could have made it: what a
// snapshot says must be asked.
func (p *Profile) Fits(most int) bool {
	return p.Bins == NewBins(p.Bins.Period, most) && int64(len(p.Means)) == p.Bins.Count
}

// Update adds the value of a step to its bin, and closes the bin before it.
func (p *Profile) Update(step int64, value float64) {
	if p.Bins.Count == 0 {
		return
	}
	if slot := p.Bins.Slot(step); slot != p.Slot {
		if p.Count > 0 {
			p.close(&p.Means[p.Bins.Index(p.Slot)])
		}
		p.Slot, p.Sum, p.Count = slot, 0, 0
	}
	p.Sum += value
	p.Count++
}

func (p *Profile) close(mean *float64) {
	now := p.Sum / p.Count
	if *mean < 0 {
		*mean = now
		p.Missing--
		return
	}
	*mean += newest * (now - *mean)
}

// At returns the mean of earlier seasons at a step, 0 until one is complete.
func (p *Profile) At(step int64) float64 {
	if p.Bins.Count == 0 || p.Missing > 0 {
		return 0
	}
	return p.Bins.At(p.Means, step)
}
