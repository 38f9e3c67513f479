package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Contestants makes of what --policy says the deciders that are judged.
type Contestants struct{ Plugins *builtin.Registry }

// Parse reads NAME or NAME:key=value,…: the fields of the policy's
// configuration, and besides them behavior, cooldown and envelope as in a document, and
// objective.target=99%, which the policy is told instead of what it is judged
// by. For hpa, requestRate=70% and concurrency=70% are shares of what one
// replica carries.
func (c Contestants) Parse(text string) (evaluate.Contestant, error) {
	w, err := builtin.ParseWritten(text)
	if err != nil {
		return evaluate.Contestant{}, err
	}
	return c.make(w)
}

// Names lists the policies there are.
func (c Contestants) Names() []string {
	names := append(c.Plugins.Policies.Names(), yardsticks()...)
	slices.Sort(names)
	return names
}

func (c Contestants) make(w builtin.Written) (evaluate.Contestant, error) {
	made := evaluate.Contestant{Policy: w.Kind, Params: w.Parameters()}
	if slices.Contains(yardsticks(), w.Kind) {
		return yardstick(w)
	}
	if !slices.Contains(c.Plugins.Policies.Names(), w.Kind) {
		return made, fmt.Errorf("unknown policy %q; known: %s", w.Kind, strings.Join(c.Names(), ", "))
	}
	p, err := c.player(w.Clone())
	if err != nil {
		return made, err
	}
	made.New = p.decider
	// A fault in what is written shows in any scenario.
	example := sim.Default()
	_, err = made.New(&example)
	return made, err
}

// Key is the same for what plays the same: a policy without its defaults and
// with them. It is meant for text that [Contestants.Parse] takes.
func (c Contestants) Key(text string) (string, error) {
	w, err := builtin.ParseWritten(text)
	if err != nil || slices.Contains(yardsticks(), w.Kind) {
		made, err := c.Parse(text)
		return made.Name(), err
	}
	p, err := c.player(w)
	if err != nil {
		return "", err
	}
	// Shares of what a replica carries come to figures that depend on the scenario.
	shares := [2]any{w.Fields[scale.RequestRate], w.Fields[scale.Concurrency]}
	if w.Kind == "hpa" {
		delete(w.Fields, scale.RequestRate)
		delete(w.Fields, scale.Concurrency)
	}
	chosen, err := newPolicySpec(w.Plugin(), v1alpha1.Spec{Behavior: p.behavior, Cooldown: p.cooldown}, c.Plugins)
	if err != nil {
		return "", err
	}
	if cfg, is := chosen.Config.(*hpa.Config); is && len(cfg.Metrics) == 0 && cfg.String() == hpa.Default().String() && shares == [2]any{} {
		cfg.CPUUtilization = 0
	}
	key, err := json.Marshal([]any{w.Kind, chosen.Config, chosen.Cooldown, p.behavior, shares, p.target, chosen.envelopeOr(p.envelope, &scale.Objective{})})
	return string(key), err
}

// player is a policy as it is written, to be put before a scenario.
type player struct {
	plugins  *builtin.Registry
	written  builtin.Written
	behavior guard.BehaviorConfig
	cooldown guard.CooldownConfig
	envelope *v1alpha1.Envelope // nil: none
	target   float64            // share of good requests that it is told; 0: the scenario's
}

func (c Contestants) player(w builtin.Written) (*player, error) {
	p := &player{plugins: c.Plugins, written: w}
	if raw, stated := w.Fields["cpuUtilization"].(json.RawMessage); stated && w.Kind == "hpa" && string(raw) == "0" {
		// To the policy 0 is none at all, and then its default.
		return p, errors.New("cpuUtilization: must be above 0, got 0")
	}
	if _, stated := w.Fields["envelope"]; stated {
		p.envelope = &v1alpha1.Envelope{}
		p.envelope.Complete()
	}
	err := errors.Join(w.Take("behavior", &p.behavior), w.Take("cooldown", &p.cooldown), w.Take("envelope", p.envelope))
	if err == nil {
		err = errors.Join(builtin.Under("behavior", p.behavior.Validate()), builtin.Under("cooldown", p.cooldown.Validate()), builtin.Under("envelope", p.envelope.Validate()))
	}
	if err == nil && p.envelope != nil && p.envelope.Lambda == 0 {
		err = errors.New("envelope.lambda: must be above 0 and at most 10, got 0") // completed, it would be the default
	}
	return p, errors.Join(err, p.tell(w))
}

