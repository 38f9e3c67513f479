package report_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/evaluate/report/reporttest"
	"github.com/flyball-io/flyball/sim"
)

var update = flag.Bool("update", false, "write the golden file anew")

func write(t *testing.T, r report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// small is a report of every part, small enough to be read.
func small() report.Report {
	r := reporttest.New(reporttest.Shape{Traces: 1, Policies: 2, Length: 10 * time.Minute, Step: time.Minute})
	r.Traces[0].Start = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	return r
}

// style and script are the same in every report, and have their own files.
var fixed = regexp.MustCompile(`(?s)(<style>).*(</style>)|(<script>).*(</script>)|sha256-[^=]+=`)

func TestGolden(t *testing.T) {
	got := fixed.ReplaceAllString(write(t, small()), "$1$3…$2$4")
	path := filepath.Join("testdata", "small.html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the page is another; go test ./evaluate/report -update writes it anew (-want +got):\n%s", diff)
	}
}

// loads are the ways in which a page asks for something.
var loads = regexp.MustCompile(`(?i)https?:|//[a-z]|\ssrc=|@import|url\([^#)]|\bfetch\(|XMLHttpRequest|import\(|<(img|iframe|object|embed|base)\b|<link rel="icon" href="[^d]`)

func TestAsksNobody(t *testing.T) {
	page := write(t, small())
	page = strings.ReplaceAll(page, `href="data:,"`, "")
	for _, at := range loads.FindAllStringIndex(page, -1) {
		t.Errorf("the page may load something: …%s…", page[max(0, at[0]-60):min(len(page), at[1]+60)])
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") {
		t.Error("the page does not forbid itself to load anything")
	}
}

