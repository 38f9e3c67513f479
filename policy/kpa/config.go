package kpa

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy, with Knative's names and defaults.
type Config struct {
	// Metric is what is kept at its target: requests in progress or per second.
	Metric string `json:"metric" jsonschema:"enum=concurrency,enum=rps,description=what is kept at its target: concurrency (requests in progress) or rps (requests per second)"`
	// Target is what one replica can take; 0 is Knative's soft limit, 100
	// requests in progress or 200 per second.
	Target float64 `json:"target" jsonschema:"minimum=0,description=what one replica can take; 0 = 100 for concurrency and 200 for rps"`
	// TargetUtilization is the share of Target to aim at, in percent.
	TargetUtilization float64 `json:"targetUtilization" jsonschema:"exclusiveMinimum=0,maximum=100,description=share of the target to aim at in percent"`
	// StableWindow is what the stable average covers.
	StableWindow scale.Duration `json:"stableWindow" jsonschema:"description=time that the stable average covers"`
	// PanicWindowPercentage is the length of the panic window, of the stable one.
	PanicWindowPercentage float64 `json:"panicWindowPercentage" jsonschema:"exclusiveMinimum=0,maximum=100,description=length of the panic window in percent of the stable one"`
	// PanicThreshold is how many times the ready replicas must be wanted to panic.
	PanicThreshold float64 `json:"panicThreshold" jsonschema:"exclusiveMinimum=1,description=it panics when the panic window wants this many times the ready replicas"`
	// MaxScaleUpRate and MaxScaleDownRate bound one decision relative to the
	// ready replicas.
	MaxScaleUpRate   float64 `json:"maxScaleUpRate" jsonschema:"exclusiveMinimum=1,description=one decision multiplies the ready replicas by at most this"`
	MaxScaleDownRate float64 `json:"maxScaleDownRate" jsonschema:"exclusiveMinimum=1,description=one decision divides the ready replicas by at most this"`
	// ActivationScale is the least that any demand at all asks for.
	ActivationScale int `json:"activationScale" jsonschema:"minimum=1,description=fewest replicas while there is any demand"`
	// ScaleDownDelay is how long a lower wish must last; 0 = not at all.
	ScaleDownDelay scale.Duration `json:"scaleDownDelay" jsonschema:"description=how long a lower wish must last before it is followed"`
}

// The metrics.
const (
	Concurrency = "concurrency"
	RPS         = "rps"
)

// Default is Knative's own (config-autoscaler).
func Default() Config {
	return Config{
		Metric: Concurrency, TargetUtilization: 70,
		StableWindow: scale.Duration(time.Minute), PanicWindowPercentage: 10, PanicThreshold: 2,
		MaxScaleUpRate: 1000, MaxScaleDownRate: 2, ActivationScale: 1,
	}
}

// target is what one replica is to carry (ResolveMetricTarget in
// knative.dev/serving: never below 1).
func (c Config) target() float64 {
	total := c.Target
	switch {
	case total != 0:
	case c.Metric == RPS:
		total = 200
	default:
		total = 100
	}
	return max(1, total*c.TargetUtilization/100)
}

func (c Config) signal() string {
	if c.Metric == RPS {
		return scale.RequestRate
	}
	return scale.Concurrency
}

func (c Config) panicWindow() time.Duration {
	return time.Duration(float64(c.StableWindow) * c.PanicWindowPercentage / 100)
}

// String says what the policy aims at: "concurrency 70 per replica".
func (c Config) String() string {
	return fmt.Sprintf("%s %s per replica", c.signal(), scale.Number(c.target()))
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.Metric == Concurrency || c.Metric == RPS, "metric: must be one of concurrency, rps, got %q", c.Metric)
	must(c.Target >= 0, "target: must be above 0, got %v", c.Target)
	must(c.TargetUtilization > 0 && c.TargetUtilization <= 100, "targetUtilization: must be above 0 and at most 100, got %v", c.TargetUtilization)
	must(c.StableWindow > 0, "stableWindow: must be above 0, got %v", c.StableWindow)
	must(c.PanicWindowPercentage > 0 && c.PanicWindowPercentage <= 100,
		"panicWindowPercentage: must be above 0 and at most 100, got %v", c.PanicWindowPercentage)
	must(c.PanicThreshold > 1, "panicThreshold: must be above 1, got %v", c.PanicThreshold)
	must(c.MaxScaleUpRate > 1, "maxScaleUpRate: must be above 1, got %v", c.MaxScaleUpRate)
	must(c.MaxScaleDownRate > 1, "maxScaleDownRate: must be above 1, got %v", c.MaxScaleDownRate)
	must(c.ActivationScale >= 1, "activationScale: must be at least 1, got %d", c.ActivationScale)
	must(c.ScaleDownDelay >= 0, "scaleDownDelay: must not be negative, got %v", c.ScaleDownDelay)
	return errors.Join(errs...)
}
