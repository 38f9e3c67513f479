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

// sentence says what the candidate would have cost, and what it would have
// broken for that.
func (c Comparison) sentence(o Objective) string {
	hours, ok := c.row("replica_hours")
	if !ok {
		return fmt.Sprintf("%s against %s: the table tells them apart metric by metric.", c.Candidate, c.Baseline)
	}
	e := hours.improvement()
	var costs string
	switch {
	case math.IsNaN(e.Value):
		return fmt.Sprintf("%s cost nothing here, %s %s.", c.Baseline, c.Candidate, metric(hours.Key).Unit.write(hours.Candidate, ""))
	case hours.verdict() == same && hours.Improvement != nil:
		costs = fmt.Sprintf("%s would have cost about as much as %s (from %s less to %s more is within the noise)",
			c.Candidate, c.Baseline, percentOf(max(0, e.High)), percentOf(max(0, -e.Low)))
	case e.Value >= 0:
		costs = fmt.Sprintf("%s would have cost %s less than %s", c.Candidate, percentOf(e.Value), c.Baseline)
	case e.Value < -1:
		costs = fmt.Sprintf("%s would have cost %s as much as %s", c.Candidate, times(1-e.Value), c.Baseline)
	default:
		costs = fmt.Sprintf("%s would have cost %s more than %s", c.Candidate, percentOf(-e.Value), c.Baseline)
	}
	if c.Basis != "" {
		return costs + " " + c.Basis + "."
	}
	return costs + c.violations(o) + "."
}

// violations says what the two broke, for a sentence about cost.
func (c Comparison) violations(o Objective) string {
	v, ok := c.row("avoidable_violation_ratio")
	may := 1 - o.Target
	switch {
	case !ok:
		return ""
	case v.Baseline == v.Candidate:
		return fmt.Sprintf(", at the same %s of avoidable violations", percent(v.Candidate))
	case o.Target > 0 && max(v.Baseline, v.Candidate) <= may:
		return fmt.Sprintf(", both within the %s of violations that may be", percent(round(may)))
	default:
		return fmt.Sprintf(", with %s instead of %s of avoidable violations", percent(v.Candidate), percent(v.Baseline))
	}
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
