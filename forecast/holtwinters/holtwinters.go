// Package holtwinters is exponential smoothing of level, trend and season
// (Winters, Management Science 6, 1960) with the trend damped (Gardner,
// McKenzie, Management Science 31, 1985; in ETS terms (A,Ad,M) and (A,Ad,A)).
//
//	x(t)   = y(t)/s(t)                                 or y(t) − s(t)
//	l(t)   = l + φ·b + α·(x(t) − l − φ·b)
//	b(t)   = φ·b + α·β·(x(t) − l − φ·b)
//	s(t)  += γ·(y(t)/l(t) − s(t))                      or y(t) − l(t)
//	y(t+h) = (l + (φ + φ² + … + φ^h)·b) · s(t+h)       or + s(t+h)
//
// How fast level and trend follow is not set: a grid of α and β runs side by
// side and the one with the smallest recent error speaks. The season is learnt
// from its first pass by proportions, then smoothed bin by bin.
package holtwinters

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/forecast"
	seasons "github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/holtwinters", 1

// Config of the model.
type Config struct {
	// Period is the length of the season in steps; 0 = none, only level and trend.
	Period int64 `json:"period"`
	// Bins is how many factors are kept of a season at most.
	Bins int `json:"bins"`
	// Additive adds the season instead of multiplying by it.
	Additive bool `json:"additive"`
	// Damping φ is what is left of a trend after each step.
	Damping float64 `json:"damping"`
	// SeasonRate γ is how fast a factor follows, per season.
	SeasonRate float64 `json:"seasonRate"`
	// ErrorMemory is the time constant, in steps, of the errors that choose α and β.
	ErrorMemory float64 `json:"errorMemory"`
}

// Default adds a season of up to 48 bins, half an hour each of a day: where a
// night is nearly nothing, dividing by it makes noise a load.
func Default() Config {
	return Config{Bins: 48, Additive: true, Damping: 0.9, SeasonRate: 0.2, ErrorMemory: 200}
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Period >= 0, "period: must not be negative, got %d", c.Period)
	must(c.Bins >= 1, "bins: must be at least 1, got %d", c.Bins)
	must(c.Damping >= 0 && c.Damping <= 1, "damping: must be 0 to 1, got %v", c.Damping)
	must(c.SeasonRate >= 0 && c.SeasonRate <= 1, "seasonRate: must be 0 to 1, got %v", c.SeasonRate)
	must(c.ErrorMemory >= 1, "errorMemory: must be at least 1, got %v", c.ErrorMemory)
	return errors.Join(errs...)
}

// The grid: α of the level and β of the trend.
var grid = [...]struct{ alpha, beta float64 }{
	{0.05, 0}, {0.1, 0}, {0.2, 0}, {0.4, 0}, {0.8, 0},
	{0.2, 0.1}, {0.5, 0.2},
}

// The two variants of the forecast run side by side: without the season, as
// long as it does not help, and with it.
const (
	without = iota
	with
	variants
)

var _ forecast.Model = (*Model)(nil)

// Model is the smoothing with its memory.
type Model struct {
	cfg Config
	run float64 // φ + φ² + … up to [seasons.Ahead]
	state
}

type state struct {
	Known      bool
	Newest     int64
	Candidates [variants][len(grid)]candidate
	Trial      seasons.Trial // of the variants
	Season     season
}

// candidate is level and trend by one pair of the grid.
type candidate struct{ Level, Trend, Error float64 }

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg}
	m.Season, m.Trial = newSeason(cfg, cfg.Period), seasons.NewTrial(variants)
	for i := range seasons.Ahead {
		m.run += math.Pow(cfg.Damping, float64(i+1))
	}
	return m
}

// SetPeriod changes the length of the season to so many steps, 0 for none. The
// season is learnt anew, level and trend stay.
func (m *Model) SetPeriod(steps int64) {
	if steps = max(0, steps); steps == m.Season.Period {
		return
	}
	m.reseason(func() { m.Season = newSeason(m.cfg, steps) })
}

