package training

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/flyball-io/flyball/evaluate"
)

// Field is what was played to compare models, one for each seed of a training,
// with their base.
type Field struct {
	Runs []evaluate.Run
	// Models are the policies of the models as runs name them, Base that of the base
	// as it comes; Sweep are the base at all positions of its knob, Base among them
	// or not.
	Models []string
	Base   string
	Sweep  []string
	// Allowed is the share of a trace's requests that may violate.
	Allowed map[string]float64
	// Cluster names what traces have in common that are not independent.
	Cluster func(trace string) string
}

// Compared is what models come to on a group of loads, over their base on the same
// loads: geometric means over loads and then over models. Violations are over those
// allowed, means.
type Compared struct {
	Group string `json:"group"`
	Loads int    `json:"loads"`
	// LeftOut are loads besides, on which a play of a model or of the base failed.
	LeftOut        int       `json:"loads_left_out,omitempty"`
	BaseViolations float64   `json:"violations_of_base"`
	Violations     Estimate  `json:"violations"`
	Hours          Estimate  `json:"replica_hours_over_base"`
	Cost           Estimate  `json:"cost_over_base"`
	Equal          *Estimate `json:"replica_hours_at_equal_violations"` // nil: no position of the knob violates as much
	// EqualBase is the same of the base as it comes: what of Equal is not the model's.
	EqualBase *float64 `json:"replica_hours_of_base_at_equal_violations"`
	// Each are the figures of the models, in their order.
	Each []One `json:"models"`
	// Worst is the highest cost over the base's, of any model on any load.
	Worst     float64 `json:"worst_cost_over_base"`
	WorstLoad string  `json:"worst_load"`
}

// One is what one model comes to on a group.
type One struct {
	Violations float64  `json:"violations"`
	Hours      float64  `json:"replica_hours_over_base"`
	Cost       float64  `json:"cost_over_base"`
	Equal      *float64 `json:"replica_hours_at_equal_violations"`
}

