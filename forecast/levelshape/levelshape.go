// Package levelshape takes a load apart into how much there is of a day and
// how a day goes, as FLAIR does (Honda, arXiv 2605.07222): the shape is
// the proportions of the latest seasons, not learnt; the level is the mean of
// a season, said beforehand by a ridge regression on its logarithm with a
// random walk as prior, and corrected while the season runs.
//
//	shape(b) = mean over the last seasons of bin(b) / mean of the season
//	log L(d+1) = log L(d) + c + w·(log L(d−6) − log L(d))     ridge: c, w → 0
//	r(t)       = Σ discounted y / Σ discounted shape           what it runs at
//	y(t+h)     = (L + ρ^h·(r(t) − L)) · shape(t+h)
//
// How long the discounted sums reach back is the best of a few by recent error.
package levelshape

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/forecast"
	seasons "github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/levelshape", 1

// Config of the model.
type Config struct {
	// Period is the length of the season in steps; 0 = none: a discounted mean.
	Period int64 `json:"period"`
	// Bins is how many proportions are kept of a season at most.
	Bins int `json:"bins"`
	// Seasons K is how many of the latest seasons make the shape.
	Seasons float64 `json:"seasons"`
	// Return is the time constant, in seasons, with which the load is expected
	// to go back from what it runs at to the level said beforehand.
	Return float64 `json:"return"`
	// ErrorMemory is the time constant, in steps, of the errors that choose how
	// far back the discounted sums reach.
	ErrorMemory float64 `json:"errorMemory"`
}

// Default takes the shape from the last two seasons and up to 288 bins, five
// minutes each of a day.
func Default() Config { return Config{Bins: 288, Seasons: 2, Return: 0.125, ErrorMemory: 200} }

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
	must(c.Seasons >= 1, "seasons: must be at least 1, got %v", c.Seasons)
	must(c.Return > 0, "return: must be above 0, got %v", c.Return)
	must(c.ErrorMemory >= 1, "errorMemory: must be at least 1, got %v", c.ErrorMemory)
	return errors.Join(errs...)
}

// memories are the time constants, in steps, of the discounted sums.
var memories = [...]float64{1.5, 4, 12, 36, 100}

// The variants of the forecast run side by side: how much of the shape it
// takes, and whether it goes back to the level said beforehand.
const (
	flat     = iota // no shape: the load stays as it is
	smooth          // the smoothed shape
	smoothed        // the smoothed shape, and back to the level
	sharp           // the shape bin by bin, and back to the level
	variants
)

var _ forecast.Model = (*Model)(nil)

// Model is the forecast with its memory of shape and levels.
type Model struct {
	cfg     Config
	keep    float64 // ρ: what is left after a step of a distance from the level
	keepFar float64 // and after so many steps ahead
	state
}

type state struct {
	Known  bool
	Newest int64
	Runs   [variants][len(memories)]run
	Trial  seasons.Trial // of the variants
	Shape  shape
	Levels levels
}

// run is the quotient of two discounted sums: what the season runs at.
type run struct{ Value, Shape, Error float64 }

func (r *run) level() float64 { return r.Value / r.Shape }

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg}
	m.Shape, m.Trial = newShape(cfg, cfg.Period), seasons.NewTrial(variants)
	m.decay()
	return m
}

// decay works out ρ for the length of the season.
func (m *Model) decay() {
	m.keep, m.keepFar = 1, 1
	if m.Shape.Period > 0 {
		rate := 1 / (m.cfg.Return * float64(m.Shape.Period))
		m.keep, m.keepFar = math.Exp(-rate), math.Exp(-rate*seasons.Ahead)
	}
}

// SetPeriod changes the length of the season to so many steps, 0 for none.
// Shape and levels are learnt anew; what it runs at stays.
func (m *Model) SetPeriod(steps int64) {
	if steps = max(0, steps); steps == m.Shape.Period {
		return
	}
	m.reshape(func() { m.Shape, m.Levels = newShape(m.cfg, steps), levels{} })
	m.Trial.Forget()
	m.decay()
}

// reshape changes the shape and keeps what is expected now.
func (m *Model) reshape(change func()) {
	before := m.parts(m.Newest)
	change()
	for v, after := range m.parts(m.Newest) {
		for i := range m.Runs[v] {
			m.Runs[v][i].Shape *= after / before[v]
		}
	}
}

// part is what a variant takes as the shape at a step.
func (m *Model) part(variant int, step int64) float64 {
	switch variant {
	case flat:
		return 1
	case sharp:
		return m.Shape.at(m.Shape.Parts, step)
	}
	return m.Shape.at(m.Shape.Smooth, step)
}

func (m *Model) parts(step int64) [variants]float64 {
	soft := m.part(smooth, step)
	return [variants]float64{1, soft, soft, m.part(sharp, step)}
}

// Update implements [forecast.Model].
func (m *Model) Update(step int64, value float64) {
	if m.Known && step <= m.Newest {
		return
	}
	value = forecast.Clean(value)
	if m.Shape.Period > 0 && m.Shape.ends(step) {
		m.reshape(func() { m.Levels.add(m.Shape.learn(m.cfg)) })
	}
	parts := m.parts(step)
	for v, part := range parts {
		m.follow(v, value, part)
	}
	m.judge(step, value, &parts)
	if m.Shape.Period > 0 {
		m.Shape.update(step, value)
	}
	m.Known, m.Newest = true, step
}

// follow adds a value to the discounted sums after they were judged by it.
func (m *Model) follow(variant int, value, part float64) {
	for i := range m.Runs[variant] {
		r := &m.Runs[variant][i]
		if !m.Known {
			*r = run{Value: value, Shape: part}
			continue
		}
		r.Error += (math.Abs(value-r.level()*part) - r.Error) / m.cfg.ErrorMemory
		r.Value += (value - r.Value) / memories[i]
		r.Shape += (part - r.Shape) / memories[i]
	}
}

// judge compares what the variants promised for this step, and lets them
// promise again.
func (m *Model) judge(step int64, value float64, parts *[variants]float64) {
	if m.Shape.Seen > 0 {
		m.Trial.Judge(step, value, m.cfg.ErrorMemory, func(v int, level float64) float64 { return level * parts[v] })
	}
	promised := m.Trial.Promise(step)
	for v := range promised {
		said, apart := m.levels(v)
		promised[v] = said + apart*m.keepFar
	}
}

// levels returns the level that a variant says, and how far it is from that now.
func (m *Model) levels(variant int) (said, apart float64) {
	best := &m.Runs[variant][0]
	for i := range m.Runs[variant] {
		if m.Runs[variant][i].Error < best.Error {
			best = &m.Runs[variant][i]
		}
	}
	if now := best.level(); variant >= smoothed && m.Levels.Next > 0 {
		return m.Levels.Next, now - m.Levels.Next
	}
	return best.level(), 0
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	best := m.Trial.Best()
	said, apart := m.levels(best)
	for i := range out {
		apart *= m.keep
		out[i] = forecast.Clean((said + apart) * m.part(best, m.Newest+int64(i)+1))
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
	if !s.Trial.Fits(variants) || !s.Shape.fits(m.cfg) || !s.Levels.fits() {
		return fmt.Errorf("snapshot of %s: %d bins for a season of %d steps, %d levels: %w",
			kind, len(s.Shape.Parts), s.Shape.Period, s.Levels.Count, scale.ErrSnapshot)
	}
	m.state = s
	m.decay()
	return nil
}
