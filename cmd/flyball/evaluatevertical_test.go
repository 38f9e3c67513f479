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

// uses is a folder with two days of CPU, and what is none.
func uses(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var cpu strings.Builder
	cpu.WriteString("t_seconds,cpu_percent\n")
	for i := range 576 {
		fmt.Fprintf(&cpu, "%d,%d\n", i*300, 10+i%7)
	}
	for name, text := range map[string]string{
		"cpu_x.csv": cpu.String(), "requests.csv": "t_seconds,requests_per_second\n0,1\n60,2\n",
		"single.csv": "t_seconds,input_tokens,output_tokens\n0,1,1\n1,1,1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvaluateVerticalTellsAndWritesWhatItFound(t *testing.T) {
	out := t.TempDir()
	t.Setenv("COLUMNS", "80")
	text, stderr, status := evaluateHere(t, "--vertical", "--traces", uses(t), "--out", out)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	wants(t, text, "cpu, 1 workload", "memory, 7 workloads", "cpu_x ", "vpa", "static guess", "static peak", "slack", "throttled", "OOMs", "left out: 2 traces that hold no CPU", "vertical.csv")
	var results struct {
		Scores []struct {
			Workload, Contestant string
			Slack                float64
		}
	}
	raw, err := os.ReadFile(filepath.Join(out, "vertical.json"))
	if err == nil {
		err = json.Unmarshal(raw, &results)
	}
	if err != nil || len(results.Scores) < 8*3 || results.Scores[0].Workload != "cpu_x" || results.Scores[0].Slack <= 0 {
		t.Errorf("vertical.json: %d scores, %v; want 8 workloads for each contestant, the trace first", len(results.Scores), err)
	}
	rows, err := os.ReadFile(filepath.Join(out, "vertical.csv"))
	if err != nil || strings.Count(string(rows), "\n") != 1+len(results.Scores) {
		t.Errorf("vertical.csv: %d lines, %v; want one more than scores", strings.Count(string(rows), "\n"), err)
	}
	for _, line := range strings.Split(text, "\n") {
		if n := utf8.RuneCountInString(line); n > 80 && !strings.Contains(line, out) {
			t.Errorf("%d columns on 80: %s", n, line)
		}
	}
}

func TestEvaluateVerticalRefusesWithOneClearError(t *testing.T) {
	dir := uses(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--trace", filepath.Join(dir, "single.csv")}, "holds single requests: must hold CPU"},
		{[]string{"--trace", filepath.Join(dir, "requests.csv")}, "holds requests_per_second: must hold cpu_percent or busy_cores"},
		{[]string{"--traces", filepath.Join(dir, "absent")}, "--traces: open "},
		{[]string{"--traces", dir, "--seeds", "3"}, "leave out --seeds"},
	} {
		_, stderr, status := evaluateHere(t, append([]string{"--vertical"}, tc.args...)...)
		if status != 2 || !strings.Contains(stderr, tc.want) {
			t.Errorf("%v: status %d, %q; want 2 and %q", tc.args, status, stderr, tc.want)
		}
	}
}
