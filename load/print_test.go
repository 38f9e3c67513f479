package load_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/load"
)

func sample() load.Result {
	return load.Result{
		IntendedRequests: 1500, Sent: 1498, Requests: 1490, FailedRequests: 7, DroppedRequests: 2, AbandonedRequests: 8,
		ViolationRatio: 0.0123, ThresholdSeconds: 0.5,
		Latency:      load.Latency{Mean: 0.01234, P50: 0.01, P90: 0.02, P95: 0.1, P99: 0.75, P999: 1.5, Max: 12.345},
		FirstByte:    load.FirstByte{Mean: 0.001, P50: 0.001, P90: 0.002, P95: 0.003, P99: 0.004, P999: 0.005, Max: 0.006},
		Lag:          load.Lag{P50: 0.00012, P99: 0.0009, Max: 0.0123},
		IntendedRate: 50, AchievedRate: 49.93, DurationSeconds: 30.02,
		Errors:      map[string]int64{"timeout": 1, "http_503": 4, "dropped": 2, "http_404": 1},
		Interrupted: true,
		Warnings:    []string{"take care"},
	}
}

func TestPrint(t *testing.T) {
	b := &strings.Builder{}
	if err := sample().Print(b); err != nil {
		t.Fatal(err)
	}
	const want = `interrupted: this is what was done until then
requests     1498 of 1500 sent, 7 failed, 8 cut off
rate         49.9/s of 50.0/s intended, 30.0 s in all
violations   1.230 % failed or took longer than 500 ms
errors       http_503 4, dropped 2, http_404 1, timeout 1

milliseconds      mean       p50       p90       p95       p99     p99.9       max
latency          12.34     10.00     20.00    100.00    750.00   1500.00  12345.00
first byte        1.00      1.00      2.00      3.00      4.00      5.00      6.00
the load generator itself was late by 0.12 ms (p50), 0.90 ms (p99), 12.3 ms (most)

warning: take care
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The names in the JSON are what scripts rely on; it reads back as it was.
func TestResultAsJSON(t *testing.T) {
	data, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"intended_requests", "sent", "requests", "failed_requests", "violation_ratio",
		"latency_mean_seconds", "latency_p50_seconds", "latency_p90_seconds", "latency_p95_seconds",
		"latency_p99_seconds", "latency_p99_9_seconds", "latency_max_seconds",
		"ttfb_p50_seconds", "lag_p99_seconds", "intended_rate", "achieved_rate", "duration_seconds", "errors",
	} {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is missing in %s", name, data)
		}
	}
	var back load.Result
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
