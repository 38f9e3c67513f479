package forecasts

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/flyball-io/flyball/forecast"
)

// play is one series with what all contestants are measured by.
type play struct {
	Series
	setting  Setting
	horizons []Horizon
	peaks    [][]float64 // by horizon and origin, NaN over a gap
	scale    float64     // the one-season naive error
}

func newPlay(s Series, o Options) *play {
	p := &play{Series: s, horizons: o.Horizons(s.Step)}
	p.setting = Setting{Step: s.Step, Levels: Levels(), Season: s.season()}
	for _, h := range p.horizons {
		p.setting.Horizons = append(p.setting.Horizons, h.Steps)
		p.peaks = append(p.peaks, peaks(s.Values, h.Steps))
	}
	slices.Sort(p.setting.Horizons)
	p.setting.Horizons = slices.Compact(p.setting.Horizons)
	p.scale = naiveError(s.Values, s.season())
	return p
}

// peaks are the largest of the next h values after each origin, NaN where one
// of them was not measured.
func peaks(values []float64, h int) []float64 {
	out := make([]float64, max(0, len(values)-h))
	for i := range out {
		for _, v := range values[i+1 : i+h+1] {
			out[i] = math.Max(out[i], v) // NaN stays
		}
	}
	return out
}

// naiveError is the mean |y(t) − y(t−season)| over all pairs that were
// measured: what Hyndman and Koehler (2006) scale errors by.
func naiveError(values []float64, season int) float64 {
	sum, n := 0.0, 0
	for i := season; i < len(values); i++ {
		if d := math.Abs(values[i] - values[i-season]); !math.IsNaN(d) {
			sum += d
			n++
		}
	}
	return sum / float64(max(1, n))
}

// of plays a contestant.
func (p *play) of(ctx context.Context, c Contestant) ([]Score, error) {
	f, err := c.New(p.setting)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", c.Name, p.Name, err)
	}
	a, err := newAsked(f)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", c.Name, p.Name, err)
	}
	var tallies []*tally
	for range p.horizons {
		tallies = append(tallies, newTally(p.setting.Levels))
	}
	for i, v := range p.Values {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if math.IsNaN(v) {
			continue
		}
		f.Update(p.at(i), v)
		if i < p.warmup()-1 {
			continue
		}
		if err := p.ask(a, i, tallies); err != nil {
			return nil, fmt.Errorf("%s on %s, step %d: %w", c.Name, p.Name, i, err)
		}
	}
	return p.scores(c.Name, tallies), nil
}

func (p *play) scores(contestant string, tallies []*tally) []Score {
	var scores []Score
	for k, h := range p.horizons {
		s := tallies[k].score(p.scale, h.Steps)
		s.Series, s.Group, s.Contestant = p.Name, p.Group, contestant
		s.Horizon, s.Steps = h.Name, h.Steps
		scores = append(scores, s)
	}
	return scores
}

// ask asks for what comes after step i, and tallies it against what came.
// Nothing is scored where that was not measured.
func (p *play) ask(a *asked, i int, tallies []*tally) error {
	for k, h := range p.horizons {
		if i+h.Steps >= len(p.Values) {
			continue
		}
		if y := p.Values[i+h.Steps]; !math.IsNaN(y) {
			if err := a.ask(a.Quantiles, h.Steps); err != nil {
				return err
			}
			tallies[k].value(a.ours, y)
		}
		if y := p.peaks[k][i]; !math.IsNaN(y) {
			if err := a.ask(a.Peak, h.Steps); err != nil {
				return err
			}
			tallies[k].peak(a.ours, y)
		}
	}
	return nil
}

// asked is a forecaster and what it answered last.
type asked struct {
	forecast.Forecaster
	answer []float64
	index  []int     // of each of our levels among its own
	ours   []float64 // the answer at our levels
}

func newAsked(f forecast.Forecaster) (*asked, error) {
	own := f.Levels()
	a := &asked{Forecaster: f, answer: make([]float64, len(own)), ours: make([]float64, len(Levels()))}
	for _, level := range Levels() {
		i := slices.IndexFunc(own, func(l float64) bool { return math.Abs(l-level) < 1e-9 })
		if i < 0 {
			return nil, fmt.Errorf("answers the levels %v: must have %v", own, level)
		}
		a.index = append(a.index, i)
	}
	return a, nil
}

// ask keeps the answer of a question, which must be finite and grow with the
// level.
func (a *asked) ask(question func(int, []float64), horizon int) error {
	question(horizon, a.answer)
	for i, q := range a.answer {
		if math.IsNaN(q) || math.IsInf(q, 0) || q < 0 || (i > 0 && q < a.answer[i-1]) {
			return fmt.Errorf("quantiles %v, %d steps ahead: must be finite, 0 or more and grow with the level", a.answer, horizon)
		}
	}
	for i, index := range a.index {
		a.ours[i] = a.answer[index]
	}
	return nil
}
