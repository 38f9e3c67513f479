package inference

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/flyball-io/flyball/load"
)

// Line returns s in one line for people; end is when the run will be over, 0
// when it has no end.
func (s Snapshot) Line(end time.Duration) string {
	when := s.Elapsed.Round(time.Second).String()
	if end > 0 {
		when += "/" + end.Round(time.Second).String()
	}
	return fmt.Sprintf("%s  %d asked  in flight %d  answered %d  failed %d  first token p50 %s  p95 %s  %.0f tokens/s",
		when, s.Begun, s.InFlight, s.Answered, s.Failed, load.Milliseconds(s.First.P50), load.Milliseconds(s.First.P95), s.Tokens)
}

// Print writes the result as a table for people.
func (r Result) Print(w io.Writer) error {
	b := &strings.Builder{}
	if r.Interrupted {
		fmt.Fprintln(b, "interrupted: this is what was done until then")
	}
	fmt.Fprintf(b, "model        %s\n", r.Model)
	fmt.Fprintf(b, "requests     %d, %d answered, %d failed", r.Requests, r.Answered, r.Failed)
	if r.Abandoned > 0 {
		fmt.Fprintf(b, ", %d cut off", r.Abandoned)
	}
	fmt.Fprintf(b, "\nrate         %.2f answers/s, %.1f s in all\n", r.RequestsPerSecond, r.DurationSeconds)
	fmt.Fprintf(b, "tokens       %d generated, %.1f/s; %d of prompts, %.1f/s\n", r.GeneratedTokens, r.GeneratedPerSecond, r.PromptTokens, r.PromptPerSecond)
	fmt.Fprintf(b, "good         %.2f %%, answered%s\n", 100*r.Good, r.limits())
	fmt.Fprintf(b, "errors       %s\n", load.ListErrors(r.Errors))
	if r.FirstError != "" {
		fmt.Fprintf(b, "             the first: %s\n", r.FirstError)
	}
	fmt.Fprintf(b, "\n%-16s %9s %9s %9s %9s %9s %9s\n", "milliseconds", "mean", "p50", "p90", "p95", "p99", "max")
	for _, row := range []struct {
		name string
		q    load.Quantiles
	}{{"first token", r.FirstToken}, {"per token", r.PerToken}, {"between chunks", r.BetweenParts}, {"whole answer", r.Latency}} {
		q := row.q
		fmt.Fprintf(b, "%-16s %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f\n", row.name, q.Mean*1e3, q.P50*1e3, q.P90*1e3, q.P95*1e3, q.P99*1e3, q.Max*1e3)
	}
	fmt.Fprintf(b, "the load generator itself was late by %s (p50), %s (p99), %s (most)\n",
		load.Milliseconds(r.Lag.P50), load.Milliseconds(r.Lag.P99), load.Milliseconds(r.Lag.Max))
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "\nwarning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// limits are the words for what a good answer may take.
func (r Result) limits() string {
	var all []string
	if r.MaxFirstSeconds > 0 {
		all = append(all, "the first token within "+load.Milliseconds(r.MaxFirstSeconds))
	}
	if r.MaxTokenSeconds > 0 {
		all = append(all, load.Milliseconds(r.MaxTokenSeconds)+" per token")
	}
	if len(all) == 0 {
		return "; neither --max-ttft nor --max-tpot was set"
	}
	return ", " + strings.Join(all, " and ")
}
