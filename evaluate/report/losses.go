package report

import (
	"cmp"
	"fmt"
	"slices"
)

// averaged puts the runs of one policy on one trace, as with several seeds,
// into one, in the order of their first.
func averaged(runs []Run) []Run {
	type key struct{ trace, policy string }
	index := map[key]int{}
	var sums []Run
	var counts []float64
	for _, run := range runs {
		k := key{run.Trace, run.Policy}
		i, known := index[k]
		if !known {
			i = len(sums)
			index[k] = i
			sums = append(sums, Run{Trace: run.Trace, Policy: run.Policy})
			counts = append(counts, 0)
		}
		sums[i].ReplicaHours += run.ReplicaHours
		sums[i].Oracle += run.Oracle
		sums[i].Avoidable += run.Avoidable
		counts[i]++
	}
	for i, n := range counts {
		sums[i].ReplicaHours /= n
		sums[i].Oracle /= n
		sums[i].Avoidable /= n
	}
	return sums
}

// ratio is the cost by the oracle's, 0 where that is unknown.
func (run Run) ratio() float64 {
	if run.Oracle <= 0 {
		return 0
	}
	return run.ReplicaHours / run.Oracle
}

// lossView is where one policy does worst, in words.
type lossView struct {
	Policy      int
	Name        string
	Costs, Late string
	Table       []lossRow
}

type lossRow struct{ Trace, Hours, Ratio, Avoidable, Kept string }

func (r Report) losses() []lossView {
	runs := averaged(r.Runs)
	var views []lossView
	for i, policy := range r.policies() {
		var own []Run
		for _, run := range runs {
			if run.Policy == policy {
				own = append(own, run)
			}
		}
		if len(own) > 0 {
			views = append(views, r.loss(i, policy, own))
		}
	}
	return views
}

func (r Report) loss(i int, policy string, runs []Run) lossView {
	v := lossView{Policy: i, Name: policy}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(b.ratio(), a.ratio()) })
	if worst := runs[0]; worst.ratio() > 0 {
		v.Costs = fmt.Sprintf("Dearest on %s: %s the oracle", worst.Trace, multiple(worst.ratio()))
		if len(runs) > 2 {
			v.Costs += fmt.Sprintf(" (median of its traces %s)", multiple(median(runs)))
		}
	}
	v.Late = r.late(runs)
	for _, run := range runs {
		row := lossRow{Trace: run.Trace, Hours: number(run.ReplicaHours) + space + "h", Ratio: unknown, Avoidable: percent(run.Avoidable), Kept: r.kept(run.Avoidable)}
		if run.ratio() > 0 {
			row.Ratio = multiple(run.ratio())
		}
		v.Table = append(v.Table, row)
	}
	return v
}

// median is that of the ratios of runs that are in their order.
func median(runs []Run) float64 {
	n := len(runs)
	return (runs[(n-1)/2].ratio() + runs[n/2].ratio()) / 2
}

// late says where most requests are avoidably late.
func (r Report) late(runs []Run) string {
	worst := slices.MaxFunc(runs, func(a, b Run) int { return cmp.Compare(a.Avoidable, b.Avoidable) })
	if worst.Avoidable == 0 {
		return "No request avoidably late on any trace"
	}
	text := fmt.Sprintf("Latest on %s: %s of the requests avoidably late", worst.Trace, percent(worst.Avoidable))
	may := round(1 - r.Objective.Target)
	if r.Objective.Target <= 0 || may <= 0 {
		return text
	}
	if worst.Avoidable <= may {
		return text + fmt.Sprintf(", within the %s that may be", percent(may))
	}
	broken := 0
	for _, run := range runs {
		if run.Avoidable > may {
			broken++
		}
	}
	return text + fmt.Sprintf(", %s what may be; the objective is broken on %d of %s", times(worst.Avoidable/may), broken, plural(len(runs), "trace"))
}

func (r Report) kept(avoidable float64) string {
	switch may := round(1 - r.Objective.Target); {
	case r.Objective.Target <= 0:
		return unknown
	case avoidable <= may:
		return "kept"
	default:
		return "broken"
	}
}

// topologyView is one way of balancing, against the one that was evaluated.
type topologyView struct {
	Policy, Name, Hours, Change, Avoidable string
	Current                                bool
}

func (r Report) topologies() (rows []topologyView, sentence string) {
	least := 0.0
	for _, t := range r.Topologies {
		row := topologyView{Policy: t.Policy, Name: t.Name, Hours: number(t.ReplicaHours) + space + "h", Avoidable: percent(t.Avoidable), Current: t.Current, Change: unknown}
		if now, ok := r.currentTopology(t.Policy); ok && !t.Current && now.ReplicaHours > 0 {
			by := t.ReplicaHours/now.ReplicaHours - 1
			row.Change = change(by)
			if by < least {
				least = by
				sentence = fmt.Sprintf("With %s instead of %s, %s would need %s fewer replica-hours.", t.Name, now.Name, t.Policy, percentOf(-by))
			}
		}
		rows = append(rows, row)
	}
	if sentence == "" && len(rows) > 0 {
		sentence = "No other way of balancing would need fewer replica-hours than the one that was evaluated."
	}
	return rows, sentence
}

func (r Report) currentTopology(policy string) (Topology, bool) {
	i := slices.IndexFunc(r.Topologies, func(t Topology) bool { return t.Current && t.Policy == policy })
	if i < 0 {
		return Topology{}, false
	}
	return r.Topologies[i], true
}
