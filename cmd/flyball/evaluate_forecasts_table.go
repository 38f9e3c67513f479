package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/evaluate/forecasts"
	"github.com/flyball-io/flyball/scale"
)

// printForecasts prints what people read: errors over those of seasonal naive,
// how often the quantiles held, and where not.
func (f *evaluateFlags) printForecasts(w io.Writer, width int, r forecasts.Results, left []string) {
	groups := groupsOf(r)
	lead := scale.Duration(f.scenario.startup + f.scenario.sync)
	fmt.Fprint(w, foldText(fmt.Sprintf("%s; each at its own step, every step an origin; start-up is %v in whole steps.", inGroups(groups), lead), width))
	of := "" // which traces, where it is not all
	if len(groups) > 1 {
		of = fmt.Sprintf(", %s traces", groups[0].group)
	}
	for _, part := range []struct {
		name string
		of   func(forecasts.Ratios) *float64
	}{
		{"MASE (error of the median)", func(r forecasts.Ratios) *float64 { return r.MASE }},
		{"CRPS (all quantiles)", func(r forecasts.Ratios) *float64 { return r.CRPS }},
	} {
		fmt.Fprintf(w, "\n%s over that of seasonal naive%s\n", part.name, of)
		if !compared(r, part.of) {
			fmt.Fprint(w, foldText("nothing to compare with: seasonal naive makes no error, as on any load that never changes.", width))
			continue
		}
		errorTable(r, groups, part.of).print(w, width)
	}
	for _, part := range []struct {
		name string
		of   func(forecasts.Summary) []forecasts.Held
	}{
		{"value", func(s forecasts.Summary) []forecasts.Held { return s.Value }},
		{"peak", func(s forecasts.Summary) []forecasts.Held { return s.Peak }},
	} {
		fmt.Fprintf(w, "\ncoverage of the %s held, of traces × horizons%s\n", part.name, of)
		coverageTable(r, groups[0].group, part.of).print(w, width)
	}
	fmt.Fprint(w, "\n"+foldText("Ratios are geometric means over traces, below 1 is better. × last: over that of the last value. Coverage is one-sided; it holds within 0.5 points where 10,000 steps or more are scored, elsewhere within the binomial interval of 95 %; worst is the farthest off, in points. seasonal naive and last value are yardsticks with a normal law; alone: with the quantiles of an ensemble of one.", width))
	for _, s := range r.Series {
		if s.NaiveError == 0 {
			fmt.Fprint(w, foldText(s.Name+": seasonal naive makes no error here, as on any load that never changes; it counts for coverage alone.", width))
		}
	}
	for _, text := range left {
		fmt.Fprint(w, foldText("left out: "+text, width))
	}
	if f.out != "" {
		fmt.Fprintf(w, "\neach trace: %s\n", filepath.Join(f.out, "forecasts.csv"))
	}
}

// inGroups counts the traces, and says of what they are for where that differs.
func inGroups(groups []seriesGroup) string {
	all, parts := 0, []string{}
	for _, g := range groups {
		all += g.series
		parts = append(parts, fmt.Sprintf("%d %s", g.series, g.group))
	}
	if len(groups) == 1 {
		return howMany(all, "trace")
	}
	return fmt.Sprintf("%s (%s)", howMany(all, "trace"), strings.Join(parts, ", "))
}

// compared is whether any contestant has a ratio.
func compared(r forecasts.Results, of func(forecasts.Ratios) *float64) bool {
	return slices.ContainsFunc(r.Summaries, func(s forecasts.Summary) bool { return of(s.OverNaive) != nil || of(s.OverLast) != nil })
}

// seriesGroup is a group and how many series it has.
type seriesGroup struct {
	group  forecasts.Group
	series int
}

// groupsOf are the groups that have series, the one that figures are told of
// first.
func groupsOf(r forecasts.Results) []seriesGroup {
	var groups []seriesGroup
	for _, g := range []forecasts.Group{forecasts.Report, forecasts.Tune, forecasts.Other} {
		n := 0
		for _, s := range r.Series {
			if s.Group == g {
				n++
			}
		}
		if n > 0 {
			groups = append(groups, seriesGroup{g, n})
		}
	}
	return groups
}

// errorTable has a row for each contestant: the first group by horizon, the
// others over all horizons.
func errorTable(r forecasts.Results, groups []seriesGroup, of func(forecasts.Ratios) *float64) alignedTable {
	column := func(group forecasts.Group, horizon string, base func(forecasts.Summary) forecasts.Ratios) []string {
		var cells []string
		for _, name := range r.Contestants {
			cells = append(cells, optional(of(base(summaryOf(r, group, horizon, name)))))
		}
		return cells
	}
	naive := func(s forecasts.Summary) forecasts.Ratios { return s.OverNaive }
	last := func(s forecasts.Summary) forecasts.Ratios { return s.OverLast }
	var t alignedTable
	t.add("contestant", false, r.Contestants...)
	for _, horizon := range []string{"start-up", "5 steps", "20 steps", forecasts.AllHorizons} {
		t.add(horizon, true, column(groups[0].group, horizon, naive)...)
	}
	t.add("× last", true, column(groups[0].group, forecasts.AllHorizons, last)...)
	for _, g := range groups[1:] {
		t.add("all "+string(g.group), true, column(g.group, forecasts.AllHorizons, naive)...)
	}
	return t
}

func summaryOf(r forecasts.Results, group forecasts.Group, horizon, contestant string) forecasts.Summary {
	i := slices.IndexFunc(r.Summaries, func(s forecasts.Summary) bool {
		return s.Group == group && s.Horizon == horizon && s.Contestant == contestant
	})
	return r.Summaries[i]
}

// coverageTable says of how many coverages how many held, and which is the
// farthest from its level, in points.
func coverageTable(r forecasts.Results, group forecasts.Group, of func(forecasts.Summary) []forecasts.Held) alignedTable {
	var t alignedTable
	t.add("contestant", false, r.Contestants...)
	var all [][]forecasts.Held
	for _, name := range r.Contestants {
		all = append(all, of(summaryOf(r, group, forecasts.AllHorizons, name)))
	}
	for i, level := range all[0] {
		var cells []string
		for _, held := range all {
			cells = append(cells, fmt.Sprintf("%d of %d", held[i].Held, held[i].Of))
		}
		t.add(toTheRight(fmt.Sprintf("at %.0f %%", level.Level*100), cells), false, cells...)
	}
	var worst, where []string
	for _, held := range all {
		far := slices.MaxFunc(held, func(a, b forecasts.Held) int { return cmp.Compare(math.Abs(a.Farthest), math.Abs(b.Farthest)) })
		worst = append(worst, fmt.Sprintf("%+.1f", 100*far.Farthest))
		where = append(where, fmt.Sprintf("%.0f %%, %s", far.Level*100, far.Series))
	}
	t.add("worst", true, worst...)
	t.add("at", false, where...)
	return t
}
