package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/evaluate/sizing"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/workload"
)

// runVertical judges who sizes containers.
func (f *evaluateFlags) runVertical(cmd *cobra.Command) error {
	workloads, left, err := f.uses()
	if err == nil {
		err = f.writable()
	}
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	bar := newProgressBar("vertical")
	contestants := sizing.Contestants()
	scores, err := sizing.Judge(ctx, workloads, contestants, bar.show)
	bar.done()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; nothing is written")
	}
	if err != nil {
		return err
	}
	results := sizing.Summed(scores, contestants)
	results.Version = programVersion()
	if f.out != "" {
		if err := results.Save(f.out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), results)
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, width int) { f.printVertical(w, width, results, left) })
}

// uses are the recorded uses of CPU, and the generated ones of memory. What a
// folder holds besides is counted; a file asked for by its name must be one.
func (f *evaluateFlags) uses() (all []sizing.Workload, left int, err error) {
	if other := f.others([]string{"vertical", "traces", "trace", "out", "json"}); len(other) > 0 {
		return nil, 0, fmt.Errorf("--vertical takes --traces, --trace, --out and --json: leave out --%s", strings.Join(other, ", --"))
	}
	if f.folder != "" {
		files, err := tracesIn(f.folder)
		if err != nil {
			return nil, 0, err
		}
		for _, file := range files {
			if w, err := openUse(file); err == nil {
				all = append(all, w)
			} else {
				left++
			}
		}
	}
	var errs []error
	for _, file := range f.traces {
		w, err := openUse(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("--trace: %w", err))
		}
		all = append(all, w)
	}
	return append(all, sizing.Generated()...), left, errors.Join(errs...)
}

// openUse reads a trace of CPU.
func openUse(file string) (sizing.Workload, error) {
	shape, err := workload.Open(file)
	if err != nil {
		return sizing.Workload{}, err
	}
	trace, ok := shape.(*workload.Trace)
	if !ok {
		return sizing.Workload{}, fmt.Errorf("trace %s: holds single requests: must hold CPU in steps", file)
	}
	return sizing.FromTrace(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".csv"), trace)
}

// printVertical prints what people read: each contestant over all workloads,
// then each workload.
func (f *evaluateFlags) printVertical(w io.Writer, width int, r sizing.Results, left int) {
	for i, resource := range vertical.Resources() {
		if summaries := summariesOf(r, resource); len(summaries) > 0 {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s, %s\n", resource, howMany(summaries[0].Workloads, "workload"))
			verticalSummary(summaries, resource).print(w, width)
			fmt.Fprintln(w)
			verticalScores(r, resource).print(w, width)
		}
	}
	fmt.Fprint(w, "\n"+foldText("Slack is the share of what is asked for that is not used; throttled the share of the time in which more CPU was wanted, lost the share of the work that was not done; asked for is also the limit. The first day is not scored.", width))
	if left > 0 {
		fmt.Fprint(w, foldText(fmt.Sprintf("left out: %s that hold no CPU of more than a day.", howMany(left, "trace")), width))
	}
	if f.out != "" {
		fmt.Fprintf(w, "each score: %s\n", filepath.Join(f.out, "vertical.csv"))
	}
}

func summariesOf(r sizing.Results, resource vertical.Resource) []sizing.Summary {
	var all []sizing.Summary
	for _, s := range r.Summaries {
		if s.Resource == resource {
			all = append(all, s)
		}
	}
	return all
}

// verticalSummary has a row for each contestant.
func verticalSummary(summaries []sizing.Summary, resource vertical.Resource) alignedTable {
	var names []string
	var scores []sizing.Score
	for _, s := range summaries {
		names = append(names, s.Contestant)
		scores = append(scores, sizing.Score{Slack: s.Slack, Throttled: s.Throttled, Lost: s.Lost, OOMs: s.OOMs, Changes: s.Changes})
	}
	var t alignedTable
	t.add("all workloads", false, names...)
	addFigures(&t, resource, scores)
	return t
}

// verticalScores has a row for each contestant on each workload.
func verticalScores(r sizing.Results, resource vertical.Resource) alignedTable {
	var names, contestants, asked []string
	var scores []sizing.Score
	for _, s := range r.Scores {
		if s.Resource != resource {
			continue
		}
		names, contestants, scores = append(names, s.Workload), append(contestants, s.Contestant), append(scores, s)
		asked = append(asked, resource.Words(resource.Of(s.Mean)))
	}
	var t alignedTable
	t.add("workload", false, names...)
	t.add("sized by", false, contestants...)
	addFigures(&t, resource, scores)
	t.add("mean", true, asked...)
	return t
}

// addFigures adds the columns of a resource.
func addFigures(t *alignedTable, resource vertical.Resource, scores []sizing.Score) {
	column := func(of func(sizing.Score) string) []string {
		var cells []string
		for _, s := range scores {
			cells = append(cells, of(s))
		}
		return cells
	}
	t.add("slack", true, column(func(s sizing.Score) string { return fmt.Sprintf("%.1f %%", 100*s.Slack) })...)
	if resource == vertical.CPU {
		t.add("throttled", true, column(func(s sizing.Score) string { return fmt.Sprintf("%.2f %%", 100*s.Throttled) })...)
		t.add("lost", true, column(func(s sizing.Score) string { return fmt.Sprintf("%.2f %%", 100*s.Lost) })...)
	} else {
		t.add("OOMs", true, column(func(s sizing.Score) string { return fmt.Sprint(s.OOMs) })...)
	}
	t.add("resized", true, column(func(s sizing.Score) string { return fmt.Sprint(s.Changes) })...)
}
