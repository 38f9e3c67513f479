package notify

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
)

func TestCheckedInSchemaIsTheGeneratedOne(t *testing.T) {
	const file = "notifications.schema.json"
	generated, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	generated = append(generated, '\n')
	if *update {
		if err := os.WriteFile(file, generated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkedIn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(checkedIn), string(generated)); diff != "" {
		t.Errorf("%s is out of date; run go generate ./notify (-checked in +generated):\n%s", file, diff)
	}
}

func TestAFileIsReadStrictly(t *testing.T) {
	env := func(name string) (string, bool) { return "http://h/" + name, name == "HOOK" }
	good := `receivers:
- name: ops
  slack: {url: "${HOOK}"}
  events: [scaling, conditions]
  severity: warning
  targets: [shop-*]
  rate: {perMinute: 6, burst: 2}
  coalesce: 10s
- name: audit
  cloudEvents: {url: "http://h/x", mode: binary, signingKeys: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz], bearerToken: t}
`
	c, err := Parse("n.yaml", []byte(good), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Source != DefaultSource || c.Receivers[0].Slack.URL.Reveal() != "http://h/HOOK" || c.Receivers[0].Coalesce.Std().Seconds() != 10 || c.Receivers[1].CloudEvents.BearerToken != "t" {
		t.Errorf("got %+v", c)
	}
	for _, tc := range []struct{ from, to, want string }{
		{"severity: warning", "severity: loud", `n.yaml:5:`},
		{"severity: warning", "severity: loud", `must be one of`},
		{"scaling, ", "scalings, ", "events"},
		{"name: audit", "name: ops", `receivers[1].name: "ops" is already the name of receivers[0]`},
		{"name: ops", "name: Ops!", "lower-case"},
		{"slack: {", "slak: {", "slak"},
		{"${HOOK}", "${NOWHERE}", "NOWHERE"},
		{`{url: "${HOOK}"}`, "{}", "exactly one of url and urlFile"},
		{"[shop-*]", "['[']", "targets[0]"},
		{"coalesce: 10s", "coalesce: 11m", "coalesce: must be 0s to 10m"},
		{"coalesce: 10s", "coalesce: 10", "a duration with a unit"},
		{"burst: 2", "burst: 0", "burst"},
		{"mode: binary", "mode: both", "mode"},
		{"whsec_MDEy", "whsec_", "whsec_ and 24 to 64 bytes"},
		{"- name: ops\n", "- name: ops\n  cloudEvents: {url: \"http://h\"}\n", "exactly one of slack and cloudEvents"},
		{"bearerToken: t", "bearerToken: t, bearerTokenFile: f", "at most one of bearerToken"},
	} {
		text := strings.Replace(good, tc.from, tc.to, 1)
		if _, err := Parse("n.yaml", []byte(text), env); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", tc.to, err, tc.want)
		}
	}
	for _, text := range []string{"", "receivers: []", "a: 1", good + "---\n" + good} {
		if _, err := Parse("n.yaml", []byte(text), env); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

// A receiver is told of what it asks for: the end of what began with a severity
// too.
func TestReceiversAreToldOfWhatTheyAskFor(t *testing.T) {
	told := func(r Receiver, kind, target, message string) bool {
		r = r.withDefaults()
		n := ofEvent(&record.Event{Type: kind, Target: target, Message: message})
		return r.wants(&n)
	}
	all := cloudEvents("x", "http://h/")
	warnings, critical, shops, scaling := all, all, all, all
	warnings.Severity, critical.Severity, shops.Targets, scaling.Events = Warning, Critical, []string{"shop-*", "bank"}, []Group{Scaling}
	advice := all
	advice.Events = []Group{Advice}
	for _, tc := range []struct {
		name                  string
		r                     Receiver
		kind, target, message string
		want                  bool
	}{
		{"all: a change", all, control.ScaledUp, "web", "1 → 2", true},
		{"all: advice is asked for by name", all, control.AdviceGiven, "web", "x", false},
		{"advice", advice, control.AdviceGiven, "web", "x", true},
		{"warnings: no change", warnings, control.ScaledUp, "web", "1 → 2", false},
		{"warnings: a condition", warnings, control.ConditionBegan, "web", "CannotPlace: no room", true},
		{"warnings: its end", warnings, control.ConditionEnded, "web", "CannotPlace is over", true},
		{"warnings: no rollout", warnings, control.ConditionBegan, "web", "RolloutInProgress: x", false},
		{"critical: no room is none", critical, control.ConditionBegan, "web", "CannotPlace: no room", false},
		{"critical: a crash loop", critical, control.ConditionBegan, "web", "CrashLoop: x", true},
		{"critical: its end", critical, control.ConditionEnded, "web", "CrashLoop is over", true},
		{"critical: a change that failed", critical, control.ScaleFailed, "web", "x", true},
		{"targets: by pattern", shops, control.ModeChanged, "shop-web", "x", true},
		{"targets: by name", shops, control.ModeChanged, "bank", "x", true},
		{"targets: another", shops, control.ModeChanged, "cart", "x", false},
		{"targets: the controller", shops, control.ControllerStopped, "", "x", true},
		{"events: another group", scaling, control.ModeChanged, "web", "x", false},
		{"events: of a later version", all, "SomethingNew", "web", "x", true},
	} {
		if got := told(tc.r, tc.kind, tc.target, tc.message); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
