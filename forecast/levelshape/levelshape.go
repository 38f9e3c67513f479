// Package levelshape takes a load apart into how much there is of a day and
// how a day goes, as FLAIR does ("level × shape", closed form): the shape is
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

var _ forecast.Model = (*Model)(nil)

// Model is the forecast with its memory of shape and levels.
type Model struct {
	cfg Config
	state
}

type state struct {
	Known  bool
	Newest int64
	Runs   [len(memories)]run
	Shape  shape
	Levels levels
}

// run is the quotient of two discounted sums: what the season runs at.
type run struct{ Value, Shape, Error float64 }

func (r *run) level() float64 { return r.Value / max(r.Shape, 1e-9) }

// New returns the model for a valid configuration.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg}
	m.Shape = newShape(cfg, cfg.Period)
	return m
}

// SetPeriod changes the length of the season to so many steps, 0 for none.
// Shape and levels are learnt anew; what it runs at stays.
func (m *Model) SetPeriod(steps int64) {
	if steps = max(0, steps); steps == m.Shape.Period {
		return
	}
	m.reshape(func() { m.Shape, m.Levels = newShape(m.cfg, steps), levels{} })
}

// reshape changes the shape and keeps what is expected now.
func (m *Model) reshape(change func()) {
	before := m.Shape.at(m.Newest)
	change()
	for i := range m.Runs {
		m.Runs[i].Shape *= m.Shape.at(m.Newest) / max(before, 1e-9)
	}
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
	part := m.Shape.at(step)
	for i := range m.Runs {
		m.follow(i, value, part)
	}
	m.Shape.update(step, value)
	m.Known, m.Newest = true, step
}

// follow adds a value to the discounted sums after they were judged by it.
func (m *Model) follow(i int, value, part float64) {
	r, share := &m.Runs[i], 1/memories[i]
	if !m.Known {
		*r = run{Value: value, Shape: part}
		return
	}
	miss := value - r.level()*part
	r.Error += (math.Abs(miss) - r.Error) / m.cfg.ErrorMemory
	r.Value += share * (value - r.Value)
	r.Shape += share * (part - r.Shape)
}

// Predict implements [forecast.Model].
func (m *Model) Predict(out []float64) {
	best := &m.Runs[0]
	for i := range m.Runs {
		if m.Runs[i].Error < best.Error {
			best = &m.Runs[i]
		}
	}
	said, apart, keep := best.level(), 0.0, 1.0
	if m.Levels.Next > 0 {
		said, apart = m.Levels.Next, best.level()-m.Levels.Next
		keep = math.Exp(-1 / (m.cfg.Return * float64(m.Shape.Period)))
	}
	for i := range out {
		apart *= keep
		out[i] = forecast.Clean((said + apart) * m.Shape.at(m.Newest+int64(i)+1))
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
	want := 0
	if s.Shape.Period > 0 {
		want = len(newShape(m.cfg, s.Shape.Period).Parts)
	}
	if s.Shape.Period < 0 || len(s.Shape.Parts) != want || len(s.Shape.Sums) != want || len(s.Shape.Counts) != want {
		return fmt.Errorf("snapshot of %s: %d bins for a season of %d steps: %w", kind, len(s.Shape.Parts), s.Shape.Period, scale.ErrSnapshot)
	}
	m.state = s
	return nil
}