// Estimate is a mean over models, and what 95 % of bootstrap resamples of models and
// of clusters of loads lie between.
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"ci95_low"`
	High float64 `json:"ci95_high"`
}

// outcome is what a policy came to on one load, all seeds together.
type outcome struct{ hours, violations, cost float64 }

// outcomes are those of all policies on all traces.
func (f Field) outcomes() map[string]map[string]outcome {
	all := map[string]map[string]outcome{}
	_, runs := evaluate.ByTrace(f.Runs)
	for trace, of := range runs {
		scored := of[0].HoursScored
		all[trace] = map[string]outcome{}
		for _, p := range evaluate.Pool(of) {
			v := p.Violations / f.Allowed[trace]
			// As many as are allowed cost one replica.
			all[trace][p.Policy] = outcome{p.ReplicaHours, v, p.ReplicaHours + v*scored}
		}
	}
	return all
}

// Compare compares the models with their base on the loads of a group. A play that
// failed costs nothing: loads on which any of these has no outcome are left out for
// all, and so are positions of the knob that have none on a load.
func (f Field) Compare(group string, traces []string) Compared {
	of := f.outcomes()
	played := func(policy string) func(trace string) bool {
		return func(trace string) bool { _, ok := of[trace][policy]; return ok }
	}
	asked := len(traces)
	for _, policy := range append([]string{f.Base}, f.Models...) {
		traces = only(traces, played(policy))
	}
	f.Sweep = only(f.Sweep, func(policy string) bool { return len(only(traces, played(policy))) == len(traces) })
	c := Compared{Group: group, Loads: len(traces), LeftOut: asked - len(traces)}
	if c.Loads == 0 {
		return c
	}
	for _, t := range traces {
		c.BaseViolations += of[t][f.Base].violations / float64(len(traces))
		for _, m := range f.Models {
			if over := of[t][m].cost / of[t][f.Base].cost; over > c.Worst {
				c.Worst, c.WorstLoad = over, t
			}
		}
	}
	whole := f.sum(of, f.Models, traces)
	c.Each = whole.each
	c.Violations.Mean, c.Hours.Mean, c.Cost.Mean = whole.violations, whole.hours, whole.cost
	if whole.equal != nil {
		c.Equal = &Estimate{Mean: *whole.equal}
	}
	c.EqualBase = f.sum(of, []string{f.Base}, traces).equal
	f.resample(&c, of, traces)
	return c
}

// only are those of a list that hold.
func only(list []string, holds func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !holds(s) })
}

// summary is what some models come to on some loads in the mean.
type summary struct {
	violations, hours, cost float64
	equal                   *float64
	each                    []One
}

// sum works out the means over models and loads; both may be there several times.
func (f Field) sum(of map[string]map[string]outcome, models, traces []string) summary {
	frontier := f.frontier(of, traces)
	var s summary
	n, equal, known := float64(len(models)), 0.0, 0
	for _, m := range models {
		p := f.point(of, m, traces)
		one := One{Violations: p.violations, Hours: p.hours, Cost: p.cost}
		if at, ok := frontier.CostAt(p.violations); ok {
			one.Equal = new(p.hours / at)
			equal, known = equal+math.Log(*one.Equal), known+1
		}
		s.violations, s.hours, s.cost = s.violations+p.violations/n, s.hours+math.Log(p.hours)/n, s.cost+math.Log(p.cost)/n
		s.each = append(s.each, one)
	}
	s.hours, s.cost = math.Exp(s.hours), math.Exp(s.cost)
	if known == len(models) {
		s.equal = new(math.Exp(equal / n))
	}
	return s
}

// point is a policy on some loads: hours and cost over those of the base, each load
// alike, and the mean of the violations.
func (f Field) point(of map[string]map[string]outcome, policy string, traces []string) outcome {
	var p outcome
	n := float64(len(traces))
	for _, t := range traces {
		own, base := of[t][policy], of[t][f.Base]
		p.hours += math.Log(own.hours/base.hours) / n
		p.cost += math.Log(own.cost/base.cost) / n
		p.violations += own.violations / n
	}
	p.hours, p.cost = math.Exp(p.hours), math.Exp(p.cost)
	return p
}

// frontier is what the base comes to on some loads by its knob.
func (f Field) frontier(of map[string]map[string]outcome, traces []string) evaluate.Frontier {
	var points []evaluate.Point
	for _, policy := range f.Sweep {
		p := f.point(of, policy, traces)
		points = append(points, evaluate.Point{Policy: policy, Violations: p.violations, ReplicaHours: p.hours})
	}
	return evaluate.NewFrontier(points)
}

// resamples is how often the bootstrap draws: both models and clusters of loads,
// with replacement, as many as there are.
const resamples = 2000

// resample fills in the intervals. What no position of the knob reaches in more than
// one of twenty resamples has none.
func (f Field) resample(c *Compared, of map[string]map[string]outcome, traces []string) {
	clusters := f.clusters(traces)
	random := rand.New(rand.NewPCG(1, uint64(len(traces))))
	var violations, hours, cost, equal []float64
	models := make([]string, len(f.Models))
	for range resamples {
		for i := range models {
			models[i] = f.Models[random.IntN(len(models))]
		}
		var drawn []string
		for range clusters {
			drawn = append(drawn, clusters[random.IntN(len(clusters))]...)
		}
		s := f.sum(of, models, drawn)
		violations, hours, cost = append(violations, s.violations), append(hours, s.hours), append(cost, s.cost)
		if s.equal != nil {
			equal = append(equal, *s.equal)
		}
	}
	c.Violations.between(violations)
	c.Hours.between(hours)
	c.Cost.between(cost)
	if c.Equal != nil && len(equal) >= resamples*19/20 {
		c.Equal.between(equal)
	}
}

// between sets the interval of resampled values.
func (e *Estimate) between(values []float64) {
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(share*float64(len(values)-1)+0.5)] }
	e.Low, e.High = at(0.025), at(0.975)
}

// clusters are the traces that belong together, in the order of their first.
func (f Field) clusters(traces []string) (all [][]string) {
	index := map[string]int{}
	for _, t := range traces {
		name := f.Cluster(t)
		i, known := index[name]
		if !known {
			i = len(all)
			index[name] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], t)
	}
	return all
}
