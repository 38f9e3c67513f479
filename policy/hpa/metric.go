package hpa

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// Metric is one signal with exactly one kind of target.
type Metric struct {
	// Type says by which of the HorizontalPodAutoscaler's rules the metric
	// counts, to the last replica as there. Without it the signal says it: a
	// utilization counts by replica where each is measured, anything else as
	// one value of the whole target, with guards of our own against few ready
	// replicas.
	Type   string `json:"type,omitempty" jsonschema:"enum=Resource,enum=ContainerResource,enum=Pods,enum=Object,enum=External,description=the rule of the HorizontalPodAutoscaler by which the metric counts; left out: as the signal says"`
	Signal string `json:"signal" jsonschema:"required,description=name of the signal; of a resource its name (cpu or memory) or its utilization"`
	// Container is the one whose resource counts, for ContainerResource.
	Container string `json:"container,omitempty" jsonschema:"description=the container whose resource counts; only with type ContainerResource"`
	// AverageValue is the target per replica of a signal that adds up over
	// replicas, in the signal's unit.
	AverageValue *float64 `json:"averageValue,omitempty" jsonschema:"description=target per replica of a signal that adds up over replicas (requestRate / concurrency / queueDepth)"`
	// Value is the target of a signal that falls as replicas are added, in
	// the signal's unit.
	Value *float64 `json:"value,omitempty" jsonschema:"description=target of a signal that falls as replicas are added (latency in seconds)"`
	// AverageUtilization is the target of a share of capacity, in percent.
	AverageUtilization *int `json:"averageUtilization,omitempty" jsonschema:"description=target of a utilization in percent"`
	// Tolerance overrides the policy's and the behaviour's.
	Tolerance *float64 `json:"tolerance,omitempty" jsonschema:"description=overrides the policy's tolerance and the behavior's"`
}

// The types of metrics, with the names of autoscaling/v2.
const (
	Resource          = "Resource"          // a resource of each replica
	ContainerResource = "ContainerResource" // a resource of one container of each replica
	Pods              = "Pods"              // a signal of each replica
	Object            = "Object"            // a signal of the whole target
	External          = "External"          // a signal of something else
)

// The kinds of target.
const (
	averageValue       = "averageValue"
	value              = "value"
	averageUtilization = "averageUtilization"
)

// targetsOf says which kinds of target each type takes.
func targetsOf(kind string) []string {
	switch kind {
	case Resource, ContainerResource:
		return []string{averageUtilization, averageValue}
	case Pods:
		return []string{averageValue}
	case Object, External:
		return []string{value, averageValue}
	default:
		return []string{averageValue, value, averageUtilization}
	}
}

// String says what the metric aims at.
func (m Metric) String() string {
	name := m.Signal
	if m.Container != "" {
		name += " of " + m.Container
	}
	switch {
	case m.AverageValue != nil:
		return fmt.Sprintf("%s %s per replica", name, scale.Number(*m.AverageValue))
	case m.AverageUtilization != nil:
		return fmt.Sprintf("%s %d %%", name, *m.AverageUtilization)
	case m.Value != nil:
		return fmt.Sprintf("%s %s", name, scale.Number(*m.Value))
	}
	return name
}

func (m Metric) faults() []error {
	var errs []error
	if m.Signal == "" {
		errs = append(errs, errors.New("signal: must not be empty"))
	}
	if types := []string{Resource, ContainerResource, Pods, Object, External}; m.Type != "" && !slices.Contains(types, m.Type) {
		return append(errs, fmt.Errorf("type: must be one of %s, got %q", strings.Join(types, ", "), m.Type))
	}
	if (m.Container != "") != (m.Type == ContainerResource) {
		errs = append(errs, fmt.Errorf("container: needed with type %s and only there, got type %q and container %q", ContainerResource, m.Type, m.Container))
	}
	errs = append(errs, m.targetFaults()...)
	if m.Tolerance != nil && !(*m.Tolerance >= 0 && *m.Tolerance < 1) {
		errs = append(errs, fmt.Errorf("tolerance: must be at least 0 and below 1, got %v", *m.Tolerance))
	}
	return errs
}

func (m Metric) targetFaults() []error {
	stated := map[string]float64{}
	if m.AverageValue != nil {
		stated[averageValue] = *m.AverageValue
	}
	if m.Value != nil {
		stated[value] = *m.Value
	}
	if m.AverageUtilization != nil {
		stated[averageUtilization] = float64(*m.AverageUtilization)
	}
	var errs []error
	allowed := targetsOf(m.Type)
	for _, field := range []string{averageValue, value, averageUtilization} {
		switch target, is := stated[field]; {
		case is && !(target > 0):
			errs = append(errs, fmt.Errorf("%s: must be above 0, got %v", field, target))
		case is && !slices.Contains(allowed, field):
			errs = append(errs, fmt.Errorf("%s: type %s takes one of %s", field, m.Type, strings.Join(allowed, ", ")))
		}
	}
	if len(stated) != 1 {
		errs = append(errs, fmt.Errorf("signal: %q needs exactly one of %s, got %d", m.Signal, strings.Join(allowed, ", "), len(stated)))
	}
	return errs
}
