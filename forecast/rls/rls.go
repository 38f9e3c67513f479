// Package rls is an autoregression by recursive least squares with forgetting
// (Haykin, Adaptive Filter Theory, chapter 10; Ljung, System Identification,
// section 11.2). It finds out by itself whether a load goes back to its mean,
// swings, or goes on as it goes, and unlearns within a few hundred steps.
//
//	z = √y, so that a load ten times as high is not a hundred times as important,
//	z(t+1) = c·μ + φ1·z(t) + … + φk·z(t−k+1) + a·s(t+1) + b·s(t−k/2)
//
// μ is a slow mean and s the mean of earlier seasons: where it will be, and where
// it was in the middle of the lags. Longer
// horizons put what was said for the nearer ones in the place of what is not
// measured yet.
package rls

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/rls", 1

// Config of the model.
type Config struct {
	// Order k is the number of lags.
	Order int `json:"order"`
	// Forgetting λ is the weight of an equation against the one after it.
	Forgetting float64 `json:"forgetting"`
	// Prior is the variance of the coefficients before anything is known, in
	// units of the noise: small holds on to the start, an exponential smoothing.
	Prior float64 `json:"prior"`
	// MeanMemory is the time constant of the slow mean, in steps.
	MeanMemory float64 `json:"meanMemory"`
	// Root says that the regression is one of square roots.
	Root bool `json:"root"`
	// Period is the length of the season in steps, 0 = none; Bins is how many
	// means are kept of it at most.
	Period int64 `json:"period"`
	Bins   int   `json:"bins"`
}

// Default regresses on eight lags and remembers five hundred steps.
func Default() Config {
	return Config{Order: 8, Forgetting: 0.998, Prior: 0.03, MeanMemory: 500, Root: true, Bins: 144}
}

// maxOrder keeps the work of a prediction on the stack.
const maxOrder = 24

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Order >= 1 && c.Order <= maxOrder, "order: must be 1 to %d, got %d", maxOrder, c.Order)
	must(c.Forgetting > 0.5 && c.Forgetting <= 1, "forgetting: must be above 0.5 and at most 1, got %v", c.Forgetting)
	must(c.Prior > 0, "prior: must be above 0, got %v", c.Prior)
	must(c.MeanMemory >= 1, "meanMemory: must be at least 1, got %v", c.MeanMemory)
	must(c.Period >= 0, "period: must not be negative, got %d", c.Period)
	must(c.Bins >= 1, "bins: must be at least 1, got %d", c.Bins)
	return errors.Join(errs...)
}

var _ forecast.Model = (*Model)(nil)

// Model is the regression with its memory.
type Model struct {
	cfg  Config
	row  []float64 // of regressors
	gain []float64
	state
}

type state struct {
	Known        bool
	Newest       int64
	Seen         float64 // updates so far
	Mean         float64 // μ
	Noise        float64 // mean absolute error of one step, relative to the mean
	Lags         forecast.Numbers[float64]
	Coefficients forecast.Numbers[float64]
	Covariance   forecast.Numbers[float64] // P, row by row
	Season       season.Profile
}

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	n := cfg.Order + others
	m := &Model{cfg: cfg, row: make([]float64, n), gain: make([]float64, n)}
	m.Lags = make([]float64, cfg.Order)
	m.Coefficients = make([]float64, n)
	m.Covariance = make([]float64, n*n)
	m.Season = season.NewProfile(cfg.Period, cfg.Bins)
	m.start()
	return m
}

// The regressors beside the lags come after them.
const others = 3

// start sets the coefficients to an exponential smoothing, φi ∝ 1/2^i.
func (m *Model) start() {
	clear(m.Coefficients)
	left := 1.0
	for i := range m.cfg.Order {
		m.Coefficients[i] = left / 2
		left /= 2
	}
	m.Coefficients[0] += left
	m.reset()
}

// reset forgets how sure the coefficients are, but not the coefficients.
func (m *Model) reset() {
	clear(m.Covariance)
	for i := range m.row {
		m.Covariance[i*len(m.row)+i] = m.cfg.Prior
	}
}

// SetPeriod changes the length of the season to so many steps, 0 for none. It
// is learnt anew.
func (m *Model) SetPeriod(steps int64) {
	if steps = max(0, steps); steps != m.Season.Bins.Period {
		m.Season = season.NewProfile(steps, m.cfg.Bins)
	}
}

// Update implements [forecast.Model].
func (m *Model) Update(step int64, value float64) {
	if m.Known && step <= m.Newest {
		return
	}
	z := m.forth(value)
	if m.Known {
		m.bridge(step - m.Newest - 1)
		m.learn(step, z)
	} else {
		for i := range m.Lags {
			m.Lags[i] = z
		}
	}
	m.Seen++
	m.average(z)
	m.push(z)
	m.Season.Update(step, z)
	m.Known, m.Newest = true, step
}

// average updates the slow mean; a spike counts as three times of it.
func (m *Model) average(z float64) {
	if m.Seen > 50 && m.Mean > 0 {
		z = min(z, 3*m.Mean)
	}
	m.Mean += (z - m.Mean) / min(m.Seen, m.cfg.MeanMemory)
}

