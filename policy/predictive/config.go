package predictive

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/scale"
)

// Config of the policy. Nothing has to be set.
type Config struct {
	// Risk is the one knob: the avoidable violations that are expected, over
	// those the objective allows.
	Risk float64 `json:"risk" jsonschema:"exclusiveMinimum=0,maximum=1000,description=the one knob along cost against risk: the share of requests expected to miss the objective over the share it allows; 0.5 is safer and dearer and 2 cheaper and riskier"`
	// Drain is how soon a backlog is to be gone once further replicas serve.
	Drain scale.Duration `json:"drain" jsonschema:"description=time within which requests that queued up are to be answered once further replicas are ready"`
	// RestartCost is what starting a replica costs besides its start-up time.
	RestartCost scale.Duration `json:"restartCost" jsonschema:"description=what starting a replica costs besides the time it takes to start as time of a replica; a replica no longer needed is kept as long as its next start would cost"`
	// IdleToZero is how long nothing may arrive before the last replica goes.
	IdleToZero scale.Duration `json:"idleToZero" jsonschema:"description=time without any request after which the last replica goes where replicas.min is 0"`
	// Service holds hints; what it leaves out is learned.
	Service capacity.Config `json:"service,omitzero" jsonschema:"description=hints about the service; what is left out is learned from measurements"`
}

// Default needs no tuning: as many violations as the objective allows.
func Default() Config {
	return Config{Risk: 1, Drain: scale.Duration(30 * time.Second), IdleToZero: scale.Duration(5 * time.Minute)}
}

// String says what the policy aims at: "risk 1".
func (c Config) String() string { return "risk " + scale.Number(c.Risk) }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if !(c.Risk > 0 && c.Risk <= 1000) {
		errs = append(errs, fmt.Errorf("risk: must be above 0 and at most 1000, got %v", c.Risk))
	}
	if c.Drain <= 0 {
		errs = append(errs, fmt.Errorf("drain: must be above 0, got %v", c.Drain))
	}
	if c.RestartCost < 0 {
		errs = append(errs, fmt.Errorf("restartCost: must not be negative, got %v", c.RestartCost))
	}
	if c.IdleToZero <= 0 {
		errs = append(errs, fmt.Errorf("idleToZero: must be above 0, got %v", c.IdleToZero))
	}
	return errors.Join(append(errs, c.Service.Validate())...)
}
