package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// answer is the first sentence of the page.
func (r Report) answer() string {
	switch {
	case r.Answer != "":
		return r.Answer
	case len(r.Comparisons) > 0:
		return r.Comparisons[0].sentence(r.Objective)
	case len(r.Runs) > 0:
		return r.cheapest()
	default:
		return "Nothing was evaluated: this report holds no run."
	}
}

// sentence says what the candidate would have cost, and what both would have
// broken for that: cost alone is no answer.
func (c Comparison) sentence(o Objective) string {
	hours, ok := c.row("replica_hours")
	if !ok {
		return fmt.Sprintf("%s against %s: the table tells them apart metric by metric.", c.Candidate, c.Baseline)
	}
	basis := ""
	if c.Basis != "" {
		basis = " " + c.Basis
	}
	late, _ := c.broken()
	gain := hours.improvement().Value
	switch told := hours.verdict() != same; {
	case math.IsNaN(gain):
		return fmt.Sprintf("%s cost nothing here, %s %s%s.", c.Baseline, c.Candidate, ReplicaHours.write(hours.Candidate, ""), c.violations(o))
	case told && gain > 0 && c.apart(o) && late.Candidate > late.Baseline:
		return fmt.Sprintf("%s is cheaper, but breaks more: it would have cost %s%s%s. Not comparable at equal violations.", c.Candidate, c.costs(hours), basis, c.violations(o))
	case told && gain < 0 && c.apart(o) && late.Candidate < late.Baseline:
		return fmt.Sprintf("%s is dearer, but breaks less: it would have cost %s%s%s. Not comparable at equal violations.", c.Candidate, c.costs(hours), basis, c.violations(o))
	}
	return fmt.Sprintf("%s would have cost %s%s%s.", c.Candidate, c.costs(hours), basis, c.violations(o))
}

// costs ends "it would have cost".
func (c Comparison) costs(hours Row) string {
	e := hours.improvement()
	switch {
	case hours.verdict() == equal:
		return "as much as " + c.Baseline
	case hours.verdict() == same && hours.Improvement != nil:
		return fmt.Sprintf("about as much as %s (from %s less to %s more is within the noise)", c.Baseline, percentOf(max(0, e.High)), percentOf(max(0, -e.Low)))
	case e.Value >= 0:
		return fmt.Sprintf("%s less than %s", percentOf(e.Value), c.Baseline)
	case e.Value < -1:
		return fmt.Sprintf("%s as much as %s", times(1-e.Value), c.Baseline)
	default:
		return fmt.Sprintf("%s more than %s", percentOf(-e.Value), c.Baseline)
	}
}

// broken are the violations that comparisons use.
func (c Comparison) broken() (Row, bool) {
	if v, ok := c.row("avoidable_violation_ratio"); ok {
		return v, true
	}
	return c.row("violation_ratio")
}

// apart reports whether one of the two breaks so many more requests than the
// other that their costs are no match: by a quarter and a request in 10,000,
// and past what may be.
func (c Comparison) apart(o Objective) bool {
	v, ok := c.broken()
	most, least := max(v.Baseline, v.Candidate), min(v.Baseline, v.Candidate)
	within := o.Target > 0 && most <= 1-o.Target+1e-12
	return ok && !c.Equal && !within && most > 1.25*least && most-least > 1e-4
}

// violations says what the two broke, for a sentence about cost.
func (c Comparison) violations(o Objective) string {
	v, ok := c.broken()
	if !ok {
		return ""
	}
	kind := "avoidably broken"
	if v.Key == "violation_ratio" {
		kind = "broken"
	}
	text := fmt.Sprintf(", with %s of the requests %s instead of %s", percent(v.Candidate), kind, percent(v.Baseline))
	if percent(v.Baseline) == percent(v.Candidate) {
		text = fmt.Sprintf(", with %s of the requests %s by either", percent(v.Candidate), kind)
	}
	if may := 1 - o.Target; o.Target > 0 && !c.Equal && max(v.Baseline, v.Candidate) <= may+1e-12 {
		text += fmt.Sprintf(", both within the %s that may be", percent(round(may)))
	}
	return text
}

func (c Comparison) row(key string) (Row, bool) {
	i := slices.IndexFunc(c.Rows, func(row Row) bool { return row.Key == key })
	if i < 0 {
		return Row{}, false
	}
	return c.Rows[i], true
}

// cheapest is the answer where nothing is compared: the cheapest policy among
// those that kept the promise on every trace.
func (r Report) cheapest() string {
	all := r.totals()
	kept := slices.DeleteFunc(slices.Clone(all), func(t total) bool { return r.Objective.Target > 0 && t.worst > 1-r.Objective.Target+1e-12 })
	if len(kept) == 0 {
		best := slices.MinFunc(all, func(a, b total) int { return cmp.Compare(a.worst, b.worst) })
		return fmt.Sprintf("No policy kept the objective on every trace; %s came closest, with %s of avoidable violations on its worst.", best.policy, percent(best.worst))
	}
	best := slices.MinFunc(kept, func(a, b total) int { return cmp.Compare(a.hours, b.hours) })
	costs := fmt.Sprintf("%s would have cost %s on %s", best.policy, plainHours(best.hours), plural(best.traces, "trace"))
	if best.oracle > 0 {
		costs += fmt.Sprintf(", %s what a clairvoyant would have paid", multiple(best.hours/best.oracle))
	}
	costs += fmt.Sprintf(", with at most %s of avoidable violations", percent(best.worst))
	if len(all) > 1 {
		costs += fmt.Sprintf(": the cheapest of %d policies that keeps the objective", len(all))
	}
	return costs + "."
}

// total is what a policy came to over all traces.
type total struct {
	policy        string
	hours, oracle float64
	worst         float64
	traces        int
}

func (r Report) totals() []total {
	var all []total
	for _, policy := range r.policies() {
		t := total{policy: policy}
		for _, run := range averaged(r.Runs) {
			if run.Policy == policy {
				t.hours += run.ReplicaHours
				t.oracle += run.Oracle
				t.worst = max(t.worst, run.Avoidable)
				t.traces++
			}
		}
		if t.traces > 0 {
			all = append(all, t)
		}
	}
	return all
}

func plainHours(h float64) string { return number(h) + space + "replica-hours" }

// percentOf writes a share as a person would say it: no sign, few digits.
func percentOf(share float64) string {
	if share >= 0.1 {
		return grouped(share*100, 0) + space + "%"
	}
	return number(math.Round(share*1000)/10) + space + "%"
}

// times writes 33 × and 2.54 ×.
func times(v float64) string { return number(v) + space + "×" }

// round takes the dust off 1 − 0.999.
func round(v float64) float64 { return math.Round(v*1e9) / 1e9 }