// tell takes objective.target: a policy that follows its objective is another
// one with another target, and at 1 % of violations it is to be told 99 %.
func (p *player) tell(w builtin.Written) error {
	var objective struct {
		Target *v1alpha1.Percentage `json:"target"`
	}
	if err := w.Take("objective", &objective); err != nil || objective.Target == nil {
		return err
	}
	if p.target = objective.Target.Share(); !(p.target > 0 && p.target < 1) {
		return fmt.Errorf("objective.target: must be between 0 and 100%%, both excluded, got %v", *objective.Target)
	}
	return nil
}

// decider builds the policy with its guards for a scenario.
func (p *player) decider(s *sim.Scenario) (sim.Decider, error) {
	w := p.written.Clone()
	if err := fit(w, s); err != nil {
		return nil, err
	}
	chosen, err := newPolicySpec(w.Plugin(), v1alpha1.Spec{Behavior: p.behavior, Cooldown: p.cooldown}, p.plugins)
	if err != nil {
		return nil, err
	}
	chosen.Name = w.Kind
	if chosen.Envelope, err = newEnvelopeSpec(chosen.envelopeOr(p.envelope, &s.Objective), p.plugins); err != nil {
		return nil, builtin.Under("envelope.expert", err)
	}
	// The objective, the bounds and the time between decisions are the
	// scenario's; everything else is as a document has it that says nothing.
	defaults := v1alpha1.Default().Spec
	objective := s.Objective
	if p.target > 0 {
		objective.Target = p.target
	}
	spec := &Spec{
		Name: s.Name, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: &objective,
		Sync: scale.Duration(s.Sync), Rollout: defaults.Rollout, Trust: defaults.Trust, unmeasured: s.Metrics.BalancerOff,
		topology: s.Service.Topology, curves: p.plugins.Curves, advisors: p.plugins.Advisors,
	}
	// Copies of another autoscaler play as it does: with its own rules and the
	// bounds, and without any guard that it has not. What Flyball adds to them live
	// is not theirs.
	if p.envelope != nil {
		return spec.judged(chosen) // the originals know none
	}
	switch w.Kind {
	case "hpa":
		return spec.original(chosen, p.hpa(spec, chosen.Rules).Guards())
	case "kpa":
		return spec.original(chosen, []guard.Guard{guard.NewBehavior(chosen.Rules), guard.Bounds{Min: spec.Min, Max: spec.Max}})
	}
	return spec.judged(chosen)
}

// hpa is the HorizontalPodAutoscaler's object. Without a behavior it has none,
// as one that is created so.
func (p *player) hpa(s *Spec, rules guard.BehaviorRules) guard.HPA {
	h := guard.DefaultHPA()
	h.Min, h.Max = s.Min, s.Max
	if p.behavior.ScaleUp != nil || p.behavior.ScaleDown != nil {
		h.Behavior = &rules
	}
	return h
}

// original puts a policy behind its own rules alone.
func (s *Spec) original(spec PolicySpec, own []guard.Guard) (*decide.Decider, error) {
	env := s.env()
	env.ScaleUpTolerance, env.ScaleDownTolerance = spec.Rules.Up.Tolerance, spec.Rules.Down.Tolerance
	p, err := spec.build(env)
	if err != nil {
		return nil, err
	}
	return decide.New(spec.Name, p, own...), nil
}

// fit fills in what depends on the service: shares of what a replica carries,
// and for kpa the limit on its requests in progress, from which Knative takes
// its target where a service states it (containerConcurrency).
func fit(w builtin.Written, s *sim.Scenario) error {
	slots, capacity := float64(s.Service.Slots), s.Service.CapacityPerReplica()
	switch w.Kind {
	case "hpa":
		return errors.Join(shareOf(w, scale.RequestRate, capacity), shareOf(w, scale.Concurrency, slots))
	case "kpa":
		var cfg struct{ Metric string }
		if metric, stated := w.Fields["metric"]; stated {
			cfg.Metric = strings.Trim(fmt.Sprintf("%s", metric), `"`)
		}
		if _, stated := w.Fields["target"]; stated {
			return nil
		}
		if cfg.Metric == "rps" {
			return w.Set("target", capacity)
		}
		return w.Set("target", slots)
	}
	return nil
}

// shareOf turns requestRate=70% into a metric of hpa.
func shareOf(w builtin.Written, signal string, whole float64) error {
	var value any
	if err := w.Take(signal, &value); err != nil || value == nil {
		return err
	}
	text := fmt.Sprint(value)
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(percent > 0) || !strings.HasSuffix(text, "%") {
		return fmt.Errorf("%s: must be a share of what one replica carries such as 70%%, got %q", signal, text)
	}
	if _, twice := w.Fields["metrics"]; twice {
		return fmt.Errorf("%s: stands for metrics, which is given too", signal)
	}
	return w.Set("metrics", []map[string]any{{"type": "External", "signal": signal, "averageValue": whole * percent / 100}})
}
