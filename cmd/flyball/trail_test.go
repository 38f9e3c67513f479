package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// A rule that asks for nothing has no count, and a long name moves no column.
func TestTheTrailStandsInColumns(t *testing.T) {
	d := scale.Decision{Policy: "predictive",
		Recommendation: scale.Recommendation{Replicas: 13, Reason: scale.Because("", "a load"), Proposals: []scale.Proposal{
			{Signal: "forecast", Replicas: 13, Reason: scale.Because("", "a load")},
			{Signal: "backlog", Missing: true, Reason: scale.Because("", "none waits")},
		}},
		Steps: []scale.Step{{Guard: "objective floor", From: 13, To: 13}, {Guard: "bounds", From: 13, To: 9, Reason: scale.Because("", "{0} is above the maximum of {1}", 13, 9)}}}
	var out bytes.Buffer
	printTrail(&out, d, 44)
	want := `    forecast            13  a load
    backlog              –  none waits
    policy predictive   13  a load
    objective floor     13  ok
    bounds               9  13 is above the
                            maximum of 9
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestExplainAndTopFitTheColumns(t *testing.T) {
	i := newInstance(t, "shop")
	i.decide("shop", clock.System.Now(), 3, 6, 4)
	t.Setenv("COLUMNS", "60")
	for _, args := range [][]string{{"explain"}, {"top", "--once"}} {
		out, _, status := i.run(args...)
		if status != 0 || !strings.Contains(out, "shop") {
			t.Errorf("%v: status %d:\n%s", args, status, out)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 60 {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
	}
}
