package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// forecastTraces is a folder with two short traces, and what is none.
func forecastTraces(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var trace strings.Builder
	trace.WriteString("t_seconds,requests_per_second\n")
	for i := range 200 {
		fmt.Fprintf(&trace, "%d,%d\n", i*60, 10+i%7)
	}
	for name, text := range map[string]string{
		"nasa_x.csv": trace.String(), "worldcup98_x.csv": trace.String(),
		"index.csv":  "file,kind\n",
		"single.csv": "t_seconds,input_tokens,output_tokens\n0,1,1\n1,1,1\n",
		"notes.txt":  "none",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvaluateForecastsTellsAndWritesWhatItFound(t *testing.T) {
	out := t.TempDir()
	text, stderr, status := evaluateHere(t, "--forecasts", "--traces", forecastTraces(t), "--out", out)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"2 traces (1 report, 1 tune)", "seasonal naive", "last value", "ensemble", "all tune", "left out: trace ", "single.csv: holds single requests"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table does not tell %q:\n%s", want, text)
		}
	}
	var results struct {
		Scores []struct{ Contestant string }
	}
	raw, err := os.ReadFile(filepath.Join(out, "forecasts.json"))
	if err == nil {
		err = json.Unmarshal(raw, &results)
	}
	if err != nil || len(results.Scores) < 2*3*3 {
		t.Errorf("forecasts.json: %d scores, %v; want 3 horizons of 2 traces for each contestant", len(results.Scores), err)
	}
	rows, err := os.ReadFile(filepath.Join(out, "forecasts.csv"))
	if err != nil || strings.Count(string(rows), "\n") != 1+len(results.Scores) {
		t.Errorf("forecasts.csv: %d lines, %v; want one more than scores", strings.Count(string(rows), "\n"), err)
	}
}

func TestEvaluateForecastsFitsTheScreen(t *testing.T) {
	for _, width := range []int{80, 120} {
		t.Setenv("COLUMNS", fmt.Sprint(width))
		dir := forecastTraces(t)
		text, _, _ := evaluateHere(t, "--forecasts", "--traces", dir, "--out", "")
		for _, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, dir) {
				t.Errorf("%d columns on %d: %s", n, width, line)
			}
		}
	}
}

func TestEvaluateForecastsRefusesWithOneClearError(t *testing.T) {
	dir, empty := forecastTraces(t), t.TempDir()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "--forecasts needs --traces FOLDER or --trace FILE"},
		{[]string{"--traces", filepath.Join(dir, "absent")}, "--traces: open "},
		{[]string{"--traces", empty}, "holds no *.csv"},
		{[]string{"--trace", filepath.Join(dir, "single.csv")}, "holds single requests: must hold rates"},
		{[]string{"--traces", dir, "--trace", filepath.Join(dir, "nasa_x.csv")}, "nasa_x is given twice"},
		{[]string{"--traces", dir, "--seeds", "3"}, "leave out --seeds"},
		{[]string{"--traces", dir, "--startup", "2h"}, "--startup, --sync: "},
		{[]string{"--traces", dir, "--out", filepath.Join(dir, "notes.txt")}, "--out: "},
	} {
		_, stderr, status := evaluateHere(t, append([]string{"--forecasts"}, tc.args...)...)
		if status != 2 || !strings.Contains(stderr, tc.want) {
			t.Errorf("%v: status %d, %q; want 2 and %q", tc.args, status, stderr, tc.want)
		}
	}
}

// A load that never changes leaves the yardstick no error: that is said once,
// instead of tables of nothing.
func TestEvaluateForecastsSaysWhyAConstantLoadHasNoErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flat.csv")
	var trace strings.Builder
	trace.WriteString("t_seconds,requests_per_second\n")
	for i := range 200 {
		fmt.Fprintf(&trace, "%d,10\n", i*60)
	}
	if err := os.WriteFile(path, []byte(trace.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	text, stderr, status := evaluateHere(t, "--forecasts", "--trace", path, "--out", "")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	wants(t, text, "1 trace; each", "nothing to compare with", "flat: seasonal naive makes no error here", "coverage of the value held, of traces × horizons\n")
	if strings.Contains(text, "–  ") || strings.Contains(text, "other") {
		t.Errorf("got empty cells or a group that says nothing:\n%s", text)
	}
}
