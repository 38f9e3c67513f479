package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// A nested policy is compressed where it lies, and built as it was compressed.
func TestCompressReachesNestedPolicies(t *testing.T) {
	policies := nesting().Policies
	cfg, err := policies.Decode(plugin("both", `{"of":[{"hpa":{}},{"both":{"of":[{"kpa":{"stableWindow":"100s"}}]}}],
		"backup":{"kpa":{}}, "named":{"x":{"kpa":{"scaleDownDelay":"5s"}},"y":{"threshold":{"latency":{"up":"3s"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range builtin.Compress(cfg, 10) {
		got = append(got, c.String())
	}
	want := []string{
		"of[1].both.of[0].kpa.stableWindow 1m40s -> 10s",
		"backup.kpa.stableWindow 1m -> 6s",
		"named[x].kpa.stableWindow 1m -> 6s",
		"named[x].kpa.scaleDownDelay 5s -> 500ms",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	built, err := policies.Build("both", cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := built.(*largest).of[1].(*largest).of[0].Snapshot()
	if err != nil || !strings.Contains(string(data), scale.ConfigHash(compressedKPA(t))) {
		t.Errorf("%s, %v: want the nested kpa to have the compressed configuration", data, err)
	}
}

func compressedKPA(t *testing.T) any {
	t.Helper()
	cfg, err := builtin.New().Policies.Decode(plugin("kpa", `{"stableWindow":"10s"}`))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDecodeFindsFaultsOfNestedPolicies(t *testing.T) {
	_, err := nesting().Policies.Decode(plugin("both", `{"of":[{"hpa":{}},{"kpa":{"metric":"cpu"}}]}`))
	if want := "of[1].kpa.metric: must be one of"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// What nests others is limited as they are: up like the least strict of them,
// down like the strictest.
func TestRulesAndCooldownOfNestedPolicies(t *testing.T) {
	policies := nesting().Policies
	hpa, none := guard.HPADefaults(), guard.NoRules()
	seconds := func(up, down int) guard.CooldownConfig {
		second := scale.Duration(time.Second)
		return guard.CooldownConfig{ScaleUp: scale.Duration(up) * second, ScaleDown: scale.Duration(down) * second}
	}
	for _, tc := range []struct {
		body     string
		rules    guard.BehaviorRules
		cooldown guard.CooldownConfig
	}{
		{`{"of":[{"hpa":{}}]}`, hpa, seconds(0, 0)},
		{`{"of":[{"kpa":{}}]}`, none, seconds(0, 0)},
		{`{"of":[{"hpa":{}},{"kpa":{}}]}`, guard.BehaviorRules{Up: none.Up, Down: hpa.Down}, seconds(0, 0)},
		{`{"of":[{"kpa":{}},{"both":{"of":[{"hpa":{}}]}}]}`, guard.BehaviorRules{Up: none.Up, Down: hpa.Down}, seconds(0, 0)},
		{`{"of":[{"threshold":{"profile":"aggressive"}}]}`, none, seconds(30, 120)},
		{`{"of":[{"threshold":{"profile":"conservative"}},{"threshold":{"profile":"aggressive"}}]}`, none, seconds(30, 300)},
		{`{"of":[{"threshold":{"profile":"conservative"}},{"kpa":{}}]}`, none, seconds(0, 300)},
		{`{"of":[]}`, none, seconds(0, 0)},
	} {
		cfg, err := policies.Decode(plugin("both", tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.rules, policies.RulesOf("both", cfg)); diff != "" {
			t.Errorf("%s: rules (-want +got):\n%s", tc.body, diff)
		}
		if diff := cmp.Diff(tc.cooldown, builtin.CooldownOf(cfg)); diff != "" {
			t.Errorf("%s: cooldown (-want +got):\n%s", tc.body, diff)
		}
	}
}
