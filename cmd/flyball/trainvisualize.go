package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
)

// runVisualize shows what a model does on traces.
func (f *trainFlags) runVisualize(cmd *cobra.Command) error {
	j, m, err := f.visualized()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	var all []training.Watched
	for i, c := range j.cases {
		c.Scenario.Timeline = timelineStep(c.Scenario.Length())
		who, seen, err := f.watched(m)
		if err != nil {
			return err
		}
		base, err := f.contestants.Parse(baseName)
		if err != nil {
			return err
		}
		w, err := training.Watch(c, m, who, base, seen)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(f.out, 0o777); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if err := w.Draw(f.out, pictureOf(j.cases[i].Trace)); err != nil {
			return err
		}
		all = append(all, w)
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), struct {
			Model   string             `json:"model"`
			Watched []training.Watched `json:"traces"`
		}{f.visualize, all})
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, width int) {
		for i, one := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			f.printWatched(w, width, one)
		}
	})
}

func (f *trainFlags) visualized() (job, *learned.Model, error) {
	// The loads, and the service that flyball evaluate plays them on.
	errs := []error{f.unread("visualize", []string{"visualize", "trace", "out", "json", "window", "peak-rps", "p99-rps", "rebin", "smooth", "interpolate",
		"service-mean", "service-cv", "service-law", "concurrency", "topology", "startup", "scrape", "metric-window", "seed",
		"slo", "slo-target", "min", "max", "sync"})}
	m, err := training.ReadModel(f.visualize)
	if err != nil {
		errs = append(errs, fmt.Errorf("--visualize: %w", err))
	}
	j, err := f.shapes(f.traces)
	return j, m, errors.Join(append(errs, err)...)
}

// watched is a contestant of a model, and who tells what it saw last.
func (f *trainFlags) watched(m *learned.Model) (who evaluate.Contestant, seen func() []float32, err error) {
	data, err := m.Bytes()
	if err != nil {
		return who, nil, err
	}
	plugins := builtin.New()
	var newest *learned.Policy
	builtin.Register(&plugins.Policies, "watched", learned.Default, func(cfg learned.Config, env policy.Env) (*learned.Policy, error) {
		p, err := learned.New(cfg, env, plugins.Policies.New, func(string) ([]byte, error) { return data, nil })
		newest = p
		return p, err
	})
	who, err = app.Contestants{Plugins: plugins}.Parse("watched:model=this")
	who.Policy, who.Params = learnedName, ""
	return who, func() []float32 { return newest.Seen() }, err
}

var unsafeInFiles = regexp.MustCompile(`[^A-Za-z0-9._=-]`)

func pictureOf(trace string) string {
	return "timeline-" + unsafeInFiles.ReplaceAllString(strings.TrimPrefix(trace, "shape:"), "_")
}

// mostActs is how many changes of the factor are printed.
const mostActs = 40

// printWatched tells when the model did otherwise than its base, and why.
func (f *trainFlags) printWatched(w io.Writer, width int, one training.Watched) {
	counts, all := map[string]int{}, len(one.Acts)
	for _, a := range one.Acts {
		counts[a.Code]++
	}
	fmt.Fprint(w, foldText(fmt.Sprintf("%s: %s, %d otherwise than predictive wants (%s).", one.Trace, scale.Count(all, "decision"), counts["Learned"], codes(counts)), width))
	fmt.Fprintln(w)
	var t alignedTable
	rows := changesOf(one.Acts)
	shown := rows[:min(len(rows), mostActs)]
	column := func(of func(training.Act) string) (cells []string) {
		for _, a := range shown {
			cells = append(cells, of(a))
		}
		return cells
	}
	t.add("time", false, column(func(a training.Act) string { return clockOf(a.Seconds) })...)
	t.add("×", true, column(func(a training.Act) string { return strconv.FormatFloat(a.Factor, 'g', 4, 64) })...)
	t.add("base", true, column(func(a training.Act) string { return strconv.Itoa(a.Base) })...)
	t.add("wants", true, column(func(a training.Act) string { return strconv.Itoa(a.Wanted) })...)
	t.add("gets", true, column(func(a training.Act) string { return strconv.Itoa(a.Desired) })...)
	t.add("set by", false, column(func(a training.Act) string { return a.SetBy })...)
	t.add("because (usually)", false, column(because)...)
	t.print(w, width)
	if len(rows) > len(shown) {
		fmt.Fprintf(w, "… and %d changes more; --json has all.\n", len(rows)-len(shown))
	}
	fmt.Fprint(w, "\n"+foldText(fmt.Sprintf("replica-hours %.2f (predictive alone %.2f), avoidable violations %s %% (%s %%), p95 %s (%s).",
		one.Run.ReplicaHours, one.Base.ReplicaHours, percent(one.Run.AvoidableViolationRatio), percent(one.Base.AvoidableViolationRatio),
		readableTime(one.Run.LatencyP95), readableTime(one.Base.LatencyP95)), width))
	fmt.Fprint(w, foldText("A row where the factor changes. because: the numbers of the observation that spoke most for it, and what they are in training in the mean (docs/learning.md says what each is).", width))
	fmt.Fprintf(w, "picture: %s (and .svg)\n", filepath.Join(f.out, pictureOf(one.Trace)+".png"))
}

// changesOf are the acts where the factor or its reason is another than before.
func changesOf(acts []training.Act) (changes []training.Act) {
	for i, a := range acts {
		if i == 0 || a.Factor != acts[i-1].Factor || a.Code != acts[i-1].Code {
			changes = append(changes, a)
		}
	}
	return changes
}

func because(a training.Act) string {
	if a.Code != "Learned" {
		return a.Code + ": " + a.Reason
	}
	var words []string
	for _, w := range a.Because {
		if w.Lead > 0 {
			words = append(words, fmt.Sprintf("%s %.2f (%.2f)", w.Name, w.Value, w.Usual))
		}
	}
	return strings.Join(words, ", ")
}

// codes are reasons with their counts, in a fixed order.
func codes(counts map[string]int) string {
	var words []string
	for _, code := range []string{"Learned", "AsBase", "OutOfDistribution", "Drift", "Doubtful", "Unmeasured", "NothingWanted", "NotANumber"} {
		if n := counts[code]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", code, n))
		}
	}
	return strings.Join(words, ", ")
}

func clockOf(seconds float64) string {
	s := int(seconds)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
