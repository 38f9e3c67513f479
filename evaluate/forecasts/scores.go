package forecasts

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// Score is how one contestant did on one series at one horizon. Ratios are
// missing where there is nothing to divide by.
type Score struct {
	Series     string `json:"series"`
	Group      Group  `json:"group"`
	Horizon    string `json:"horizon"`
	Steps      int    `json:"horizon_steps"`
	Contestant string `json:"contestant"`
	Scored     int    `json:"scored_steps"`
	// MAE is the mean |error| of the median; MASE is it over the one-season
	// naive error of the whole series (1 without a season: of one step).
	MAE  float64  `json:"mae"`
	MASE *float64 `json:"mase"`
	// CRPS is the mean weighted quantile loss over the levels 0.1 … 0.9: twice
	// the pinball loss, over the mean value.
	CRPS      *float64 `json:"crps"`
	loss      float64  // mean pinball loss
	OverNaive Ratios   `json:"over_seasonal_naive"`
	OverLast  Ratios   `json:"over_last_value"`
	// Value and Peak are the one-sided coverages.
	Value []Coverage `json:"coverage_value"`
	Peak  []Coverage `json:"coverage_peak"`
}

// Ratios are a score over that of a yardstick: below 1 it is better.
type Ratios struct {
	MASE *float64 `json:"mase"`
	CRPS *float64 `json:"crps"`
}

// Coverage is how often what came was at most the quantile.
type Coverage struct {
	Level  float64 `json:"level"`
	Share  float64 `json:"share"`
	Scored int     `json:"scored_steps"`
	// Low and High bound 95 % of what a right quantile gives in as many
	// independent steps (binomial).
	Low  float64 `json:"binomial_low"`
	High float64 `json:"binomial_high"`
	Held bool    `json:"held"`
	// HeldApart says the same of as many steps as do not overlap, one in each
	// horizon: neighbours tell much the same, so Held is stricter than chance.
	HeldApart bool `json:"held_apart"`
}

// Where coverage counts as right: this near on long series, within the
// binomial interval on others.
const (
	longSteps = 10_000
	nearness  = 0.005
)

// tally adds up what a contestant said against what came.
type tally struct {
	levels                    []float64
	scored, peaks             int
	absolute, sum, loss       float64
	coveredValue, coveredPeak []int // by level of the coverage
}

func newTally(levels []float64) *tally {
	n := len(levels) - firstCovered
	return &tally{levels: levels, coveredValue: make([]int, n), coveredPeak: make([]int, n)}
}

// value tallies the value y against the quantiles q.
func (t *tally) value(q []float64, y float64) {
	t.scored++
	t.sum += y
	t.absolute += math.Abs(y - q[median])
	for i, level := range t.levels[:scoredLevels] {
		t.loss += forecast.Pinball(level, q[i], y) / scoredLevels
	}
	count(t.coveredValue, q, y)
}

func (t *tally) peak(q []float64, y float64) {
	t.peaks++
	count(t.coveredPeak, q, y)
}

func count(covered []int, q []float64, y float64) {
	for i := range covered {
		if y <= q[firstCovered+i] {
			covered[i]++
		}
	}
}

// score is what the tally comes to; scale is the one-season naive error.
func (t *tally) score(scale float64, horizon int) Score {
	n := float64(max(1, t.scored))
	s := Score{Scored: t.scored, MAE: t.absolute / n, loss: t.loss / n}
	if t.scored > 0 {
		s.MASE, s.CRPS = ratio(s.MAE, scale), ratio(2*s.loss, t.sum/n)
	}
	for i, level := range t.levels[firstCovered:] {
		s.Value = append(s.Value, newCoverage(level, t.coveredValue[i], t.scored, horizon))
		s.Peak = append(s.Peak, newCoverage(level, t.coveredPeak[i], t.peaks, horizon))
	}
	return s
}

func newCoverage(level float64, covered, n, horizon int) Coverage {
	all := float64(max(1, n))
	c := Coverage{Level: level, Scored: n, Share: float64(covered) / all}
	low, high := binomial(n, level)
	c.Low, c.High = float64(low)/all, float64(high)/all
	c.Held = covered >= low && covered <= high
	if n >= longSteps {
		c.Held = math.Abs(c.Share-level) <= nearness
	}
	low, high = binomial(n/horizon, level)
	apart := c.Share * float64(n/horizon)
	c.HeldApart = c.Held || (math.Ceil(apart) >= float64(low) && math.Floor(apart) <= float64(high))
	return c
}

// binomial returns the 2.5 and 97.5 % quantiles of how often an event of
// probability p happens in n independent steps.
func binomial(n int, p float64) (low, high int) {
	lgamma := func(x int) float64 { v, _ := math.Lgamma(float64(x)); return v }
	below, low := 0.0, -1
	for k := 0; k <= n; k++ {
		below += math.Exp(lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		if low < 0 && below >= 0.025 {
			low = k
		}
		if below >= 0.975 {
			return low, k
		}
	}
	return max(0, low), n
}

// ratio is a over b; nil where b is nothing.
func ratio(a, b float64) *float64 {
	if !(b > 0) {
		return nil
	}
	return new(a / b)
}

// compare sets the scores of one series against those of the yardsticks.
func compare(scores []Score) {
	for i := range scores {
		s := &scores[i]
		for _, base := range scores {
			if base.Horizon != s.Horizon {
				continue
			}
			r := Ratios{MASE: ratio(s.MAE, base.MAE), CRPS: ratio(s.loss, base.loss)}
			switch base.Contestant {
			case SeasonalNaive:
				s.OverNaive = r
			case LastValue:
				s.OverLast = r
			}
		}
	}
}
