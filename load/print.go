package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Line returns s in one line for people; end is when the run will be over, 0
// when it has no end.
func (s Snapshot) Line(end time.Duration) string {
	when := s.Elapsed.Round(time.Second).String()
	if end > 0 {
		when += "/" + end.Round(time.Second).String()
	}
	return fmt.Sprintf("%s  %.0f of %.0f requests/s  p50 %s  p95 %s  p99 %s  in flight %d  failed %d",
		when, s.AchievedRate, s.IntendedRate,
		milliseconds(s.P50.Seconds()), milliseconds(s.P95.Seconds()), milliseconds(s.P99.Seconds()), s.InFlight, s.Failed)
}

// milliseconds writes seconds as milliseconds with three digits.
func milliseconds(seconds float64) string {
	switch ms := seconds * 1000; {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.0f ms", ms)
	}
}

// Print writes the result as a table for people.
func (result Result) Print(w io.Writer) error {
	b := &strings.Builder{}
	if result.Interrupted {
		fmt.Fprintln(b, "interrupted: this is what was done until then")
	}
	fmt.Fprintf(b, "requests     %d of %d sent, %d failed", result.Sent, result.IntendedRequests, result.FailedRequests)
	if result.AbandonedRequests > 0 {
		fmt.Fprintf(b, ", %d cut off", result.AbandonedRequests)
	}
	fmt.Fprintf(b, "\nrate         %.1f/s of %.1f/s intended, %.1f s in all\n",
		result.AchievedRate, result.IntendedRate, result.DurationSeconds)
	fmt.Fprintf(b, "violations   %.3f %%", 100*result.ViolationRatio)
	if result.ThresholdSeconds > 0 {
		fmt.Fprintf(b, " failed or took longer than %s", milliseconds(result.ThresholdSeconds))
	} else {
		fmt.Fprint(b, " failed; no --threshold was set")
	}
	fmt.Fprintf(b, "\nerrors       %s\n\n", listErrors(result.Errors))
	result.printLatencies(b)
	for _, warning := range result.Warnings {
		fmt.Fprintf(b, "\nwarning: %s", warning)
	}
	if len(result.Warnings) > 0 {
		fmt.Fprintln(b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printLatencies writes one row for each thing measured, in milliseconds.
func (result Result) printLatencies(b *strings.Builder) {
	width := len("milliseconds")
	for _, kind := range result.Mix {
		width = max(width, len(kind.Name))
	}
	fmt.Fprintf(b, "%-*s %9s %9s %9s %9s %9s %9s %9s\n", width, "milliseconds", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
	row := func(name string, l Latency) {
		fmt.Fprintf(b, "%-*s %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f\n", width, name,
			l.Mean*1e3, l.P50*1e3, l.P90*1e3, l.P95*1e3, l.P99*1e3, l.P999*1e3, l.Max*1e3)
	}
	row("latency", result.Latency)
	row("first byte", Latency(result.FirstByte))
	for _, kind := range result.Mix {
		row(kind.Name, kind.Latency)
	}
	fmt.Fprintf(b, "the load generator itself was late by %s (p50), %s (p99), %s (most)\n",
		milliseconds(result.Lag.P50), milliseconds(result.Lag.P99), milliseconds(result.Lag.Max))
}

// listErrors lists the kinds of errors, the most frequent first.
func listErrors(errors map[string]int64) string {
	if len(errors) == 0 {
		return "none"
	}
	kinds := slices.Sorted(maps.Keys(errors))
	slices.SortStableFunc(kinds, func(a, b string) int { return int(errors[b] - errors[a]) })
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%s %d", kind, errors[kind])
	}
	return strings.Join(kinds, ", ")
}
