package report

import (
	"math"
	"slices"
)

// verdict is what a row says of the candidate, in a word and a sign: never in
// colour alone.
type verdict struct{ Class, Sign, Word string }

var (
	better = verdict{"better", "▲", "better"}
	worse  = verdict{"worse", "▼", "worse"}
	same   = verdict{"same", "≈", "no clear difference"}
	equal  = verdict{"same", "=", "equal"}
	none   = verdict{"same", "", ""}
)

// least is the improvement that counts as one: what is written as 0 % is none.
const least = 0.0005

// improvement is the estimate that was given, or one without an interval.
func (row Row) improvement() Estimate {
	if row.Improvement != nil {
		return *row.Improvement
	}
	v := metric(row.Key).Improvement(row.Baseline, row.Candidate)
	return Estimate{Value: v, Low: v, High: v}
}

// verdict tells better from worse where the interval does.
func (row Row) verdict() verdict {
	e := row.improvement()
	switch {
	case math.IsNaN(e.Value) && row.Candidate > row.Baseline:
		if metric(row.Key).MoreIsBetter {
			return better
		}
		return worse
	case math.IsNaN(e.Value):
		return none
	case math.Abs(row.Baseline-row.Candidate) <= 1e-9*math.Abs(row.Baseline):
		return equal
	case e.Low > least:
		return better
	case e.High < -least:
		return worse
	default:
		return same
	}
}

// comparisonView is a comparison in words.
type comparisonView struct {
	Index               int
	Baseline, Candidate string
	// Settings of the two, where their names don't tell them.
	BaselineSetting, CandidateSetting string
	Pair                              []int // their places among the policies
	Basis, Note                       string
	Sentence                          string
	Groups                            []groupView
	Intervals                         bool
}

type groupView struct {
	Name Group
	Rows []rowView
}

type rowView struct {
	Name, Text          string
	Baseline, Candidate string
	Over                string
	Change              string
	Interval            string
	Verdict             verdict
}

func (r Report) comparison(i int) comparisonView {
	c := r.Comparisons[i]
	v := comparisonView{Index: i, Baseline: c.Baseline, Candidate: c.Candidate, BaselineSetting: c.BaselineSetting, CandidateSetting: c.CandidateSetting, Basis: c.Basis, Note: c.Note, Sentence: c.sentence(r.Objective)}
	if v.Sentence == r.answer() {
		v.Sentence = "" // it is the first of the page
	}
	policies := r.policies()
	v.Pair = []int{slices.Index(policies, c.Baseline), slices.Index(policies, c.Candidate)}
	for _, name := range []Group{Latency, Stability, Cost, Responsiveness, SLA, "Other"} {
		if rows := r.rows(c, name); len(rows) > 0 {
			v.Groups = append(v.Groups, groupView{name, rows})
		}
	}
	v.Intervals = slices.ContainsFunc(c.Rows, func(row Row) bool { return row.Improvement != nil })
	return v
}

// rows are those of one group, in the order of the catalogue.
func (r Report) rows(c Comparison, group Group) []rowView {
	var views []rowView
	for _, row := range inOrder(c.Rows) {
		m := metric(row.Key)
		if m.Group != group {
			continue
		}
		v := rowView{
			Name: m.Name, Text: m.Text, Over: row.Over, Verdict: row.verdict(),
			Baseline: m.Unit.write(row.Baseline, r.Currency), Candidate: m.Unit.write(row.Candidate, r.Currency),
		}
		v.Change, v.Interval = row.change(m)
		if zero := m.Unit.write(0, r.Currency); v.Baseline == zero && v.Candidate == zero {
			v.Change, v.Interval, v.Verdict = change(0), unknown, equal // a billionth of a request is none
		}
		views = append(views, v)
	}
	return views
}

// change is how much more or less the candidate has, and the interval of that.
func (row Row) change(m Metric) (text, interval string) {
	e := row.improvement()
	value, low, high := -e.Value, -e.High, -e.Low
	if m.MoreIsBetter {
		value, low, high = e.Value, e.Low, e.High
	}
	switch {
	case math.IsNaN(e.Value) && row.Baseline == 0 && row.Candidate > 0:
		text, interval = "from 0", unknown
	case row.Improvement == nil:
		text, interval = change(value), unknown
	default:
		text, interval = changeBetween(value, low, high)
	}
	if row.verdict() == worse {
		text += " (worse)"
	}
	return text, interval
}

func inOrder(rows []Row) []Row {
	all := Metrics()
	place := func(row Row) int {
		if i := slices.IndexFunc(all, func(m Metric) bool { return m.Key == row.Key }); i >= 0 {
			return i
		}
		return len(all)
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b Row) int { return place(a) - place(b) })
	return sorted
}
