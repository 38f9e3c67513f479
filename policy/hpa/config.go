package hpa

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
	Tolerance float64 `json:"tolerance" jsonschema:"description=relative deviation from the target that is not worth a change; default 0.1; behavior.scaleUp.tolerance and scaleDown.tolerance override it in their direction"`
	// How long replicas take to start is a fact of the service: where time is
	// compressed the next two stay.

	// CPUInitializationPeriod is how long after its start the CPU of a replica
	// counts only while it is ready and was so for the whole of the sample.
	CPUInitializationPeriod scale.Duration `json:"cpuInitializationPeriod" jsonschema:"description=how long after its start the CPU of a replica counts only from samples that were taken while it was ready; default 5m" compress:"-"`
	// InitialReadinessDelay is how soon after its start a replica that is not
	// ready must have been seen so for it never to have been ready.
	InitialReadinessDelay scale.Duration `json:"initialReadinessDelay" jsonschema:"description=a replica that is not ready and has been so since this time after its start was never ready and its CPU does not count; default 30s" compress:"-"`
}

// Default is the HPA's own: 80 % of the requested CPU, tolerance 0.1
// (pkg/apis/autoscaling/v2/defaults.go), and the controller's flags for
// replicas that start. The metric is added by New when none is configured.
func Default() Config {
	return Config{Tolerance: 0.1, CPUInitializationPeriod: scale.Duration(5 * time.Minute), InitialReadinessDelay: scale.Duration(30 * time.Second)}
}

const defaultCPUUtilization = 80

// metrics returns the configured metrics, shorthand and default included.
func (c Config) metrics() []Metric {
	all := append([]Metric(nil), c.Metrics...)
	utilization := c.CPUUtilization
	if utilization == 0 && len(all) == 0 {
		utilization = defaultCPUUtilization
	}
	if utilization != 0 {
		all = append(all, Metric{Signal: scale.CPUUtilization, AverageUtilization: &utilization})
	}
	return all
}

// String says what the policy aims at: "concurrency 2.8 per replica".
func (c Config) String() string {
	var all []string
	for _, m := range c.metrics() {
		all = append(all, m.String())
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
	if c.CPUInitializationPeriod < 0 {
		errs = append(errs, fmt.Errorf("cpuInitializationPeriod: must be at least 0s, got %v", c.CPUInitializationPeriod))
	}
	if c.InitialReadinessDelay < 0 {
		errs = append(errs, fmt.Errorf("initialReadinessDelay: must be at least 0s, got %v", c.InitialReadinessDelay))
	}
	for i, m := range c.Metrics {
		for _, err := range m.faults() {
			errs = append(errs, fmt.Errorf("metrics[%d].%w", i, err))
		}
	}
	return errors.Join(errs...)
}
