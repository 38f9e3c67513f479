package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/scale"
)

// tableColumn is one of a table for people.
type tableColumn struct {
	title string
	// number says that its cells are aligned on their decimal point.
	number bool
	cells  []string
	// width of the cells, and where their decimal point is.
	width, point int
}

// alignedTable is rows that are aligned, and cut to the columns that fit.
type alignedTable struct{ columns []tableColumn }

func (t *alignedTable) add(title string, number bool, cells ...string) {
	t.columns = append(t.columns, tableColumn{title: title, number: number, cells: cells})
}

// addFilled adds a column unless all its cells are empty.
func (t *alignedTable) addFilled(title string, number bool, cells ...string) {
	if slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
		t.add(title, number, cells...)
	}
}

// print writes the table into a width; columns that do not fit are left out
// from the right, the first always stays. Trailing blanks are none.
func (t alignedTable) print(w io.Writer, width int) {
	used := 0
	var shown []tableColumn
	for i, c := range t.columns {
		c.measure()
		if i > 0 && used+2+c.width > width {
			break
		}
		used += 2 + c.width
		shown = append(shown, c)
	}
	if len(shown) == 0 {
		return
	}
	for row := -1; row < len(shown[0].cells); row++ {
		var line strings.Builder
		for i, c := range shown {
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(c.cell(row))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// measure finds out how wide the column is.
func (c *tableColumn) measure() {
	after := 0
	for _, cell := range c.cells {
		before, rest := aroundPoint(cell)
		if !c.number {
			before, rest = utf8.RuneCountInString(cell), 0
		}
		c.point, after = max(c.point, before), max(after, rest)
	}
	c.width = max(c.point+after, utf8.RuneCountInString(c.title))
	if c.number {
		c.point = c.width - after
	}
}

// aroundPoint counts what stands before the decimal point, and from it on.
func aroundPoint(cell string) (before, from int) {
	whole, rest, found := strings.Cut(cell, ".")
	before = utf8.RuneCountInString(whole)
	if found {
		from = 1 + utf8.RuneCountInString(rest)
	}
	return before, from
}

// cell is one in its place; row −1 is the title.
func (c *tableColumn) cell(row int) string {
	text, left := c.title, 0
	if row >= 0 {
		text = c.cells[row]
	}
	if c.number {
		before, _ := aroundPoint(text)
		if left = c.point - before; row < 0 {
			left = c.width - utf8.RuneCountInString(text)
		}
	}
	left = max(0, left)
	return strings.Repeat(" ", left) + text + strings.Repeat(" ", max(0, c.width-left-utf8.RuneCountInString(text)))
}

// print writes what people read at the end.
func (f *evaluateFlags) print(w io.Writer, width int, a analysis) {
	fmt.Fprintln(w, foldText(a.job.inShort(), width))
	if len(a.Standings) > 0 {
		a.printStandings(w, width)
	} else {
		printOveralls(w, overalls(a.results.Runs), width, f.perReplicaHour)
	}
	if t := a.results.Targets; t != nil {
		fmt.Fprintln(w)
		printTargets(w, *t, width)
	}
	for _, failure := range a.results.Failures {
		fmt.Fprint(w, foldText(fmt.Sprintf("failed: %s on %s, seed %d: %s", failure.Policy, failure.Trace, failure.Seed, failure.Error), width))
	}
	for _, line := range []string{a.outOfReach(), a.job.unwarmed()} {
		if line != "" {
			fmt.Fprint(w, "\n"+foldText(line, width))
		}
	}
	if f.out != "" {
		fmt.Fprintf(w, "\nreport: %s\n", reportPath(f.out))
	}
}

// inShort is what is judged in a line.
func (j job) inShort() string {
	kind := "request by request"
	if len(j.cases) > 0 && j.cases[0].Fluid {
		kind = "as a fluid"
	}
	text := fmt.Sprintf("%s, %s each, %s", howMany(len(j.cases), "trace"), howMany(len(j.seeds), "seed"), kind)
	var warmups []string
	for _, c := range j.cases {
		if d := scale.Duration(c.Scenario.Warmup).String(); !slices.Contains(warmups, d) {
			warmups = append(warmups, d)
		}
	}
	if len(warmups) == 1 && j.cases[0].Scenario.Warmup > 0 {
		text += "; the first " + warmups[0] + " are seen and not scored (--warmup)"
	}
	return text
}

// unwarmed warns of what the beginning does where it is scored.
func (j job) unwarmed() string {
	var names []string
	for _, c := range j.cases {
		if c.Scenario.Warmup == 0 && c.Scenario.Length() < 24*time.Hour {
			names = append(names, c.Trace)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Scored from the first second, where everybody has the fewest replicas that the load demands: " + shortList(names) + ". --warmup 10m says more of policies."
}

// outOfReach says where nobody could have held the objective.
func (a analysis) outOfReach() string {
	var names []string
	least, most := 1.0, 0.0
	for _, c := range a.results.Clairvoyants {
		i := slices.IndexFunc(a.results.Header.Cases, func(h evaluate.CaseHeader) bool { return h.Trace == c.Trace && h.Fluid == c.Fluid })
		best := c.EveryStep.AvoidableRatio
		for _, p := range c.Priced {
			best = min(best, p.AvoidableRatio)
		}
		if i >= 0 && best > 1-a.results.Header.Cases[i].Target && !slices.Contains(names, c.Trace) {
			names, least, most = append(names, c.Trace), min(least, best), max(most, best)
		}
	}
	if len(names) == 0 {
		return ""
	}
	violated := percent(least)
	if most > least {
		violated += " to " + percent(most)
	}
	return fmt.Sprintf("Nobody can hold the objective on %s: even the oracle, which knows the load, has %s %% avoidable violations. --max may be too low, --initial too few, or --startup too long.", shortList(names), violated)
}

// shortList names a few.
func shortList(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func howMany(n int, thing string) string { return scale.Count(n, thing) }

// printOveralls is the table without a sweep.
func printOveralls(w io.Writer, all []overall, width int, price float64) {
	cells := make([][]string, 9)
	for _, o := range all {
		for i, text := range []string{
			o.policy, percent(o.avoidable), fmt.Sprintf("%.1f", o.hours), times(o.overOracle), times(o.worstOver),
			percent(o.worst), readableTime(o.p95), fmt.Sprintf("%.1f", o.actions), fmt.Sprintf("%.2f", o.cost),
		} {
			cells[i] = append(cells[i], text)
		}
	}
	var t alignedTable
	t.add("policy", false, cells[0]...)
	t.add("avoidable %", true, cells[1]...)
	t.add("replica-hours", true, cells[2]...)
	t.add("× oracle", true, cells[3]...)
	t.add("worst ×", true, cells[4]...)
	t.add("worst %", true, cells[5]...)
	t.add(toTheRight("p95", cells[6]), false, cells[6]...)
	t.add("actions/h", true, cells[7]...)
	if price != 1 {
		t.add("cost", true, cells[8]...)
	}
	t.print(w, width)
	fmt.Fprint(w, "\n"+foldText("avoidable: requests late that more replicas would have answered in time, on average over traces. replica-hours: all traces together. × oracle: replica-hours over what a clairvoyant pays at the same violations, geometric mean over traces. worst: of one trace. p95: median over traces. All are means over seeds. Settings are as they come: --sweep tells what each policy costs at equal violations.", width))
}

// toTheRight moves cells to the right end of their column, and returns its title.
func toTheRight(title string, cells []string) string {
	width := utf8.RuneCountInString(title)
	for _, cell := range cells {
		width = max(width, utf8.RuneCountInString(cell))
	}
	for i, cell := range cells {
		cells[i] = fmt.Sprintf("%*s", width, cell)
	}
	return fmt.Sprintf("%*s", width, title)
}

func times(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}

// printStandings is the table of a sweep: what each policy costs at equal
// violations.
func (a analysis) printStandings(w io.Writer, width int) {
	for _, level := range a.levels {
		fmt.Fprintf(w, "at %s %% avoidable violations\n", strconv.FormatFloat(level*100, 'g', 4, 64))
		a.standingsTable(level).print(w, width)
		fmt.Fprintln(w)
	}
	legend := "× oracle: replica-hours over the clairvoyant's, median and worst of the traces on which some setting holds the level."
	if len(a.bases()) > 0 {
		legend += " × another: geometric mean over traces, with its confidence interval of 95 %."
	}
	fmt.Fprint(w, foldText(legend, width))
}

func (a analysis) standingsTable(level float64) alignedTable {
	all := evaluate.SumUp(a.Standings, level)
	cells := func(text func(s evaluate.Summary) string) []string {
		var column []string
		for _, s := range all {
			column = append(column, text(s))
		}
		return column
	}
	var t alignedTable
	t.add("policy", false, cells(func(s evaluate.Summary) string { return s.Family })...)
	t.add("× oracle", true, cells(func(s evaluate.Summary) string { return optional(s.Median) })...)
	t.add("worst ×", true, cells(func(s evaluate.Summary) string { return optional(s.Worst) })...)
	t.add("held on", false, cells(func(s evaluate.Summary) string { return fmt.Sprintf("%d of %d", s.Held, s.Traces) })...)
	for _, base := range a.bases() {
		compared := func(s evaluate.Summary) *evaluate.Comparison {
			i := slices.IndexFunc(a.Comparisons, func(c evaluate.FamilyComparison) bool {
				return c.Level == level && c.Candidate == s.Family && c.Reference == base
			})
			if i < 0 {
				return nil
			}
			return a.Comparisons[i].Comparison
		}
		t.addFilled("× "+shortName(base), true, cells(func(s evaluate.Summary) string {
			if c := compared(s); c != nil {
				return fmt.Sprintf("%.2f", c.Ratio)
			}
			return ""
		})...)
		t.addFilled("95 %", false, cells(func(s evaluate.Summary) string {
			if c := compared(s); c != nil && c.Traces > 1 {
				return fmt.Sprintf("%.2f – %.2f", c.Low, c.High)
			}
			return ""
		})...)
	}
	t.add("worst trace", false, cells(func(s evaluate.Summary) string { return s.WorstTrace })...)
	return t
}

// bases are what policies were set against, in order.
func (a analysis) bases() []string {
	var names []string
	for _, c := range a.Comparisons {
		if c.Comparison != nil && !slices.Contains(names, c.Reference) {
			names = append(names, c.Reference)
		}
	}
	return names
}

// shortName is a family in the title of a column.
func shortName(family string) string {
	switch family {
	case tunedForAll:
		return "one setting"
	case tunedPerTrace:
		return "per trace"
	}
	return family
}

func optional(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *v)
}

// foldText breaks text at blanks so that it fits.
func foldText(text string, width int) string {
	var out strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += n
	}
	out.WriteByte('\n')
	return out.String()
}
