package baseline

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy.
type Config struct {
	// Signal is the one whose normal values are learned.
	Signal string `json:"signal" jsonschema:"description=signal whose normal values are learned; one that rises when replicas are too few"`
	// Interval is the time between two windows; 0 is what one point of the
	// signal averages over, so that windows do not overlap.
	Interval scale.Duration `json:"interval" jsonschema:"description=time between two windows; 0s = what one value of the signal averages over"`
	// History is how many windows the baseline is made of.
	History int `json:"history" jsonschema:"minimum=5,maximum=2000,description=windows that the baseline is made of; it follows a lasting change after half of them"`
	// Warmup is how many windows it must have seen to have an opinion.
	Warmup int `json:"warmup" jsonschema:"minimum=5,description=windows it must have seen to have an opinion"`
	// K and LowK are how many sigmas above and below the median are unusual.
	K    float64 `json:"k" jsonschema:"exclusiveMinimum=0,description=replicas are added above the median plus this many sigmas"`
	LowK float64 `json:"lowK" jsonschema:"exclusiveMinimum=0,description=a window is low below the median minus this many sigmas"`
	// LowFactor makes a window low below this share of the median, too; 0 = not used.
	LowFactor float64 `json:"lowFactor" jsonschema:"minimum=0,description=a window is low also below this share (0 to 1) of the median; 0 = not used"`
	// LowWindows is how many low windows in a row take replicas.
	LowWindows int `json:"lowWindows" jsonschema:"minimum=1,description=low windows in a row that take replicas"`
	// MinDeviation and MinDeviationPercent are the floor under the deviation,
	// in the signal's unit and relative to the median.
	MinDeviation        float64 `json:"minDeviation" jsonschema:"minimum=0,description=least deviation that is believed in the signal's unit (seconds for a latency)"`
	MinDeviationPercent float64 `json:"minDeviationPercent" jsonschema:"minimum=0,description=least deviation that is believed in percent of the median"`
	// Step and StepPercent size a change, whichever is more.
	Step        int     `json:"step" jsonschema:"minimum=1,description=replicas of one change at least"`
	StepPercent float64 `json:"stepPercent" jsonschema:"minimum=0,description=size of one change in percent of the replicas"`
}

// Default watches the p95 latency: 3 sigmas above the median of 60 windows
// adds, 3 windows in a row 2 sigmas below it take.
func Default() Config {
	return Config{
		Signal: scale.Latency, History: 60, Warmup: 20, K: 3, LowK: 2, LowWindows: 3,
		MinDeviation: 0.005, MinDeviationPercent: 5, Step: 1, StepPercent: 20,
	}
}

// String says what the policy watches: "latency within 3 sigma".
func (c Config) String() string {
	return fmt.Sprintf("%s within %s sigma", c.Signal, scale.Number(c.K))
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Signal != "", "signal: must not be empty")
	must(c.Interval >= 0, "interval: must not be negative, got %v", c.Interval)
	must(c.History >= 5 && c.History <= 2000, "history: must be between 5 and 2000, got %d", c.History)
	must(c.Warmup >= 5 && c.Warmup <= c.History, "warmup: must be at least 5 and at most history (%d), got %d", c.History, c.Warmup)
	must(c.K > 0, "k: must be above 0, got %v", c.K)
	must(c.LowK > 0, "lowK: must be above 0, got %v", c.LowK)
	must(c.LowFactor >= 0 && c.LowFactor < 1, "lowFactor: must be at least 0 and below 1, got %v", c.LowFactor)
	must(c.LowWindows >= 1, "lowWindows: must be at least 1, got %d", c.LowWindows)
	must(c.MinDeviation >= 0, "minDeviation: must be at least 0, got %v", c.MinDeviation)
	must(c.MinDeviationPercent >= 0, "minDeviationPercent: must be at least 0, got %v", c.MinDeviationPercent)
	must(c.MinDeviation > 0 || c.MinDeviationPercent > 0, "minDeviation: one of minDeviation, minDeviationPercent must be above 0")
	must(c.Step >= 1, "step: must be at least 1, got %d", c.Step)
	must(c.StepPercent >= 0, "stepPercent: must be at least 0, got %v", c.StepPercent)
	return errors.Join(errs...)
}
