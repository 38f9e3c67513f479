package present_test

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/present"
)

func TestTargetsAreATableForEachLevel(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	tables := present.Targets(evaluate.Targets{Candidate: "new", Rows: []evaluate.Target{
		{Level: 0.001, Name: "breaks the level, traces", Value: share(1), Worst: share(0.105), WorstTrace: "jump", Fails: []string{"jump"}, Traces: 9},
		{Level: 0.001, Name: "× clairvoyant, median", Limit: 1.1, Value: share(1.08), Met: true, Worst: share(1.4), WorstTrace: "jump", Mean: share(1.1), Low: share(1.0), High: share(1.2), Traces: 11},
		{Level: 0.001, Name: "× HPA", Limit: 0.65, Clairvoyant: share(0.7), Without: []evaluate.Without{{Trace: "a", Why: "it rains"}, {Trace: "b", Why: "it snows"}, {Trace: "c", Why: "it rains"}}},
		{Level: 0.01, Name: "× HPA", Limit: 0.8, Without: []evaluate.Without{{Trace: "a", Why: "it rains"}}},
	}})
	if len(tables) != 2 || len(tables[0].Rows) != 3 || !strings.Contains(tables[1].Title, "new, its default setting, at 1\u00a0%") {
		t.Fatalf("got %+v, want three targets at 0.1 %% and one at 1 %%", tables)
	}
	for i, want := range []string{
		"1. breaks the level, traces|0|1|no|10.5\u00a0%|jump|–|–|9",
		"2. × clairvoyant, median|1.10|1.08|yes|1.40|jump|1.10 (1.00 – 1.20)|–|11",
		"3. × HPA|0.65|–|no|–||–|0.70|0",
	} {
		if got := strings.Join(tables[0].Rows[i], "|"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if want := "1: not met on jump. 3: without a, c (it rains). 3: without b (it snows)."; tables[0].Text != want {
		t.Errorf("got %s\nwant %s", tables[0].Text, want)
	}
	if tables[1].Text != "1: without a (it rains)." {
		t.Errorf("got %s, want the numbers of each table from 1", tables[1].Text)
	}
}

func TestCostsAreToldTraceByTrace(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	standing := func(trace, family string, hours, over *float64, violated bool) evaluate.Standing {
		return evaluate.Standing{Trace: trace, Family: family, Level: 0.001, ReplicaHours: hours, OverOracle: over, Violated: violated}
	}
	r, err := present.Report(present.Input{Levels: []float64{0.001, 0.01}, PerTrace: []evaluate.Standing{
		standing("day", "kpa", share(110), share(1.1), false), standing("day", evaluate.OracleFamily, share(100), share(1), false),
		standing("jump", "kpa", nil, nil, false), standing("jump", evaluate.OracleFamily, share(50), share(1), false),
		standing("jump", "hpa, as it comes", share(60), share(1.2), true),
	}})
	if err != nil || len(r.PerTrace) != 1 {
		t.Fatalf("got %d tables (%v), want one for the only level", len(r.PerTrace), err)
	}
	got := strings.Join(r.PerTrace[0].Columns, "|")
	for _, row := range r.PerTrace[0].Rows {
		got += "\n" + strings.Join(row, "|")
	}
	want := "Policy|day|jump\nkpa|1.10|–\nhpa, as it comes||1.20\u00a0!\nclairvoyant, replica-hours|100.0|50.0"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
