package guard

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// BehaviorConfig is the HorizontalPodAutoscaler's behavior field
// (autoscaling/v2), with the same names, units and limits.
type BehaviorConfig struct {
	ScaleUp   *RulesConfig `json:"scaleUp,omitempty" jsonschema:"description=rules for going up"`
	ScaleDown *RulesConfig `json:"scaleDown,omitempty" jsonschema:"description=rules for going down"`
}

// RulesConfig holds the rules of one direction. Fields left out keep the
// default; a list of policies replaces the default list whole.
type RulesConfig struct {
	StabilizationWindowSeconds *int         `json:"stabilizationWindowSeconds,omitempty" jsonschema:"minimum=0,maximum=3600,description=going up uses the lowest and going down the highest recommendation of this window (seconds)"`
	SelectPolicy               *string      `json:"selectPolicy,omitempty" jsonschema:"enum=Max,enum=Min,enum=Disabled,description=which of the policies counts: Max = the largest change; Min = the smallest; Disabled = no change in this direction"`
	Tolerance                  *float64     `json:"tolerance,omitempty" jsonschema:"minimum=0,description=relative deviation from a target that is not worth a change in this direction; read by hpa"`
	Policies                   []RateConfig `json:"policies,omitempty" jsonschema:"description=how much may change within a period"`
}

// RateConfig limits the change within a period.
type RateConfig struct {
	Type          string `json:"type" jsonschema:"required,enum=Pods,enum=Percent,description=unit of value"`
	Value         int    `json:"value" jsonschema:"required,minimum=1,description=largest change within the period"`
	PeriodSeconds int    `json:"periodSeconds" jsonschema:"required,minimum=1,maximum=1800,description=length of the period (seconds)"`
}

// The values of selectPolicy and type.
const (
	selectMax      = "Max"
	selectMin      = "Min"
	selectDisabled = "Disabled"
	typePods       = "Pods"
	typePercent    = "Percent"
)

// Validate reports every fault, with the limits of
// k8s.io/kubernetes/pkg/apis/autoscaling/validation.
func (c BehaviorConfig) Validate() error {
	return errors.Join(errors.Join(c.ScaleUp.faults("scaleUp")...), errors.Join(c.ScaleDown.faults("scaleDown")...))
}

func (c *RulesConfig) faults(direction string) []error {
	if c == nil {
		return nil
	}
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(direction+"."+format, args...)) }
	if w := c.StabilizationWindowSeconds; w != nil && (*w < 0 || *w > 3600) {
		add("stabilizationWindowSeconds: must be between 0 and 3600, got %d", *w)
	}
	if s := c.SelectPolicy; s != nil && *s != selectMax && *s != selectMin && *s != selectDisabled {
		add("selectPolicy: must be one of Max, Min, Disabled, got %q", *s)
	}
	if t := c.Tolerance; t != nil && !(*t >= 0) {
		add("tolerance: must be at least 0, got %v", *t)
	}
	for i, p := range c.Policies {
		if p.Type != typePods && p.Type != typePercent {
			add("policies[%d].type: must be one of Pods, Percent, got %q", i, p.Type)
		}
		if p.Value <= 0 {
			add("policies[%d].value: must be above 0, got %d", i, p.Value)
		}
		if p.PeriodSeconds <= 0 || p.PeriodSeconds > 1800 {
			add("policies[%d].periodSeconds: must be between 1 and 1800, got %d", i, p.PeriodSeconds)
		}
	}
	return errs
}

// BehaviorRules is the behaviour of both directions with every default
// filled in. Being durations, its times can be divided when time is compressed.
type BehaviorRules struct {
	Up   Rules `json:"scaleUp"`
	Down Rules `json:"scaleDown"`
}

// Rules limits one direction.
type Rules struct {
	// StabilizationWindow is how long past recommendations count.
	StabilizationWindow scale.Duration `json:"stabilizationWindowSeconds"`
	// Select is Max, Min or Disabled.
	Select string `json:"selectPolicy"`
	// Tolerance is what is not worth a change in this direction, for policies
	// that aim at a ratio; nil: what the policy says.
	Tolerance *float64 `json:"tolerance,omitempty"`
	// Rates are the limits to select from; none = no limit.
	Rates []Rate `json:"policies"`
}

// Rate limits the change within Period to Value replicas or percent.
type Rate struct {
	Percent bool           `json:"percent"`
	Value   int            `json:"value"`
	Period  scale.Duration `json:"periodSeconds"`
}

// HPADefaults are the HorizontalPodAutoscaler's own rules
// (pkg/apis/autoscaling/v2/defaults.go): up by 4 replicas or 100 % per 15 s,
// whichever is more, down to anything after 300 s of stabilization.
func HPADefaults() BehaviorRules {
	period := scale.Duration(15 * time.Second)
	return BehaviorRules{
		Up: Rules{Select: selectMax, Rates: []Rate{{Value: 4, Period: period}, {Percent: true, Value: 100, Period: period}}},
		Down: Rules{Select: selectMax, StabilizationWindow: scale.Duration(300 * time.Second),
			Rates: []Rate{{Percent: true, Value: 100, Period: period}}},
	}
}

// NoRules limits nothing.
func NoRules() BehaviorRules {
	return BehaviorRules{Up: Rules{Select: selectMax}, Down: Rules{Select: selectMax}}
}

// Over returns the configured rules laid over defaults.
func (c BehaviorConfig) Over(defaults BehaviorRules) BehaviorRules {
	return BehaviorRules{Up: c.ScaleUp.over(defaults.Up), Down: c.ScaleDown.over(defaults.Down)}
}

func (c *RulesConfig) over(r Rules) Rules {
	r.Rates = slices.Clone(r.Rates) // the defaults are shared
	if c == nil {
		return r
	}
	if c.StabilizationWindowSeconds != nil {
		r.StabilizationWindow = scale.Duration(time.Duration(*c.StabilizationWindowSeconds) * time.Second)
	}
	if c.SelectPolicy != nil {
		r.Select = *c.SelectPolicy
	}
	if c.Tolerance != nil {
		r.Tolerance = c.Tolerance
	}
	if len(c.Policies) > 0 {
		r.Rates = nil
	}
	for _, p := range c.Policies {
		r.Rates = append(r.Rates, Rate{Percent: p.Type == typePercent, Value: p.Value,
			Period: scale.Duration(time.Duration(p.PeriodSeconds) * time.Second)})
	}
	return r
}
