package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/flyball-io/flyball/app/training"
)

// printSeeds says what each seed came to, which is kept, and why.
func (t *trained) printSeeds(w io.Writer, width int) {
	column := func(of func(training.Seed) string) (cells []string) {
		for _, s := range t.result.Seeds {
			cells = append(cells, of(s))
		}
		return cells
	}
	var table alignedTable
	table.add("seed", true, column(func(s training.Seed) string { return fmt.Sprint(s.Seed) })...)
	table.add("× cost", true, column(func(s training.Seed) string { return fmt.Sprintf("%.3f", s.Judged.OverBase) })...)
	table.add("× hours", true, column(func(s training.Seed) string { return fmt.Sprintf("%.3f", s.Judged.Replicas) })...)
	table.add("violations", true, column(func(s training.Seed) string { return fmt.Sprintf("%.2f", s.Judged.Violations) })...)
	table.add("predictive", true, column(func(s training.Seed) string { return fmt.Sprintf("%.2f", s.Judged.BaseViolations) })...)
	table.add("best after", true, column(func(s training.Seed) string {
		if s.BestAfter == 0 {
			return "nothing"
		}
		return inThousands(s.BestAfter) + " steps"
	})...)
	table.add("", false, column(t.noteOn)...)
	fmt.Fprintln(w)
	table.print(w, width)
	fmt.Fprint(w, foldText(fmt.Sprintf("Kept is seed %d: of all it costs least on loads apart from those that were trained on. × cost, × hours: over predictive's, violations at %v times the tariff's price (care); violations: over those allowed; best after nothing: no step came to less than what it began with or predictive itself.",
		t.result.Seed, t.result.Config.Care), width))
}

func (t *trained) noteOn(s training.Seed) string {
	switch {
	case s.Kept:
		return "kept"
	case slices.ContainsFunc(t.result.Failed, func(f training.Failure) bool { return f.Seed == s.Seed }):
		return "failed"
	}
	return ""
}

const (
	// enoughSteps is how many the models needed that docs/learning.md tells of.
	enoughSteps = 500_000
	// leastWorth is by how much a model must be cheaper than predictive to be worth
	// its place: less is chance.
	leastWorth = 0.001
)

// advice is what to do with a model that is no better than predictive; "" of one that
// is better.
func (t *trained) advice(steps int) string {
	if t.result.Verdict.OverBase <= 1-leastWorth {
		return ""
	}
	text := "It is no better than predictive there: nothing was learned that is worth its place, run predictive. "
	if steps < enoughSteps {
		return text + fmt.Sprintf("%s steps are few: on drawn loads the first gains come after some 100k, and the model that ships took 500k (--steps %d).", inThousands(steps), enoughSteps)
	}
	return text + "Other seeds (--seeds 5) may come to more, or your own demand (--history), or --init general."
}
