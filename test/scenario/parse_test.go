package scenario_test

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/test/scenario"
)

const story = `# Two lines.
replicas: {min: 1, max: 10}
policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
---
0s       replicas=2 requestRate=20   => 2 (policy: WithinTolerance)

# More load.
15s..30s requestRate=20->40 every 5s =>  2 (policy: WithinTolerance),  3 (policy: Target)
`

func TestWhatIsDecidedIsWrittenBehindTheArrows(t *testing.T) {
	s, err := scenario.Parse(story)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Play(scenario.Plainly)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(story, "=>  2 (policy: WithinTolerance),  3 (policy: Target)",
		"=> 2 (policy: WithinTolerance), 3 (policy: Target), 4 (policy: Target), 4 (policy: WithinTolerance)", 1)
	if text := s.Rewrite(got); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestAScenarioThatMakesNoSenseIsRefused(t *testing.T) {
	const head = "replicas: {max: 3}\n---\n"
	for _, tc := range []struct{ rule, text, want string }{
		{"a spec and a timeline", "replicas: {max: 3}\n0s x=1 =>", "no line ---"},
		{"times have units", head + "15 x=1 =>", `line 3: "15" is not a duration`},
		{"times grow", head + "15s x=1 =>\n10s..20s x=1 =>", "line 4: 10s..20s: times must grow"},
		{"ranges grow", head + "15s..5s x=1 =>", "line 3: 15s..5s: times must grow"},
		{"steps are above 0", head + "0s..5s x=1 every 0s =>", "line 3: every 0s: must be a duration above 0"},
		{"settings come first", head + "0s x=1 =>\nstartup 5s", "line 4: startup: stands before the timeline"},
		{"counts are whole", head + "0s replicas=two =>", "line 3: replicas=two: must be a count"},
		{"values are numbers", head + "0s requestRate=much =>", "line 3: requestRate=much: must be a number, a percentage, a duration"},
		{"the spec is checked", "replicas: {max: 0}\n---\n0s x=1 =>", "spec.replicas.max: must be at least 1"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			s, err := scenario.Parse(tc.text)
			if err == nil {
				_, err = s.Play(scenario.Plainly)
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
