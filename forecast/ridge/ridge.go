// Package ridge regresses each horizon directly on what is known now: means of
// the load over short and long times, and where in the season it will be. The
// means make it an autoregression over many time scales with few coefficients
// (HAR: Corsi, Journal of Financial Econometrics 7, 2009); a regression for
// each horizon of its own does not add up the errors of the steps between
// (Chevillon, Journal of Economic Surveys 21, 2007). On request rates of
// serverless functions an online ridge regression beat pretrained networks
// (arXiv 2502.12944).
//
//	z = √y
//	m_j(t)   = m_j(t−1) + (z(t) − m_j(t−1))/τ_j      τ = 1, 3, 9, 27, 81, 243 steps
//	z(t+h)   = Σ a_j·m_j(t) + b·s(t+h) + c·s(t)       for h = 1, 3, 6, 12, 20
//
// s is the mean of earlier seasons. The coefficients come from recursive least
// squares with forgetting; horizons between lie in a straight line between
// their neighbours.
package ridge

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/ridge", 1

// Config of the model.
type Config struct {
	// Memory is how many equations count, of each horizon: λ = 1 − 1/Memory.
	Memory float64 `json:"memory"`
	// Prior is the variance of the coefficients around an exponential smoothing
	// before anything is known: 0.03 says that they differ by about 0.17.
	Prior float64 `json:"prior"`
	// Period is the length of the season in steps, 0 = none; Bins is how many
	// means are kept of it at most.
	Period int64 `json:"period"`
	Bins   int   `json:"bins"`
}

// Default remembers a thousand equations and up to 48 bins, half an hour each of
// a day.
func Default() Config { return Config{Memory: 1000, Prior: 0.03, Bins: 48} }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Memory >= 20, "memory: must be at least 20, got %v", c.Memory)
	must(c.Prior > 0, "prior: must be above 0, got %v", c.Prior)
	must(c.Period >= 0, "period: must not be negative, got %d", c.Period)
	must(c.Bins >= 1, "bins: must be at least 1, got %d", c.Bins)
	return errors.Join(errs...)
}

// times are τ, and horizons those with a regression.
var (
	times    = [...]float64{1, 3, 9, 27, 81, 243}
	horizons = [...]int{1, 3, 6, 12, 20}
)

// The regressors: the means, then the season at the horizon and now.
const (
	width   = len(times) + 2
	longest = 20
)

type row [width]float64

// MarshalText implements [encoding.TextMarshaler].
func (r row) MarshalText() ([]byte, error) { return forecast.Numbers[float64](r[:]).MarshalText() }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *row) UnmarshalText(text []byte) error {
	var n forecast.Numbers[float64]
	if err := n.UnmarshalText(text); err != nil {
		return err
	}
	if len(n) != width {
		return fmt.Errorf("%d regressors, want %d", len(n), width)
	}
	*r = row(n)
	return nil
}

var _ forecast.Model = (*Model)(nil)

// Model is the regressions with their memory.
type Model struct {
	cfg Config
	state
}

type state struct {
	Known   bool
	Newest  int64
	Seen    float64
	Means   [len(times)]float64
	Past    [longest + 1]moment // what was known at the latest steps
	Regress [len(horizons)]regression
	Season  season.Profile
}

// moment is what was known at a step.
type moment struct {
	Known bool
	Step  int64
	Means [len(times)]float64
}

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg}
	m.Season = season.NewProfile(cfg.Period, cfg.Bins)
	for i, h := range horizons {
		m.Regress[i].start(cfg.Prior, h)
	}
	return m
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
	z := math.Sqrt(forecast.Clean(value))
	for i, h := range horizons {
		m.learn(&m.Regress[i], int64(h), step, z)
	}
	m.Seen++
	for j, tau := range times {
		m.Means[j] += (z - m.Means[j]) / min(m.Seen, tau)
	}
	m.Season.Update(step, z)
	m.Past[index(step)] = moment{Known: true, Step: step, Means: m.Means}
	m.Known, m.Newest = true, step
}

// learn takes in what was known h steps before, and what has come of it.
func (m *Model) learn(r *regression, h, step int64, z float64) {
	p := &m.Past[index(step-h)]
	if step%r.Every != 0 || !p.Known || p.Step != step-h {
		return
	}
	x := m.row(&p.Means, p.Step, step)
	r.learn(&x, z, 1-float64(r.Every)/m.cfg.Memory)
}

func index(step int64) int64 {
	const n = longest + 1
	return (step%n + n) % n
}

// row is the regressors at a step for a later one. Without a season its two
// are 0.
func (m *Model) row(means *[len(times)]float64, step, later int64) row {
	var x row
	copy(x[:], means[:])
	x[width-2], x[width-1] = m.Season.At(later), m.Season.At(step)
	return x
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	before, near, far := 0, 0.0, 0.0
	for i, h := range horizons {
		if before >= len(out) {
			return // nobody asks further
		}
		if far = m.say(i, m.Newest+int64(h)); i == 0 {
			near = far
		}
		for k := before; k < min(h, len(out)); k++ {
			share := float64(k+1-before) / float64(h-before)
			z := near + share*(far-near)
			out[k] = z * z
		}
		before, near = h, far
	}
	for k := before; k < len(out); k++ {
		z := m.say(len(horizons)-1, m.Newest+int64(k)+1)
		out[k] = z * z
	}
}

// say is the forecast of one regression, within twice of what was seen lately:
// no coefficients make a load explode.
func (m *Model) say(i int, later int64) float64 {
	x := m.row(&m.Means, m.Newest, later)
	most := 0.0
	for _, v := range x {
		most = max(most, v)
	}
	return max(0, min(m.Regress[i].say(&x), 2*most))
}

// Snapshot implements [forecast.Model].
func (m *Model) Snapshot() ([]byte, error) { return scale.Seal(kind, version, m.cfg, m.state) }

// Restore implements [forecast.Model].
func (m *Model) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, m.cfg, &s); err != nil {
		return err
	}
	if !s.Season.Fits(m.cfg.Bins) {
		return fmt.Errorf("snapshot of %s: %d bins for a season of %d steps: %w", kind, len(s.Season.Means), s.Season.Bins.Period, scale.ErrSnapshot)
	}
	for i, h := range horizons {
		if s.Regress[i].Every != every(h) {
			return fmt.Errorf("snapshot of %s: an equation every %d steps, %d steps ahead: %w", kind, s.Regress[i].Every, h, scale.ErrSnapshot)
		}
	}
	m.state = s
	return nil
}
