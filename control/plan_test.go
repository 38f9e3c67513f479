package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/kpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// shadow is a policy that waits an hour after a change.
func shadow(t *testing.T, name string, p policy.Policy, err error) *decide.Decider {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return decide.New(name, p, guard.NewCooldown(guard.CooldownConfig{ScaleUp: scale.Duration(time.Hour)}), guard.Bounds{Max: 10})
}

func hpaShadow(t *testing.T, name string) *decide.Decider {
	t.Helper()
	p, err := hpa.New(hpa.Default(), policy.Env{})
	return shadow(t, name, p, err)
}

func kpaShadow(t *testing.T, name string) *decide.Decider {
	t.Helper()
	p, err := kpa.New(kpa.Default(), policy.Env{})
	return shadow(t, name, p, err)
}

// A shadow has its memory back by its name, and when its name tells what has
// changed, as the first of its kind. Nobody gets that of another kind, or that
// which another one has.
func TestAShadowHasItsMemoryBack(t *testing.T) {
	before := plan(t, scale.Apply, 2)
	before.Shadows = []*decide.Decider{hpaShadow(t, "hpa at 50 %"), kpaShadow(t, "kpa")}
	before.Shadows[0].Applied(scaletest.At(0), 2, 3)
	memory, err := before.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	after := plan(t, scale.Apply, 2)
	after.Shadows = []*decide.Decider{kpaShadow(t, "kpa of 30 s"), kpaShadow(t, "kpa"), hpaShadow(t, "hpa at 70 %"), hpaShadow(t, "hpa at 90 %")}
	if afresh := after.Recall(memory); len(afresh) > 0 {
		t.Errorf("%s started afresh, want none: two are new", strings.Join(afresh, ", "))
	}
	for i, want := range []bool{false, false, true, false} {
		obs := scaletest.Observation(time.Minute, 3, scaletest.Fresh(scale.CPUUtilization, scaletest.At(time.Minute), 5.0),
			scaletest.Fresh(scale.Concurrency, scaletest.At(time.Minute), 900))
		if got := after.Shadows[i].Decide(obs); (got.SetBy == "cooldown") != want {
			t.Errorf("%s: set by %s, want the cooldown of before: %v", after.Shadows[i].Name(), got.SetBy, want)
		}
	}
}
