package predictive_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/scale"
)

// learned is the memory of a policy after half an hour, by its parts.
func learned(t *testing.T) (snapshot []byte, parts map[string]json.RawMessage) {
	t.Helper()
	p := build(t, predictive.Default(), environment())
	for at := time.Duration(0); at < 30*time.Minute; at += sync {
		_, _ = p.Recommend(serves(at, 400, 12))
	}
	return remembers(t, p)
}

func remembers(t *testing.T, p policy.Policy) (snapshot []byte, parts map[string]json.RawMessage) {
	t.Helper()
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var s scale.Snapshot
	if err := errors.Join(json.Unmarshal(snapshot, &s), json.Unmarshal(s.State, &parts), json.Unmarshal(s.State, &struct{ Sight any }{&parts})); err != nil {
		t.Fatal(err)
	}
	delete(parts, "sight")
	return snapshot, parts
}

// Whoever turns the knob has learned the load all the same: forecast, rises,
// needs and the service go on.
func TestWhatWasLearnedSurvivesAnotherConfiguration(t *testing.T) {
	memory, before := learned(t)
	for name, change := range map[string]func(*predictive.Config, *policy.Env){
		"risk":         func(c *predictive.Config, _ *policy.Env) { c.Risk = 0.5 },
		"drain":        func(c *predictive.Config, _ *policy.Env) { c.Drain *= 2 },
		"restart cost": func(c *predictive.Config, _ *policy.Env) { c.RestartCost = scale.Duration(time.Minute) },
		"idle to zero": func(c *predictive.Config, _ *policy.Env) { c.IdleToZero *= 2 },
		"maximum":      func(_ *predictive.Config, e *policy.Env) { e.Max *= 2 },
		"target":       func(_ *predictive.Config, e *policy.Env) { e.Objective.Target = 0.95 },
	} {
		cfg, env := predictive.Default(), environment()
		objective := *env.Objective
		env.Objective = &objective
		change(&cfg, &env)
		p := build(t, cfg, env)
		if err := p.Restore(memory); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, after := remembers(t, p); cmp.Diff(before, after) != "" {
			t.Errorf("%s (-before +after):\n%s", name, cmp.Diff(before, after))
		}
	}
}

// Another threshold is missed by others: what was missed is forgotten, load and
// service are not.
func TestAnotherThresholdKeepsLoadAndService(t *testing.T) {
	memory, before := learned(t)
	env := environment()
	slower := *env.Objective
	slower.Threshold *= 2
	env.Objective = &slower
	p := build(t, predictive.Default(), env)
	if err := p.Restore(memory); err != nil {
		t.Fatal(err)
	}
	_, after := remembers(t, p)
	if diff := cmp.Diff(before["load"], after["load"]); diff != "" {
		t.Errorf("load (-before +after):\n%s", diff)
	}
	if string(after["budget"]) != `{"log":0,"usual":0}` || string(before["budget"]) == string(after["budget"]) {
		t.Errorf("budget %s after %s: want none, and one before", after["budget"], before["budget"])
	}
	rec, err := p.Recommend(serves(30*time.Minute, 400, 12))
	if err != nil || rec.Replicas < 2 {
		t.Errorf("got %d replicas, %v: want the first number from what was learned", rec.Replicas, err)
	}
}

// Without an objective it decides on CPU: what was learned of requests is of no use.
func TestWithoutTheObjectiveItStartsAnew(t *testing.T) {
	memory, _ := learned(t)
	env := environment()
	env.Objective = nil
	if err := build(t, predictive.Default(), env).Restore(memory); !errors.Is(err, scale.ErrSnapshot) {
		t.Errorf("got %v, want ErrSnapshot", err)
	}
}
