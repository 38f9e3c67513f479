package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*Cooldown)(nil)

// CooldownConfig says how long to wait after a change.
type CooldownConfig struct {
	// ScaleUp and ScaleDown are how long after any applied change the count
	// may not rise, or fall; 0 = no wait.
	ScaleUp   scale.Duration `json:"scaleUp,omitempty" jsonschema:"description=no scale-up for this long after any change; default 0s"`
	ScaleDown scale.Duration `json:"scaleDown,omitempty" jsonschema:"description=no scale-down for this long after any change; default 0s"`
}

// Validate reports every fault.
func (c CooldownConfig) Validate() error {
	var errs []error
	if c.ScaleUp < 0 {
		errs = append(errs, fmt.Errorf("scaleUp: must not be negative, got %v", c.ScaleUp))
	}
	if c.ScaleDown < 0 {
		errs = append(errs, fmt.Errorf("scaleDown: must not be negative, got %v", c.ScaleDown))
	}
	return errors.Join(errs...)
}

// Cooldown holds the count for a while after each applied change.
type Cooldown struct {
	cfg  CooldownConfig
	last time.Time // of the last applied change; zero: none yet
}

// NewCooldown returns a guard that has seen no change yet.
func NewCooldown(cfg CooldownConfig) *Cooldown { return &Cooldown{cfg: cfg} }

// Name of the guard.
func (*Cooldown) Name() string { return "cooldown" }

// Limit holds the current count until the wait of want's direction is over.
func (c *Cooldown) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	if c.last.After(obs.At) { // the clock was set back
		c.last = obs.At
	}
	wait := c.cfg.ScaleDown.Std()
	if want > obs.CurrentReplicas {
		wait = c.cfg.ScaleUp.Std()
	}
	left := wait - obs.At.Sub(c.last)
	if want == obs.CurrentReplicas || c.last.IsZero() || left <= 0 {
		return want, scale.Reason{}
	}
	return obs.CurrentReplicas, scale.Because("Cooldown", "{0s} of {1s} left since the last change; wanted {2}",
		left.Seconds(), wait.Seconds(), float64(want))
}

// Applied starts the wait. A change that is none starts nothing.
func (c *Cooldown) Applied(at time.Time, from, to int) {
	if from != to {
		c.last = at
	}
}

// Snapshot returns the time of the last change.
func (c *Cooldown) Snapshot() ([]byte, error) {
	return scale.Seal("guard/cooldown", 2, nil, c.last)
}

// Restore takes over the time of the last change, whatever the wait was then.
func (c *Cooldown) Restore(s []byte) error {
	return scale.Unseal(s, "guard/cooldown", 2, nil, &c.last)
}
