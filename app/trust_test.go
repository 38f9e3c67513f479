package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// With an objective nothing is taken away while nobody sees whether it is
// violated, unless the document says otherwise.
func TestAnObjectiveThatIsNotMeasuredHoldsTheCount(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		text  string
		idle  bool
		want  int
		setBy string
	}{
		{"in doubt", shop, false, 6, "data"},
		{"without requests", shop, true, 2, "bounds"},
		{"told to ignore it", shop + "  trust: {signals: [{name: violationRatio, absent: Ignore}]}\n", false, 2, "policy"},
		{"without an objective", strings.Replace(shop, "  objective: {latency: {threshold: 400ms, target: 99%}}\n", "", 1), false, 2, "policy"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			s := load(t, tc.text)
			s.Policy.Rules.Down.StabilizationWindow = 0
			plan, err := s.Plan()
			if err != nil {
				t.Fatal(err)
			}
			load, rate := 6.0, 9.0
			if tc.idle {
				load, rate = 0, 0
			}
			at := scaletest.At(time.Hour)
			d := plan.Decider.Decide(scaletest.Observation(time.Hour, 6, scaletest.Fresh(scale.Concurrency, at, load), scaletest.Fresh(scale.RequestRate, at, rate)))
			if d.DesiredReplicas != tc.want || d.SetBy != tc.setBy {
				t.Errorf("got %d set by %s (%s), want %d set by %s", d.DesiredReplicas, d.SetBy, d.Reason, tc.want, tc.setBy)
			}
		})
	}
}
