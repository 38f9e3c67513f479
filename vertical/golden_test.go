package vertical_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/vertical/verticaltest"
)

// What the recommender of the Vertical Pod Autoscaler 1.8 says of the golden
// series, written by test/vpadiff, is what is recommended here. A unit of
// rounding is left to machines that multiply and add in one step.
func TestGoldenSeriesAsTheVerticalPodAutoscalerSays(t *testing.T) {
	text, err := os.ReadFile("testdata/upstream.json")
	if err != nil {
		t.Fatal(err)
	}
	var upstream []verticaltest.Answer
	if err := json.Unmarshal(text, &upstream); err != nil {
		t.Fatal(err)
	}
	ours := answers(t)
	if len(ours) != len(upstream) || len(ours) == 0 {
		t.Fatalf("%d answers, upstream %d", len(ours), len(upstream))
	}
	near := func(a, b vertical.Amount) bool { return a-b <= 1 && b-a <= 1 }
	for i, want := range upstream {
		got := ours[i]
		if got.Series != want.Series || got.Minute != want.Minute || got.Resource != want.Resource ||
			!near(got.Target, want.Target) || !near(got.Lower, want.Lower) || !near(got.Upper, want.Upper) {
			t.Errorf("ours %+v\nupstream %+v", got, want)
		}
	}
}

// answers are what is recommended for the golden series.
func answers(t *testing.T) []verticaltest.Answer {
	t.Helper()
	var all []verticaltest.Answer
	for _, s := range verticaltest.Golden() {
		r := vertical.New(vertical.VPA(), nil)
		for minute := range verticaltest.Minutes {
			if err := s.Feed(r, minute); err != nil {
				t.Fatalf("%s, minute %d: %v", s.Name, minute, err)
			}
			if !verticaltest.Looked(minute) {
				continue
			}
			for _, e := range r.Recommend()[0].Estimates {
				all = append(all, verticaltest.Answer{Series: s.Name, Minute: minute, Resource: e.Resource, Target: e.Target, Lower: e.Lower, Upper: e.Upper})
			}
		}
	}
	return all
}
