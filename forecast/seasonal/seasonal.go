// Package seasonal says that a load will be what it was one season ago: the
// seasonal naive forecast, by which all others are judged (Hyndman,
// Athanasopoulos, Forecasting: Principles and Practice, section 5.2). Until a
// whole season has passed, and where the season before was not measured, it
// says the newest value.
//
//	y(t+h) = y(t+h−P)                    plain
//	y(t+h) = y(t+h−P) · now/then         with Level: now and then are means of
//	                                     the newest values and of those a season before
package seasonal

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/seasonal", 1

// Config of the model.
type Config struct {
	// Period is the length of the season in steps; 0 = not known yet, which is
	// the last value until SetPeriod.
	Period int64 `json:"period"`
	// Bins is how many values are kept of a season at most: steps of longer
	// seasons share the mean of their bin. Plain keeps them all.
	Bins int `json:"bins"`
	// Level follows how much higher or lower the load is than a season ago.
	Level bool `json:"level"`
	// Memory is the time constant, in steps, of the means that Level compares.
	Memory float64 `json:"memory"`
}

// Default keeps 288 bins, five minutes each of a day, and follows the level.
func Default() Config { return Config{Bins: 288, Level: true, Memory: 30} }

// Plain is the yardstick: each step of the season as it was.
func Plain(period int64) Config { return Config{Period: period, Bins: int(max(1, period)), Memory: 1} }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if c.Period < 0 {
		errs = append(errs, fmt.Errorf("period: must not be negative, got %d", c.Period))
	}
	if c.Bins < 1 {
		errs = append(errs, fmt.Errorf("bins: must be at least 1, got %d", c.Bins))
	}
	if !(c.Memory >= 1) {
		errs = append(errs, fmt.Errorf("memory: must be at least 1, got %v", c.Memory))
	}
	return errors.Join(errs...)
}

var _ forecast.Model = (*Model)(nil)

// Model is the forecast with its memory of one season.
type Model struct {
	cfg  Config
	bins season.Bins
	state
}

type state struct {
	Period int64
	Season forecast.Numbers[float64] // the mean of each bin, of the newest season that measured it; −1 = never
	Open   bin                       // the bin of the newest step
	Steps  int64                     // since the first step of this season length
	Known  bool
	Newest int64
	Value  float64 // of the newest step
	Now    float64 // mean of the newest values, and of those a season before them
	Then   float64
}

// bin gathers the steps of one bin.
type bin struct {
	Slot  int64
	Sum   float64
	Count float64
}

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg}
	m.SetPeriod(cfg.Period)
	return m
}

// SetPeriod changes the length of the season to so many steps, 0 for none. The
// season is learnt anew, the level stays.
func (m *Model) SetPeriod(steps int64) {
	steps = max(0, steps)
	if steps == m.Period && m.Season != nil {
		return
	}
	m.Period, m.Steps, m.Open, m.Now, m.Then = steps, 0, bin{}, 0, 0
	m.bins = season.NewBins(steps, m.cfg.Bins)
	m.Season = make([]float64, m.bins.Count)
	for i := range m.Season {
		m.Season[i] = -1
	}
}

// Update implements [forecast.Model].
func (m *Model) Update(step int64, value float64) {
	if m.Known && step <= m.Newest {
		return
	}
	value = forecast.Clean(value)
	if m.Known {
		m.Steps += min(step-m.Newest, math.MaxInt32)
	}
	if m.Period > 0 {
		m.fill(m.bins.Slot(step), value)
		m.compare(step, value)
	}
	m.Known, m.Newest, m.Value = true, step, value
}

// fill adds the value to its bin, and closes the bin before it.
func (m *Model) fill(slot int64, value float64) {
	if slot != m.Open.Slot {
		m.close()
		m.Open = bin{Slot: slot}
	}
	m.Open.Sum += value
	m.Open.Count++
}

func (m *Model) close() {
	if m.Open.Count > 0 {
		m.Season[m.bins.Index(m.Open.Slot)] = m.Open.Sum / m.Open.Count
	}
}

// compare updates the two means of which the quotient is the level.
func (m *Model) compare(step int64, value float64) {
	then := m.Season[m.bins.Index(m.bins.Slot(step))]
	if !m.cfg.Level || then < 0 || m.Steps < m.Period {
		return
	}
	share := 1 / m.cfg.Memory
	m.Now += share * (value - m.Now)
	m.Then += share * (then - m.Then)
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	level := m.level()
	for i := range out {
		out[i] = m.Value
		if then := m.before(m.Newest + int64(i) + 1); then >= 0 {
			out[i] = forecast.Clean(then * level)
		}
	}
}

// before returns what was measured a season before a step to come, or −1.
func (m *Model) before(step int64) float64 {
	if m.Period == 0 || m.Steps+1 < m.Period {
		return -1
	}
	slot := m.bins.Slot(step)
	if later := slot - m.Open.Slot; later > 0 && later%int64(len(m.Season)) == 0 {
		return m.Open.Sum / m.Open.Count
	}
	return m.Season[m.bins.Index(slot)]
}

// level is 1 for the plain forecast. A factor over 10 says that the season no
// longer fits: then it is not followed further.
func (m *Model) level() float64 {
	if !m.cfg.Level || m.Then <= 0 {
		return 1
	}
	return min(m.Now/m.Then, 10)
}

// Snapshot implements [forecast.Model].
func (m *Model) Snapshot() ([]byte, error) { return scale.Seal(kind, version, m.cfg, m.state) }

// Restore implements [forecast.Model].
func (m *Model) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, m.cfg, &s); err != nil {
		return err
	}
	bins := season.NewBins(s.Period, m.cfg.Bins)
	if s.Period != bins.Period || int64(len(s.Season)) != bins.Count {
		return fmt.Errorf("snapshot of %s: %d bins for a season of %d steps: %w", kind, len(s.Season), s.Period, scale.ErrSnapshot)
	}
	m.bins, m.state = bins, s
	return nil
}