// reseason changes the factors and keeps what is expected now.
func (m *Model) reseason(change func()) {
	before := m.Season.at(m.Newest)
	change()
	after := m.Season.at(m.Newest)
	for i := range m.Candidates[with] {
		c := &m.Candidates[with][i]
		if m.cfg.Additive {
			c.Level += before - after
		} else {
			c.Level *= before / after
			c.Trend *= before / after
		}
	}
	m.Trial.Forget()
}

// Update implements [forecast.Model].
func (m *Model) Update(step int64, value float64) {
	if m.Known && step <= m.Newest {
		return
	}
	value = forecast.Clean(value)
	if m.Known {
		m.pass(min(step-m.Newest-1, 100))
	}
	s := [variants]float64{m.Season.Neutral, m.Season.at(step)}
	for v := range m.Candidates {
		for i := range m.Candidates[v] {
			m.smooth(&m.Candidates[v][i], i, m.apart(value, s[v]))
		}
	}
	m.judge(step, value, s)
	m.Known, m.Newest = true, step
	if m.Season.update(m.cfg, step, value, m.best(with).Level) {
		m.reseason(m.Season.learn)
	}
}

// apart takes the season out of a value, and together puts it back.
func (m *Model) apart(value, s float64) float64 {
	if m.cfg.Additive {
		return value - s
	}
	return value / s
}

func (m *Model) together(level, s float64) float64 {
	if m.cfg.Additive {
		return forecast.Clean(level + s)
	}
	return forecast.Clean(level * s)
}

// pass goes over steps that were not measured: the trend runs out.
func (m *Model) pass(missing int64) {
	for range missing {
		for v := range m.Candidates {
			for i := range m.Candidates[v] {
				m.advance(&m.Candidates[v][i])
			}
		}
	}
}

// advance goes one step along the damped trend.
func (m *Model) advance(c *candidate) {
	c.Trend *= m.cfg.Damping
	c.Level += c.Trend
	if !m.cfg.Additive {
		c.Level = max(0, c.Level)
	}
}

// smooth is one step of the equations for pair i of the grid.
func (m *Model) smooth(c *candidate, i int, x float64) {
	if !m.Known {
		c.Level = x
		return
	}
	m.advance(c)
	miss := x - c.Level
	c.Error += (math.Abs(miss) - c.Error) / m.cfg.ErrorMemory
	c.Level += grid[i].alpha * miss
	c.Trend += grid[i].alpha * grid[i].beta * miss
}

// judge compares what the variants promised for this step, and lets them
// promise again.
func (m *Model) judge(step int64, value float64, s [variants]float64) {
	if m.Season.Learned {
		m.Trial.Judge(step, value, m.cfg.ErrorMemory, func(v int, level float64) float64 { return m.together(level, s[v]) })
	}
	said := m.Trial.Promise(step)
	for v := range said {
		c := m.best(v)
		said[v] = c.Level + m.run*c.Trend
	}
}

func (m *Model) best(variant int) *candidate {
	best := &m.Candidates[variant][0]
	for i := range m.Candidates[variant] {
		if c := &m.Candidates[variant][i]; c.Error < best.Error {
			best = c
		}
	}
	return best
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	variant := m.Trial.Best()
	c, s := *m.best(variant), m.Season.Neutral
	for i := range out {
		m.advance(&c)
		if variant == with {
			s = m.Season.at(m.Newest + int64(i) + 1)
		}
		out[i] = m.together(c.Level, s)
	}
}

// Snapshot implements [forecast.Model].
func (m *Model) Snapshot() ([]byte, error) { return scale.Seal(kind, version, m.cfg, m.state) }

// Restore implements [forecast.Model].
func (m *Model) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, m.cfg, &s); err != nil {
		return err
	}
	if !s.Trial.Fits(variants) || s.Season.Period < 0 || len(s.Season.Factors) != len(newSeason(m.cfg, s.Season.Period).Factors) {
		return fmt.Errorf("snapshot of %s: %d factors for a season of %d steps: %w",
			kind, len(s.Season.Factors), s.Season.Period, scale.ErrSnapshot)
	}
	s.Season.Neutral = m.Season.Neutral
	m.state = s
	return nil
}