// bridge puts what would have been said in the place of what is missing.
func (m *Model) bridge(missing int64) {
	for range min(missing, int64(m.cfg.Order)) {
		m.regressors(m.Lags, m.Newest+1)
		m.push(m.bound(m.say()))
		m.Newest++
	}
}

func (m *Model) push(z float64) {
	copy(m.Lags[1:], m.Lags)
	m.Lags[0] = z
}

// learn is one step of recursive least squares, of an equation that is divided
// by the size of its regressors: so a load of any size is learnt alike.
//
//	g = P·x / (λ + xᵀ·P·x)     φ += g·e     P = (P − g·(P·x)ᵀ) / λ
//
// An error beyond four times the usual counts as four times (Huber): one
// spike must not undo what was learnt.
func (m *Model) learn(step int64, z float64) {
	m.regressors(m.Lags, step)
	size := m.size()
	if size < 1e-100 {
		return
	}
	miss := (z - m.say()) / size
	usual := m.usual(miss)
	miss = max(-4*usual, min(miss, 4*usual))
	for i := range m.row {
		m.row[i] /= size * usual
	}
	m.update(miss / usual)
}

// usual is the mean absolute error of the last fifty equations.
func (m *Model) usual(miss float64) float64 {
	miss = math.Abs(miss)
	if m.Seen > 10 {
		miss = min(miss, 10*max(m.Noise, 0.01))
	}
	m.Noise += (miss - m.Noise) / min(m.Seen, 50)
	return max(m.Noise, 1e-3)
}

// size is the root mean square of the regressors.
func (m *Model) size() float64 {
	sum := 0.0
	for _, x := range m.row {
		sum += x * x
	}
	return math.Sqrt(sum / float64(len(m.row)))
}

func (m *Model) update(miss float64) {
	n, denominator := len(m.row), m.cfg.Forgetting
	row, gains := m.row, m.gain[:n]
	for i := range gains {
		sum := 0.0
		for j, p := range m.Covariance[i*n:][:len(row)] {
			sum += p * row[j]
		}
		gains[i] = sum
		denominator += sum * row[i]
	}
	if !(denominator >= m.cfg.Forgetting/2) { // rounding has broken P
		m.reset()
		return
	}
	step, forget := 1/denominator, 1/m.cfg.Forgetting
	for i, gain := range gains {
		share := gain * step
		m.Coefficients[i] += share * miss
		for j, p := range m.Covariance[i*n:][:i+1] {
			p = (p - share*gains[j]) * forget
			m.Covariance[i*n+j], m.Covariance[j*n+i] = p, p
		}
	}
	for i := range n {
		m.limit(i)
	}
}

// limit keeps the variance of a coefficient of which nothing new is learnt at
// that of the beginning: it would grow without end. Row and column are shrunk
// alike, so that P stays a covariance.
func (m *Model) limit(i int) {
	n := len(m.row)
	v := m.Covariance[i*n+i]
	if v <= m.cfg.Prior {
		return
	}
	shrink := math.Sqrt(m.cfg.Prior / v)
	for j := range n {
		m.Covariance[i*n+j] *= shrink
		m.Covariance[j*n+i] *= shrink
	}
}

// regressors writes the row for the value of a step that comes after lags.
func (m *Model) regressors(lags []float64, step int64) {
	k := copy(m.row, lags)
	m.row[k], m.row[k+1], m.row[k+2] = m.Mean, m.Season.At(step), m.Season.At(step-1-int64(m.cfg.Order)/2)
}

// say is the product of coefficients and regressors.
func (m *Model) say() float64 {
	sum := 0.0
	for i, c := range m.Coefficients {
		sum += c * m.row[i]
	}
	return sum
}

// bound keeps a forecast within twice what was seen lately, so that no root
// outside the unit circle explodes.
func (m *Model) bound(z float64) float64 {
	n := m.cfg.Order
	most := max(m.Mean, m.row[n+1])
	for _, lag := range m.Lags {
		most = max(most, lag)
	}
	if !(z > 0) {
		return 0
	}
	return min(z, 2*most)
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	var memory [maxOrder]float64
	lags := memory[:copy(memory[:], m.Lags)]
	for i := range out {
		m.regressors(lags, m.Newest+int64(i)+1)
		z := m.bound(m.say())
		copy(lags[1:], lags)
		lags[0] = z
		out[i] = m.back(z)
	}
}

// forth and back are the square root and its inverse.
func (m *Model) forth(value float64) float64 {
	value = forecast.Clean(value)
	if m.cfg.Root {
		return math.Sqrt(value)
	}
	return value
}

func (m *Model) back(z float64) float64 {
	if m.cfg.Root {
		return z * z
	}
	return z
}

// Snapshot implements [forecast.Model].
func (m *Model) Snapshot() ([]byte, error) { return scale.Seal(kind, version, m.cfg, m.state) }

// Restore implements [forecast.Model].
func (m *Model) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, m.cfg, &s); err != nil {
		return err
	}
	n := m.cfg.Order + others
	if len(s.Lags) != m.cfg.Order || len(s.Coefficients) != n || len(s.Covariance) != n*n || !s.Season.Fits(m.cfg.Bins) {
		return fmt.Errorf("snapshot of %s: of another size: %w", kind, scale.ErrSnapshot)
	}
	m.state = s
	return nil
}
