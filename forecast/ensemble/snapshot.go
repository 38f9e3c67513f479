package ensemble

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

const (
	kind    = "forecast/ensemble"
	version = 1
)

// identity is what a snapshot has to agree with: settings and models.
type identity struct {
	Config Config
	Models []string
}

type state struct {
	Started  bool
	Newest   time.Time
	Phase    time.Duration
	Number   int64
	Recent   []dated
	Channels []channel
	Models   []json.RawMessage
	Seasons  json.RawMessage
}

func (e *Ensemble) identity() identity {
	id := identity{Config: e.cfg}
	for _, m := range e.named {
		id.Models = append(id.Models, m.Name)
	}
	return id
}

// Snapshot returns all that was learned.
func (e *Ensemble) Snapshot() ([]byte, error) {
	s := state{
		Started: e.clock.started, Newest: e.clock.newest, Phase: e.clock.phase, Number: e.clock.number,
		Recent: e.recent, Channels: e.channels,
	}
	for i, m := range e.models {
		data, err := m.Snapshot()
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", e.named[i].Name, err)
		}
		s.Models = append(s.Models, data)
	}
	var err error
	if s.Seasons, err = e.seasons.Snapshot(); err != nil {
		return nil, err
	}
	return scale.Seal(kind, version, e.identity(), s)
}

// Restore goes on where a snapshot was taken. One that does not fit changes
// nothing.
func (e *Ensemble) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, e.identity(), &s); err != nil {
		return err
	}
	if !e.fits(&s) {
		return fmt.Errorf("snapshot of %s with parts missing: %w", kind, scale.ErrSnapshot)
	}
	models := make([]forecast.Model, len(e.named))
	for i, m := range e.named {
		models[i] = m.New()
		if err := models[i].Restore(s.Models[i]); err != nil {
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
	}
	seasons := season.New(season.Config{Step: e.cfg.Step})
	if err := seasons.Restore(s.Seasons); err != nil {
		return err
	}
	for i := range s.Channels {
		c, own := &s.Channels[i], &e.channels[i]
		c.horizon, c.peak, c.pace = own.horizon, own.peak, own.pace
		c.gather()
	}
	e.seasons, e.period = seasons, seasons.Period()
	e.models, e.channels, e.recent = models, s.Channels, s.Recent
	e.clock = clock{step: e.cfg.Step, started: s.Started, newest: s.Newest, phase: s.Phase, number: s.Number}
	return nil
}

// fits reports whether the parts of a state are as many as those of the
// ensemble.
func (e *Ensemble) fits(s *state) bool {
	if len(s.Channels) != len(e.channels) || len(s.Models) != len(e.named) || len(s.Recent) != len(e.recent) {
		return false
	}
	for i := range s.Channels {
		if !s.Channels[i].fits(len(e.named), len(e.cfg.Levels), e.channels[i].horizon) {
			return false
		}
	}
	return true
}

func (c *channel) fits(experts, levels, horizon int) bool {
	ok := len(c.Experts) == experts && len(c.Theta) == levels &&
		len(c.Score.Kept) == levels && len(c.Promises) == horizon
	for _, x := range c.Experts {
		ok = ok && len(x.Shape) == levels
	}
	for _, p := range c.Promises {
		ok = ok && len(p.Points) == experts && len(p.Sizes) == experts &&
			len(p.Own) == levels && len(p.Quantiles) == levels
	}
	return ok
}