func TestHostileNamesStayText(t *testing.T) {
	evil := `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`${alert(3)}`\u2028" + `{{.}}`
	r := small()
	r.Title, r.Answer, r.Setting, r.Currency = evil, evil, evil, evil
	r.Limits, r.Reproduce = []string{evil}, report.Reproduce{Command: evil, Version: evil, Protocol: evil, Traces: []string{evil}}
	r.Comparisons[0].Baseline, r.Comparisons[0].Candidate, r.Comparisons[0].Basis = evil, evil+"2", evil
	r.Comparisons[0].Rows = append(r.Comparisons[0].Rows, report.Row{Key: evil})
	r.Traces[0].Name, r.Traces[0].About, r.Traces[0].Unscored[0].Why, r.Traces[0].Lines[0].Policy = evil, evil, evil, evil
	r.Frontiers[0].Name, r.Frontiers[0].Curves[0].Policy, r.Frontiers[0].Curves[0].Points[0].Setting = evil, evil, evil
	r.Runs[0].Trace, r.Runs[0].Policy = evil, evil
	r.Topologies[0].Name, r.Topologies[0].Policy = evil, evil
	r.Standings[0].Policy, r.Standings[0].WorstTrace = evil, evil
	r.Calibration[0] = report.Table{Title: evil, Text: evil, Columns: []string{evil}, Rows: [][]string{{evil, evil}}}
	page := write(t, r)
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d script elements, want the data and the page's own", n)
	}
	for _, markup := range []string{"<img", "<script>alert", "\u2028alert"} {
		if strings.Contains(page, markup) {
			t.Errorf("%q of a name has become markup", markup)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	shape := reporttest.Shape{Traces: 3, Policies: 4, Length: time.Hour, Step: 15 * time.Second}
	first, second := write(t, reporttest.New(shape)), write(t, reporttest.New(shape))
	if first != second {
		t.Error("two reports of the same figures differ")
	}
}

// A whole day, decided every 15 s, of all policies on all traces. Longer ones
// take no more: what doesn't fit is left out where it makes no difference.
func TestTwelveTracesAndEightPoliciesStayUnderThreeMegabytes(t *testing.T) {
	page := write(t, reporttest.New(reporttest.Shape{Traces: 12, Policies: 8, Length: 24 * time.Hour, Step: 15 * time.Second}))
	t.Logf("%.2f MB", float64(len(page))/1e6)
	if len(page) > 3_000_000 {
		t.Errorf("%d bytes, want at most 3,000,000", len(page))
	}
}

func TestAnswer(t *testing.T) {
	rows := func(hours, candidate float64, e *report.Estimate, late ...float64) []report.Row {
		rows := []report.Row{{Key: "replica_hours", Baseline: hours, Candidate: candidate, Improvement: e}}
		if len(late) > 0 {
			rows = append(rows, report.Row{Key: "avoidable_violation_ratio", Baseline: late[0], Candidate: late[1]})
		}
		return rows
	}
	objective := report.Objective{Threshold: 500 * time.Millisecond, Target: 0.999}
	for _, tc := range []struct {
		name  string
		basis string
		rows  []report.Row
		want  string
	}{
		{"cheaper at an equal basis", "at 0.1 % avoidable violations", rows(100, 69, nil), "new would have cost 31 % less than old at 0.1 % avoidable violations."},
		{"at an equal basis, with violations", "at 0.1 % avoidable violations", rows(100, 69, nil, 0.00099, 0.0003), "new would have cost 31 % less than old at 0.1 % avoidable violations, with 0.03 % of the requests avoidably broken instead of 0.099 %, both within the 0.1 % that may be."},
		{"a basis is no reason to hide violations", "on this history", rows(100, 69, nil, 0.0347, 0.0815), "new is cheaper, but breaks more: it would have cost 31 % less than old on this history, with 8.15 % of the requests avoidably broken instead of 3.47 %. Not comparable at equal violations."},
		{"cheaper, and breaks about as much", "", rows(100, 69, nil, 0.0347, 0.0356), "new would have cost 31 % less than old, with 3.56 % of the requests avoidably broken instead of 3.47 %."},
		{"cheaper, and breaks as much", "", rows(100, 69, nil, 0.0347, 0.0347), "new would have cost 31 % less than old, with 3.47 % of the requests avoidably broken by either."},
		{"cheaper, and breaks less", "", rows(100, 69, nil, 0.02, 0.0004), "new would have cost 31 % less than old, with 0.04 % of the requests avoidably broken instead of 2 %."},
		{"dearer, and breaks less", "", rows(100, 112, nil, 0.02, 0.0004), "new is dearer, but breaks less: it would have cost 12 % more than old, with 0.04 % of the requests avoidably broken instead of 2 %. Not comparable at equal violations."},
		{"several times as dear", "", rows(100, 254, nil), "new would have cost 2.54 × as much as old."},
		{"both kept the promise", "", rows(100, 95.5, nil, 0.0002, 0.0009), "new would have cost 4.5 % less than old, with 0.09 % of the requests avoidably broken instead of 0.02 %, both within the 0.1 % that may be."},
		{"an interval around nothing", "", rows(100, 98, &report.Estimate{Value: 0.02, Low: -0.03, High: 0.07}), "new would have cost about as much as old (from 7 % less to 3 % more is within the noise)."},
		{"nothing to compare with", "", rows(0, 5, nil), "old cost nothing here, new 5 h."},
		{"no cost", "", nil, "new against old: the table tells them apart metric by metric."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := write(t, report.Report{Objective: objective, Comparisons: []report.Comparison{{Baseline: "old", Candidate: "new", Basis: tc.basis, Rows: tc.rows}}})
			says(t, page, tc.want)
		})
	}
}

// says fails the test when the page's first sentence is another.
func says(t *testing.T, page, want string) {
	t.Helper()
	_, rest, _ := strings.Cut(page, `id="answer">`)
	got, _, _ := strings.Cut(rest, "</p>")
	if got = strings.ReplaceAll(strings.ReplaceAll(got, "\u00a0", " "), "&#43;", "+"); got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
}

func TestNothingEvaluated(t *testing.T) {
	page := write(t, report.Report{})
	says(t, page, "Nothing was evaluated: this report holds no run.")
	for _, part := range []string{`id="compare"`, `id="frontier"`, `id="traces"`, `id="losses"`, "<table"} {
		if strings.Contains(page, part) {
			t.Errorf("a page without figures has %s", part)
		}
	}
}

func TestOneRun(t *testing.T) {
	r := report.Report{
		Objective: report.Objective{Threshold: 500 * time.Millisecond, Target: 0.999},
		Runs:      []report.Run{{Trace: "nasa", Policy: "hpa", ReplicaHours: 142, Oracle: 100, Avoidable: 0.0004}},
		Traces:    []report.Trace{{Name: "nasa", Lines: []report.Line{{Policy: "hpa", Moments: []sim.Moment{{Ready: 3, Desired: 3, Billed: 3, RequestRate: 12, P95: 0.1}}}}}},
		Frontiers: []report.Frontier{{Curves: []report.Curve{{Policy: "hpa", Points: []report.Point{{Ratio: 1.42}}}}}},
	}
	page := fixed.ReplaceAllString(write(t, r), "")
	says(t, page, "hpa would have cost 142 replica-hours on 1 trace, 1.42 × what a clairvoyant would have paid, with at most 0.04 % of avoidable violations.")
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("a number that is none is on the page")
	}
}

func TestWhereItLoses(t *testing.T) {
	run := func(trace string, hours, late float64) report.Run {
		return report.Run{Trace: trace, Policy: "kpa", ReplicaHours: hours, Oracle: 100, Avoidable: late}
	}
	page := write(t, report.Report{
		Objective: report.Objective{Threshold: 500 * time.Millisecond, Target: 0.999},
		Runs:      []report.Run{run("calm", 110, 0), run("flash", 180, 0.002), run("flash", 200, 0.004), run("steep", 130, 0.0005)},
	})
	page = strings.ReplaceAll(page, "\u00a0", " ")
	want := "Dearest on flash: 1.90 × the oracle (median of its traces 1.30 ×). " +
		"Latest on flash: 0.3 % of the requests avoidably late, 3 × what may be; the objective is broken on 1 of 3 traces."
	if !strings.Contains(page, want) {
		t.Errorf("the page does not say %q", want)
	}
}

// What is written as nothing on both sides is not 100 % less.
func TestNothingAgainstNothing(t *testing.T) {
	page := fixed.ReplaceAllString(write(t, report.Report{Comparisons: []report.Comparison{{Baseline: "a", Candidate: "b", Rows: []report.Row{
		{Key: "failed_requests", Baseline: 2e-9, Candidate: 1e-12, Improvement: &report.Estimate{Value: 1, Low: 0.9, High: 1}},
	}}}}), "")
	if strings.Contains(page, "less") || !strings.Contains(page, "</span> equal") {
		t.Error("two zeros are not called equal")
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	page := fixed.ReplaceAllString(write(t, report.Report{Comparisons: []report.Comparison{{Baseline: "a", Candidate: "b", Rows: []report.Row{
		{Key: "reaction_seconds", Baseline: math.NaN(), Candidate: 12, Improvement: &report.Estimate{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}},
		{Key: "violation_ratio", Baseline: 0, Candidate: 0.01},
		{Key: "cost_ratio", Baseline: math.Inf(1), Candidate: 2},
	}}}}), "")
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("a number that is none is on the page")
	}
	if !strings.Contains(page, "▼</span> worse") {
		t.Error("violations where there were none are not called worse")
	}
}
