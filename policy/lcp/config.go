package lcp

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/scale"
)

// Config of the policy. Nothing has to be set.
type Config struct {
	// Risk is the one knob: it divides the price of a violation.
	Risk float64 `json:"risk" jsonschema:"exclusiveMinimum=0,maximum=1000,description=the one knob along cost against risk: the share of requests that costs as much as one replica over the share that the objective allows to miss it; 0.5 is safer and dearer and 2 cheaper and riskier"`
	// RestartCost is what starting a replica costs besides its start-up time.
	RestartCost scale.Duration `json:"restartCost" jsonschema:"description=what starting a replica costs besides the time it takes to start as time of a replica; a replica no longer needed is kept as long as its next start would cost"`
	// Service holds hints; what it leaves out is learned.
	Service capacity.Config `json:"service,omitzero" jsonschema:"description=hints about the service; what is left out is learned from measurements"`
}

// Default trades at what the objective allows.
func Default() Config { return Config{Risk: 1} }

// String says what the policy aims at: "risk 1".
func (c Config) String() string { return "risk " + scale.Number(c.Risk) }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if !(c.Risk > 0 && c.Risk <= 1000) {
		errs = append(errs, fmt.Errorf("risk: must be above 0 and at most 1000, got %v", c.Risk))
	}
	if c.RestartCost < 0 {
		errs = append(errs, fmt.Errorf("restartCost: must not be negative, got %v", c.RestartCost))
	}
	return errors.Join(append(errs, c.Service.Validate())...)
}
