package main

import "testing"

// Usage is no load: whoever plays it is told the flags that make it one.
func TestTraceOfUsageNamesTheFlagsThatScaleIt(t *testing.T) {
	usage := writeFile(t, "cpu.csv", "t_seconds,cpu_percent\n0,40\n60,60\n")
	_, err := (&traceFlags{}).open(usage)
	if err == nil {
		t.Fatal("want an error")
	}
	wants(t, err.Error(), "cpu.csv: holds cpu_percent, which is a load only when it is scaled", "(--p99-rps or --peak-rps)")
	if _, err := (&traceFlags{p99: 100}).open(usage); err != nil {
		t.Errorf("scaled: got %v", err)
	}
}
