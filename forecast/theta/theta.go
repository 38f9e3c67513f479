// Package theta is the theta method, winner of the M3 competition, in the form
// that Hyndman and Billah proved it to have ("Unmasking the Theta method",
// International Journal of Forecasting 19, 2003): simple exponential smoothing
// with half the slope of the trend line as drift. The trend line is one of
// discounted least squares, so that it is that of the latest steps; the
// smoothing is the best of a few by recent error.
//
//	l(t)   = l(t−1) + α·(y(t) − l(t−1))
//	y(t+h) = l(t) + b/2 · (φ + φ² + … + φ^h)
//
// Without season and with a short memory it is the one that follows a ramp.
package theta

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/theta", 1

// Config of the model.
type Config struct {
	// Memory is the time constant, in steps, of the trend line.
	Memory float64 `json:"memory"`
	// Damping φ makes the drift end: 1 = it goes on for ever.
	Damping float64 `json:"damping"`
	// ErrorMemory is the time constant, in steps, of the errors by which the
	// smoothing is chosen.
	ErrorMemory float64 `json:"errorMemory"`
}

// Default looks back some thirty steps and half as far ahead.
func Default() Config { return Config{Memory: 30, Damping: 0.95, ErrorMemory: 100} }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if !(c.Memory >= 2) {
		errs = append(errs, fmt.Errorf("memory: must be at least 2, got %v", c.Memory))
	}
	if !(c.Damping >= 0 && c.Damping <= 1) {
		errs = append(errs, fmt.Errorf("damping: must be 0 to 1, got %v", c.Damping))
	}
	if !(c.ErrorMemory >= 1) {
		errs = append(errs, fmt.Errorf("errorMemory: must be at least 1, got %v", c.ErrorMemory))
	}
	return errors.Join(errs...)
}

// smoothings are the values of α that run side by side.
var smoothings = [...]float64{0.05, 0.1, 0.2, 0.4, 0.7, 1}

var _ forecast.Model = (*Model)(nil)

// Model is the forecast with its memory.
type Model struct {
	cfg Config
	state
}

type state struct {
	Known  bool
	Newest int64
	Levels [len(smoothings)]float64
	Errors [len(smoothings)]float64 // mean absolute, of the recent steps
	Line   line
}

// line is a straight line by discounted least squares: sums of weights w that
// shrink by a factor each step, at times x that count back from the newest step.
type line struct{ W, X, XX, Y, XY float64 }

// New returns the model for a valid configuration.
func New(cfg Config) *Model { return &Model{cfg: cfg} }

// Update implements [forecast.Model].
func (m *Model) Update(step int64, value float64) {
	if m.Known && step <= m.Newest {
		return
	}
	value = forecast.Clean(value)
	if !m.Known {
		for i := range m.Levels {
			m.Levels[i] = value
		}
	}
	m.smooth(value)
	m.Line.add(float64(step-m.Newest), value, 1-1/m.cfg.Memory)
	m.Known, m.Newest = true, step
}

// smooth updates each level after it was judged by what it had said.
func (m *Model) smooth(value float64) {
	for i, a := range smoothings {
		miss := value - m.Levels[i]
		m.Errors[i] += (max(miss, -miss) - m.Errors[i]) / m.cfg.ErrorMemory
		m.Levels[i] += a * miss
	}
}

// add moves the line on by so many steps and adds a value at time 0.
func (l *line) add(steps, value, discount float64) {
	if l.W == 0 || steps > 1000 { // nothing before, or forgotten
		*l = line{W: 1, Y: value}
		return
	}
	weight := discount
	for range int(steps) - 1 {
		weight *= discount
	}
	l.XX += steps * (steps*l.W - 2*l.X)
	l.XY -= steps * l.Y
	l.X -= steps * l.W
	l.W, l.X, l.XX, l.Y, l.XY = weight*l.W+1, weight*l.X, weight*l.XX, weight*l.Y+value, weight*l.XY
}

// slope is b = (W·Σxy − Σx·Σy) / (W·Σx² − (Σx)²), less while the line rests
// on few values.
func (l *line) slope() float64 {
	spread := l.W*l.XX - l.X*l.X
	if l.W < 2 || !(spread > 0) {
		return 0
	}
	return (l.W*l.XY - l.X*l.Y) / spread * (1 - 4/(l.W*l.W))
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	best := 0
	for i, e := range m.Errors {
		if e < m.Errors[best] {
			best = i
		}
	}
	drift, said := m.Line.slope()/2, m.Levels[best]
	for i := range out {
		drift *= m.cfg.Damping
		said += drift
		out[i] = forecast.Clean(said)
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
	m.state = s
	return nil
}
