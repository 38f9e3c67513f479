package inference

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy. Nothing has to be set.
type Config struct {
	// Utilization is the one knob: how far replicas are to be used, of the memory
	// and of the tokens a second that they are found to have, in percent.
	Utilization float64 `json:"utilization" jsonschema:"exclusiveMinimum=0,maximum=100,description=the one knob along cost against risk: how far replicas are to be used of their memory for keys and values and of the tokens per second that they are found to reach; in percent"`
	// Rise is the share of the rises seen lately, in percent, for which replicas
	// are kept ready: what comes on top finds a line.
	Rise float64 `json:"rise" jsonschema:"minimum=0,maximum=100,description=share in percent of the recent rises of the load within the time that a replica takes to load its model for which replicas are kept ready"`
	// Startup is how long a replica takes until it serves; 0 is learned.
	Startup scale.Duration `json:"startup,omitzero" jsonschema:"description=time from asking for a replica until it has loaded its model; learned when left out" compress:"-"`
	// IdleToZero is how long nothing may wait or run before the last replica goes.
	IdleToZero scale.Duration `json:"idleToZero" jsonschema:"description=time without any request after which the last replica goes where replicas.min is 0"`
}

// Default uses four fifths of what replicas have.
func Default() Config {
	return Config{Utilization: 80, Rise: 90, IdleToZero: scale.Duration(10 * time.Minute)}
}

// String says what the policy aims at: "80 % of memory and tokens".
func (c Config) String() string { return scale.Number(c.Utilization) + " % of memory and tokens" }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Utilization > 0 && c.Utilization <= 100, "utilization: must be above 0 and at most 100, got %v", c.Utilization)
	must(c.Rise >= 0 && c.Rise <= 100, "rise: must be between 0 and 100, got %v", c.Rise)
	must(c.Startup >= 0, "startup: must not be negative, got %v", c.Startup)
	must(c.IdleToZero > 0, "idleToZero: must be above 0, got %v", c.IdleToZero)
	return errors.Join(errs...)
}
