package guard

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// TrustAction is what happens to the count while a signal is in doubt.
type TrustAction string

// The actions, from the mildest.
const (
	Ignore        TrustAction = "Ignore"        // nothing; the policy decides with what it has
	HoldScaleDown TrustAction = "HoldScaleDown" // the count may rise but not fall
	Hold          TrustAction = "Hold"          // the count stays
	FallBack      TrustAction = "Fallback"      // as HoldScaleDown, and at least fallbackReplicas
)

// TrustRules say what happens in each state of doubt. A state left out is
// that of the surroundings.
type TrustRules struct {
	Stale       TrustAction `json:"stale,omitempty" jsonschema:"enum=HoldScaleDown,enum=Hold,enum=Ignore,enum=Fallback,description=what happens while a signal was measured but not lately"`
	Absent      TrustAction `json:"absent,omitempty" jsonschema:"enum=HoldScaleDown,enum=Hold,enum=Ignore,enum=Fallback,description=what happens while a signal was never measured or not for long"`
	Implausible TrustAction `json:"implausible,omitempty" jsonschema:"enum=HoldScaleDown,enum=Hold,enum=Ignore,enum=Fallback,description=what happens while a signal is recent but impossible (negative or not a number)"`
	// FallbackReplicas is the least count under Fallback.
	FallbackReplicas int `json:"fallbackReplicas,omitempty" jsonschema:"minimum=1,description=fewest replicas under Fallback"`
}

// TrustConfig says what happens while signals are in doubt.
type TrustConfig struct {
	TrustRules
	Signals []SignalTrust `json:"signals,omitempty" jsonschema:"description=other rules for single signals; what is left out is as above"`
}

// SignalTrust holds the rules of one signal.
type SignalTrust struct {
	Name string `json:"name" jsonschema:"required,description=name of the signal"`
	TrustRules
}

// DefaultTrust never scales down on doubtful data.
func DefaultTrust() TrustConfig {
	return TrustConfig{TrustRules: TrustRules{Stale: HoldScaleDown, Absent: HoldScaleDown, Implausible: HoldScaleDown}}
}

// Of returns the rules of a signal.
func (c TrustConfig) Of(signal string) TrustRules {
	rules := c.over(DefaultTrust().TrustRules)
	for _, s := range c.Signals {
		if s.Name == signal {
			return s.over(rules)
		}
	}
	return rules
}

// over fills in what r leaves out.
func (r TrustRules) over(general TrustRules) TrustRules {
	r.Stale = or(r.Stale, general.Stale)
	r.Absent = or(r.Absent, general.Absent)
	r.Implausible = or(r.Implausible, general.Implausible)
	r.FallbackReplicas = or(r.FallbackReplicas, general.FallbackReplicas)
	return r
}

func or[T comparable](v, otherwise T) T {
	var none T
	if v == none {
		return otherwise
	}
	return v
}

// action is what a state of trust leads to; none while the signal is fresh.
func (r TrustRules) action(t scale.Trust) TrustAction {
	switch t {
	case scale.Fresh:
		return Ignore
	case scale.Stale:
		return r.Stale
	case scale.Implausible:
		return r.Implausible
	default:
		return r.Absent
	}
}

// Validate reports every fault.
func (c TrustConfig) Validate() error {
	errs := c.faults("", c.TrustRules)
	first := map[string]int{}
	for i, s := range c.Signals {
		path := fmt.Sprintf("signals[%d].", i)
		switch j, taken := first[s.Name]; {
		case s.Name == "":
			errs = append(errs, fmt.Errorf("%sname: must not be empty", path))
		case taken:
			errs = append(errs, fmt.Errorf("%sname: %q already has rules in signals[%d]", path, s.Name, j))
		default:
			first[s.Name] = i
		}
		errs = append(errs, s.faults(path, s.over(c.TrustRules))...)
	}
	return errors.Join(errs...)
}

// faults checks what r states; whole is r with what it leaves out.
func (r TrustRules) faults(path string, whole TrustRules) []error {
	var errs []error
	if r.FallbackReplicas < 0 {
		errs = append(errs, fmt.Errorf("%sfallbackReplicas: must be at least 1, got %d", path, r.FallbackReplicas))
	}
	for _, state := range []struct {
		name   string
		action TrustAction
	}{{"stale", r.Stale}, {"absent", r.Absent}, {"implausible", r.Implausible}} {
		switch state.action {
		case "", HoldScaleDown, Hold, Ignore:
		case FallBack:
			if whole.FallbackReplicas == 0 {
				errs = append(errs, fmt.Errorf("%s%s: Fallback needs fallbackReplicas", path, state.name))
			}
		default:
			errs = append(errs, fmt.Errorf("%s%s: must be one of HoldScaleDown, Hold, Ignore, Fallback, got %q", path, state.name, state.action))
		}
	}
	return errs
}
