package hpa

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy. Field names follow the HorizontalPodAutoscaler where
// it has the concept.
type Config struct {
	// CPUUtilization is short for a metric on CPU utilization, in percent.
	CPUUtilization int `json:"cpuUtilization,omitempty" jsonschema:"description=target CPU utilization in percent of what is requested; short for a metric on cpuUtilization"`
	// Metrics are the signals to keep at their targets; the largest proposal wins.
	Metrics []Metric `json:"metrics,omitempty" jsonschema:"description=signals to keep at their targets; the largest proposal wins"`
	// Tolerance is the relative deviation that is not worth a change, for
	// metrics that do not say otherwise.
	Tolerance float64 `json:"tolerance" jsonschema:"description=relative deviation from the target that is not worth a change; default 0.1"`
}

// Metric is one signal with exactly one kind of target.
type Metric struct {
	Signal string `json:"signal" jsonschema:"required,description=name of the signal"`
	// AverageValue is the target per replica of a signal that adds up over
	// replicas, in the signal's unit.
	AverageValue float64 `json:"averageValue,omitempty" jsonschema:"description=target per replica of a signal that adds up over replicas (requestRate / concurrency / queueDepth)"`
	// Value is the target of a signal that falls as replicas are added, in
	// the signal's unit.
	Value float64 `json:"value,omitempty" jsonschema:"description=target of a signal that falls as replicas are added (latency in seconds)"`
	// AverageUtilization is the target of a share of capacity, in percent.
	AverageUtilization int `json:"averageUtilization,omitempty" jsonschema:"description=target of a utilization in percent"`
	// Tolerance overrides the policy's.
	Tolerance *float64 `json:"tolerance,omitempty" jsonschema:"description=overrides the policy's tolerance"`
}

// Default is the HPA's own: 80 % of the requested CPU, tolerance 0.1
// (pkg/apis/autoscaling/v2/defaults.go). The metric is added by New when none
// is configured.
func Default() Config { return Config{Tolerance: 0.1} }

const defaultCPUUtilization = 80

// metrics returns the configured metrics, shorthand and default included.
func (c Config) metrics() []Metric {
	all := append([]Metric(nil), c.Metrics...)
	utilization := c.CPUUtilization
	if utilization == 0 && len(all) == 0 {
		utilization = defaultCPUUtilization
	}
	if utilization != 0 {
		all = append(all, Metric{Signal: scale.CPUUtilization, AverageUtilization: utilization})
	}
	return all
}

// String says what the policy aims at: "concurrency 2.8 per replica".
func (c Config) String() string {
	var all []string
	for _, m := range c.metrics() {
		switch {
		case m.AverageValue != 0:
			all = append(all, fmt.Sprintf("%s %s per replica", m.Signal, scale.Number(m.AverageValue)))
		case m.AverageUtilization != 0:
			all = append(all, fmt.Sprintf("%s %d %%", m.Signal, m.AverageUtilization))
		default:
			all = append(all, fmt.Sprintf("%s %s", m.Signal, scale.Number(m.Value)))
		}
	}
	return strings.Join(all, ", ")
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if c.CPUUtilization < 0 {
		errs = append(errs, fmt.Errorf("cpuUtilization: must be above 0, got %d", c.CPUUtilization))
	}
	if !(c.Tolerance >= 0 && c.Tolerance < 1) {
		errs = append(errs, fmt.Errorf("tolerance: must be at least 0 and below 1, got %v", c.Tolerance))
	}
	for i, m := range c.Metrics {
		for _, err := range m.faults() {
			errs = append(errs, fmt.Errorf("metrics[%d].%w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (m Metric) faults() []error {
	var errs []error
	if m.Signal == "" {
		errs = append(errs, errors.New("signal: must not be empty"))
	}
	targets := 0
	for _, t := range []struct {
		field string
		value float64
	}{{"averageValue", m.AverageValue}, {"value", m.Value}, {"averageUtilization", float64(m.AverageUtilization)}} {
		if t.value < 0 {
			errs = append(errs, fmt.Errorf("%s: must be above 0, got %v", t.field, t.value))
		}
		if t.value != 0 {
			targets++
		}
	}
	if targets != 1 {
		errs = append(errs, fmt.Errorf("signal: %q needs exactly one of averageValue, value, averageUtilization, got %d", m.Signal, targets))
	}
	if m.Tolerance != nil && !(*m.Tolerance >= 0 && *m.Tolerance < 1) {
		errs = append(errs, fmt.Errorf("tolerance: must be at least 0 and below 1, got %v", *m.Tolerance))
	}
	return errs
}
