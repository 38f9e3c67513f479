package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// ProtocolVariants are other services than that of the protocol, so that nobody
// takes what holds for one for what holds for all.
type ProtocolVariants struct {
	Seeds int `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
	// Policies are played as they come, Sweep at all positions of their knob.
	Policies []string `json:"policies" jsonschema:"required,minItems=1"`
	Sweep    []string `json:"sweep" jsonschema:"required,minItems=1"`
	// Calibration is the grid that the HPA is tuned over per trace.
	Calibration ProtocolGrid `json:"calibration" jsonschema:"required"`
	// Traces are names of report traces.
	Traces    []string          `json:"traces" jsonschema:"required,minItems=1"`
	Scenarios []ProtocolVariant `json:"scenarios" jsonschema:"required,minItems=1"`
}

// ProtocolVariant is what differs from the protocol; all else is as there.
type ProtocolVariant struct {
	Name      string           `json:"name" jsonschema:"required,minLength=1"`
	Service   VariantService   `json:"service,omitzero"`
	Objective VariantObjective `json:"objective,omitzero"`
	Replicas  VariantReplicas  `json:"replicas,omitzero"`
	Clocks    VariantClocks    `json:"clocks,omitzero"`
	P99RPS    float64          `json:"p99RPS,omitempty" jsonschema:"exclusiveMinimum=0"`
	// Traces and Sweep instead of those of all variants; Signals are those that
	// the HPA is tuned on.
	Traces  []string `json:"traces,omitempty"`
	Sweep   []string `json:"sweep,omitempty"`
	Signals []string `json:"signals,omitempty"`
}

// VariantService is [ProtocolService] in part.
type VariantService struct {
	Law         string         `json:"law,omitempty" jsonschema:"enum=lognormal,enum=exponential,enum=deterministic"`
	Mean        scale.Duration `json:"mean,omitempty"`
	CV          float64        `json:"cv,omitempty" jsonschema:"exclusiveMinimum=0"`
	Concurrency int            `json:"concurrency,omitempty" jsonschema:"minimum=1"`
	Topology    string         `json:"topology,omitempty" jsonschema:"enum=leastconn,enum=central,enum=random,enum=roundrobin,enum=p2c"`
}

// VariantObjective is [ProtocolObjective] in part.
type VariantObjective struct {
	Threshold scale.Duration `json:"threshold,omitempty"`
	Target    float64        `json:"target,omitempty" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=100"`
}

// VariantReplicas is [ProtocolReplicas] in part.
type VariantReplicas struct {
	Min     int            `json:"min,omitempty" jsonschema:"minimum=1"`
	Max     int            `json:"max,omitempty" jsonschema:"minimum=1"`
	Startup scale.Duration `json:"startup,omitempty"`
}

// VariantClocks is [ProtocolClocks] in part.
type VariantClocks struct {
	Sync             scale.Duration `json:"sync,omitempty"`
	Scrape           scale.Duration `json:"scrape,omitempty"`
	MetricWindow     scale.Duration `json:"metricWindow,omitempty"`
	BalancerInterval scale.Duration `json:"balancerInterval,omitempty"`
	BalancerWindow   scale.Duration `json:"balancerWindow,omitempty"`
	BalancerOff      bool           `json:"balancerOff,omitempty"`
}

// Variant is the protocol with what differs.
func (p Protocol) Variant(v ProtocolVariant) (Protocol, error) {
	err := errors.Join(overlay(v.Service, &p.Service), overlay(v.Objective, &p.Objective), overlay(v.Replicas, &p.Replicas), overlay(v.Clocks, &p.Clocks))
	if v.P99RPS > 0 {
		p.P99RPS = v.P99RPS
	}
	return p, err
}

// overlay writes the fields of part that are not empty over those of whole.
func overlay(part, whole any) error {
	raw, err := json.Marshal(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, whole)
}

// VariantCases are the traces of a variant, named TRACE@VARIANT. open finds
// their files. Arrivals come by the same chances as without the variant.
func (p Protocol) VariantCases(v ProtocolVariant, open func(file string) (*workload.Trace, error)) ([]Case, error) {
	other, err := p.Variant(v)
	if err != nil {
		return nil, err
	}
	var cases []Case
	var errs []error
	for _, t := range p.Report {
		if !slices.Contains(v.traces(p.Variants), t.Name) {
			continue
		}
		c, err := other.Case(t, open)
		if err != nil {
			errs = append(errs, fmt.Errorf("variant %s: %w", v.Name, err))
			continue
		}
		c.Trace += "@" + v.Name
		cases = append(cases, c)
	}
	return cases, errors.Join(errs...)
}

func (v ProtocolVariant) traces(all *ProtocolVariants) []string {
	if len(v.Traces) > 0 {
		return v.Traces
	}
	return all.Traces
}

// validate reports what the schema cannot say.
func (all *ProtocolVariants) validate(p Protocol) []error {
	var errs []error
	var names, report []string
	for _, t := range p.Report {
		report = append(report, t.Name)
	}
	for i, v := range all.Scenarios {
		at := fmt.Sprintf("variants.scenarios[%d]", i)
		if slices.Contains(names, v.Name) || strings.ContainsAny(v.Name, "/@") {
			errs = append(errs, fmt.Errorf("%s.name: must be given once and not hold / or @, got %q", at, v.Name))
		}
		names = append(names, v.Name)
		for _, trace := range v.traces(all) {
			if !slices.Contains(report, trace) {
				errs = append(errs, fmt.Errorf("%s: trace %q is none of report", at, trace))
			}
		}
		if err := p.feasible(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errs
}

// feasible reports what is wrong with a variant whatever the load.
func (p Protocol) feasible(v ProtocolVariant) error {
	other, err := p.Variant(v)
	if err != nil {
		return err
	}
	s, err := other.Scenario()
	if err != nil {
		return err
	}
	s.Load = workload.Constant{RPS: 1, For: time.Hour}
	return s.Validate()
}
