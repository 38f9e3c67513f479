package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/present"
	page "github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/sim"
)

// mostTimelines is how many traces the report draws.
const mostTimelines = 16

// writeReport writes report.html.
func (f *evaluateFlags) writeReport(a analysis) error {
	in, err := f.reportInput(a)
	if err != nil {
		return err
	}
	r, err := present.Report(in)
	if err != nil {
		return err
	}
	file, err := os.Create(reportPath(f.out))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := page.Write(file, r); err != nil {
		return fmt.Errorf("write %s: %w", file.Name(), err)
	}
	return file.Close()
}

func (f *evaluateFlags) reportInput(a analysis) (present.Input, error) {
	cases := slices.Clone(a.job.cases[:min(len(a.job.cases), mostTimelines)])
	in := present.Input{
		Results: a.results, Families: a.job.families, Levels: a.levels, Reference: reference,
		Calibrated: a.Calibrated, Topologies: a.Topologies, Cluster: a.job.cluster, About: a.job.about,
		Command: shellWords(f.command), Limits: limits(), PerTrace: a.Standings, Unscored: unscored(cases),
	}
	if a.shown != nil {
		in.Results, in.Families = *a.shown, a.shownFamilies
	}
	for i := range cases {
		cases[i].Scenario.Timeline = timelineStep(cases[i].Scenario.Length())
	}
	pictures, err := evaluate.NewPictures(cases)
	if err != nil {
		return in, err
	}
	in.Demand = pictures.Demand()
	contestants := map[string]evaluate.Contestant{}
	for _, c := range slices.Concat(a.job.contestants, a.others) {
		contestants[c.Name()] = c
	}
	in.Timeline = func(run evaluate.Run) ([]sim.Moment, error) {
		who, known := contestants[run.Policy]
		if !known {
			return nil, nil
		}
		return pictures.Timeline(run.Trace, who, run.Seed)
	}
	return in, nil
}

// unscored are the parts of the cases that count for nothing.
func unscored(cases []evaluate.Case) map[string][]page.Unscored {
	all := map[string][]page.Unscored{}
	for _, c := range cases {
		var of []page.Unscored
		if c.Scenario.Warmup > 0 {
			of = append(of, page.Unscored{From: 0, To: c.Scenario.Warmup, Why: "warm-up"})
		}
		for _, gap := range c.Scenario.Gaps {
			of = append(of, page.Unscored{From: gap.From, To: gap.To, Why: "not recorded"})
		}
		all[c.Trace] = of
	}
	return all
}

// limits say what the figures do not.
func limits() []string {
	return []string{
		"All figures are of a simulator: what a service does besides queueing (caches that warm up, collection of garbage, other services that are slow) is not in it.",
		"Timelines show each policy played again as a fluid: expected values, not single requests.",
		"A policy that holds no level on a trace is left out of the comparison at that level on that trace, and the table says on how many it does.",
	}
}

// shellWords is how the evaluation was called, as a shell takes it.
func shellWords(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		if strings.ContainsFunc(arg, func(r rune) bool { return !strings.ContainsRune("-_./:=,%@+", r) && !isAlphanumeric(r) }) || arg == "" {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		quoted[i] = arg
	}
	return strings.Join(quoted, " ")
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
