package v1alpha1

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"
	_ "time/tzdata" // a container from scratch has no time zones of its own

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/scale"
)

const namePattern = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`

const nameWords = "lower-case letters, digits and hyphens, at most 63, starting and ending with a letter or digit"

// Validate reports every fault but those inside plug-in bodies. Each message
// starts with the path of its field.
func (a *Autoscaler) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if a.APIVersion != APIVersion {
		add("apiVersion: must be %s, got %q", APIVersion, a.APIVersion)
	}
	if a.Kind != Kind {
		add("kind: must be %s, got %q", Kind, a.Kind)
	}
	if n := a.Metadata.Name; len(n) > 63 || !regexp.MustCompile(namePattern).MatchString(n) {
		add("metadata.name: must be %s; got %q", nameWords, n)
	}
	return errors.Join(append(errs, under("spec", a.Spec.Validate()))...)
}

// Validate reports every fault but those inside plug-in bodies.
func (s *Spec) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch s.Mode {
	case scale.Apply, scale.Recommend, scale.Paused:
	default:
		add("mode: must be one of Apply, Recommend, Paused, got %q", s.Mode)
	}
	if s.PausedUntil != nil && s.Mode != scale.Paused {
		add("pausedUntil: must be left out unless mode is Paused")
	}
	if s.Target.Kind == "" {
		add("target: needs exactly one target")
	}
	if s.Policy != nil && s.Policy.Kind == "" {
		add("policy: needs exactly one policy")
	}
	if s.Balancer != nil && s.Balancer.Kind == "" {
		add("balancer: needs exactly one balancer")
	}
	if s.Envelope != nil && (s.Objective == nil || s.Objective.Latency == nil) {
		add("envelope: needs objective.latency: what a violation costs comes from the share it allows")
	}
	errs = append(errs, under("envelope", s.Envelope.Validate()))
	for i := range s.Shadows {
		if s.Shadows[i].Kind == "" {
			add("shadows[%d]: needs exactly one policy", i)
		}
	}
	if s.Sync < scale.Duration(shortestSync) {
		add("sync: must be at least %v, got %v", scale.Duration(shortestSync), s.Sync)
	}
	errs = append(errs, under("replicas", s.Replicas.Validate()), under("objective", s.Objective.Validate()))
	errs = append(errs, s.signalFaults()...)
	errs = append(errs, s.affordable())
	return errors.Join(append(errs, under("behavior", s.Behavior.Validate()), under("cooldown", s.Cooldown.Validate()),
		under("trust", s.Trust.Validate()), under("rollout", s.Rollout.Validate()))...)
}

// shortestSync keeps the loop from doing nothing but deciding.
const shortestSync = 100 * time.Millisecond

// Validate reports every fault.
func (r Replicas) Validate() error {
	var errs []error
	if r.Min < 0 {
		errs = append(errs, fmt.Errorf("min: must be at least 0, got %d", r.Min))
	}
	if r.Max < 1 || r.Max < r.Min {
		errs = append(errs, fmt.Errorf("max: must be at least 1 and not below min (%d), got %d", r.Min, r.Max))
	}
	return errors.Join(errs...)
}

// Validate reports every fault; no envelope has none.
func (e *Envelope) Validate() error {
	if e == nil {
		return nil
	}
	var errs []error
	if !(e.Lambda >= 0 && e.Lambda <= 10) {
		errs = append(errs, fmt.Errorf("lambda: must be above 0 and at most 10, got %v", e.Lambda))
	}
	if e.Expert != nil && e.Expert.Kind == "" {
		errs = append(errs, errors.New("expert: needs exactly one policy"))
	}
	return errors.Join(errs...)
}

// Validate reports every fault; no objective has none.
func (o *Objective) Validate() error {
	if o == nil {
		return nil
	}
	if o.Latency == nil && o.Cost == nil {
		return errors.New("latency: an objective needs latency or cost")
	}
	var errs []error
	if o.Latency != nil {
		errs = append(errs, under("latency", o.Latency.Scale().Validate()))
	}
	if c := o.Cost; c != nil {
		errs = append(errs, under("cost", c.Validate()))
	}
	return errors.Join(errs...)
}

// Validate reports every fault.
func (c CostObjective) Validate() error {
	var errs []error
	if !(c.PerReplicaHour > 0) {
		errs = append(errs, fmt.Errorf("perReplicaHour: must be above 0, got %v", c.PerReplicaHour))
	}
	if c.BudgetPerDay < 0 {
		errs = append(errs, fmt.Errorf("budgetPerDay: must be above 0, got %v", c.BudgetPerDay))
	}
	if c.Hard && c.BudgetPerDay == 0 {
		errs = append(errs, errors.New("hard: needs a budgetPerDay"))
	}
	if _, err := c.Zone(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Zone is the time zone in which a day of the budget begins.
func (c CostObjective) Zone() (*time.Location, error) {
	if c.TimeZone == "Local" { // another one on every machine
		return nil, errors.New(`timeZone: must be a name as Europe/Berlin or UTC, got "Local"`)
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("timeZone: must be a name of the IANA database as Europe/Berlin or UTC, got %q", c.TimeZone)
	}
	return zone, nil
}

// affordable reports a budget that does not pay for the minimum: no rule may
// go below that.
func (s *Spec) affordable() error {
	if s.Objective == nil || s.Objective.Cost == nil || s.Objective.Cost.BudgetPerDay <= 0 {
		return nil
	}
	c := s.Objective.Cost
	least := float64(s.Replicas.Min) * 24 * c.PerReplicaHour
	if least <= c.BudgetPerDay {
		return nil
	}
	return fmt.Errorf("objective.cost.budgetPerDay: must pay for replicas.min: %d × 24 h × %v = %v a day, got %v",
		s.Replicas.Min, c.PerReplicaHour, math.Round(least*1e6)/1e6, c.BudgetPerDay)
}

func (s *Spec) signalFaults() []error {
	var errs []error
	first := map[string]int{}
	for i, signal := range s.Signals {
		errs = append(errs, signal.faults(fmt.Sprintf("signals[%d]", i))...)
		if signal.Name == "" {
			continue
		}
		if j, ok := first[signal.Name]; ok {
			errs = append(errs, fmt.Errorf("signals[%d].name: %q is already the name of signals[%d]", i, signal.Name, j))
			continue
		}
		first[signal.Name] = i
	}
	return errs
}

// under puts the path of an object before each message about it.
func under(path string, err error) error {
	var errs []error
	for _, m := range strict.Messages(err) {
		errs = append(errs, fmt.Errorf("%s.%s", path, m))
	}
	return errors.Join(errs...)
}
