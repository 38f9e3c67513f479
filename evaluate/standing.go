package evaluate

import (
	"slices"
	"strconv"
)

// Families says which policies are settings of one: the name of a run's policy
// to that of the policy without its knob. What is not in it is its own family.
type Families map[string]string

// Of returns the family of a policy.
func (f Families) Of(policy string) string {
	if family, known := f[policy]; known {
		return family
	}
	return policy
}

// names lists the families of runs in order of appearance.
func (f Families) names(runs []Run) []string {
	var names []string
	for _, r := range runs {
		if name := f.Of(r.Policy); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Frontier is that of a family in the runs of one trace.
func (f Families) Frontier(runs []Run, family string) Frontier {
	return NewFrontier(Pool(slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return f.Of(r.Policy) != family })))
}

// Standing is what a policy costs on a trace at equal violations.
type Standing struct {
	Trace  string  `json:"trace"`
	Family string  `json:"policy"`
	Level  float64 `json:"level"`
	// ReplicaHours is null where no setting holds the level on this trace.
	ReplicaHours *float64 `json:"replica_hours"`
	// OverOracle is ReplicaHours over what the clairvoyant pays at the level.
	OverOracle *float64 `json:"over_oracle"`
	// Unexplored says that every setting holds the level: the policy would cost
	// less with one that is bolder than any that was played.
	Unexplored bool `json:"unexplored,omitempty"`
	// Violated says of a setting that was fixed before that it does not hold the
	// level on this trace; what it costs is told all the same.
	Violated bool `json:"violated,omitempty"`
	// Hypervolume is the part of the plane that the policy's settings dominate,
	// up to 10 % of violations and four times the replica-hours with all slots
	// always busy.
	Hypervolume float64 `json:"hypervolume"`
}

// Reference point of the hypervolume.
const (
	worstViolations = 0.1
	mostOverBound   = 4
)

// OracleFamily is the clairvoyant's name among families.
const OracleFamily = "oracle"

// Standings are those of all families on all traces at all levels. The
// clairvoyant's points come from its schedules as they were played.
func (r Results) Standings(families Families, levels []float64) []Standing {
	var all []Standing
	traces, of := ByTrace(r.Runs)
	for _, trace := range traces {
		oracle := r.clairvoyant(trace)
		names := slices.DeleteFunc(families.names(of[trace]), func(name string) bool { return name == OracleFamily })
		for _, family := range append(names, OracleFamily) {
			f := families.Frontier(of[trace], family)
			costAt := f.costAt
			if family == OracleFamily {
				f, costAt = oracle.frontier, oracle.costAt // all of its schedules, not only the one that was judged
			}
			if len(f) == 0 {
				continue
			}
			bound := of[trace][0].LowerBoundReplicaHours
			for _, level := range levels {
				s := Standing{Trace: trace, Family: family, Level: level, ReplicaHours: costAt(level), Hypervolume: f.Hypervolume(worstViolations, mostOverBound*bound)}
				s.Unexplored = family != OracleFamily && f[len(f)-1].Violations <= level
				if best := oracle.costAt(level); best != nil && s.ReplicaHours != nil && *best > 0 {
					s.OverOracle = new(*s.ReplicaHours / *best)
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// clairvoyant is that of a trace, all seeds together.
func (r Results) clairvoyant(trace string) *Clairvoyant {
	var runs []Run
	all := &Clairvoyant{}
	add := func(name string, seed uint64, c Certified) {
		runs = append(runs, Run{Policy: name, Knob: c.Theta, Seed: seed, Requests: c.Requests, AvoidableViolationRatio: c.AvoidableRatio, ReplicaHours: c.ReplicaHours})
	}
	for _, c := range r.Clairvoyants {
		if c.Trace != trace {
			continue
		}
		all.LeastReplicaHours = c.LeastReplicaHours
		add("oracle", c.Seed, c.EveryStep)
		for _, p := range c.Priced {
			add("oracle:theta="+strconv.FormatFloat(p.Theta, 'g', -1, 64), c.Seed, p)
		}
	}
	all.frontier = NewFrontier(Pool(runs))
	return all
}

// costAt is [Clairvoyant.ReplicaHours], nil where no schedule holds the level.
func (c *Clairvoyant) costAt(level float64) *float64 {
	if c.frontier.costAt(level) == nil {
		return nil
	}
	return new(c.ReplicaHours(level))
}

// costAt is [Frontier.CostAt], nil for none.
func (f Frontier) costAt(level float64) *float64 {
	if hours, ok := f.CostAt(level); ok {
		return &hours
	}
	return nil
}

// CompareAt sets each family against a reference at equal violations, paired by
// trace. Traces on which either does not hold the level are left out and
// counted.
func CompareAt(standings []Standing, reference string, level float64, cluster func(trace string) string, seed uint64) []FamilyComparison {
	base := map[string]*float64{}
	var families []string
	for _, s := range standings {
		if s.Level == level && s.Family == reference {
			base[s.Trace] = s.ReplicaHours
		}
		if !slices.Contains(families, s.Family) && s.Family != reference {
			families = append(families, s.Family)
		}
	}
	var all []FamilyComparison
	for _, family := range families {
		c := FamilyComparison{Candidate: family, Reference: reference, Level: level}
		var pairs []Pair
		for _, s := range standings {
			if s.Level != level || s.Family != family {
				continue
			}
			other := base[s.Trace]
			switch {
			case s.ReplicaHours == nil:
				c.CandidateFails = append(c.CandidateFails, s.Trace)
			case other == nil:
				c.ReferenceFails = append(c.ReferenceFails, s.Trace)
			default:
				pairs = append(pairs, Pair{cluster(s.Trace), *s.ReplicaHours, *other})
			}
		}
		if compared, ok := Compare(pairs, seed); ok {
			c.Comparison = &compared
		}
		all = append(all, c)
	}
	var tested []*Comparison
	for _, c := range all {
		if c.Comparison != nil {
			tested = append(tested, c.Comparison)
		}
	}
	Holm(tested)
	return all
}

// FamilyComparison is a policy against another at equal violations.
type FamilyComparison struct {
	Candidate string  `json:"candidate"`
	Reference string  `json:"reference"`
	Level     float64 `json:"level"`
	// Comparison is null where no trace has both.
	*Comparison
	// CandidateFails are the traces on which no setting of the candidate holds
	// the level, ReferenceFails those on which only the reference has none.
	CandidateFails []string `json:"candidate_fails,omitempty"`
	ReferenceFails []string `json:"reference_fails,omitempty"`
}

func levelWords(level float64) string { return strconv.FormatFloat(level*100, 'g', -1, 64) + " %" }

// Summary is what a policy costs at equal violations over all traces.
type Summary struct {
	Family string  `json:"policy"`
	Level  float64 `json:"level"`
	// Held is on how many of the Traces a setting holds the level.
	Held   int `json:"held"`
	Traces int `json:"traces"`
	// Median and Worst are over the oracle at the level, of the traces held; null
	// where there is none.
	Median     *float64 `json:"median_over_oracle"`
	Worst      *float64 `json:"worst_over_oracle"`
	WorstTrace string   `json:"worst_trace,omitempty"`
	// Hypervolume is the mean over traces.
	Hypervolume float64 `json:"hypervolume"`
}

// SumUp puts the standings at a level together over traces, in the order of
// families.
func SumUp(standings []Standing, level float64) []Summary {
	var all []Summary
	ratios := map[string][]float64{}
	for _, s := range standings {
		if s.Level != level {
			continue
		}
		i := slices.IndexFunc(all, func(other Summary) bool { return other.Family == s.Family })
		if i < 0 {
			i = len(all)
			all = append(all, Summary{Family: s.Family, Level: level})
		}
		sum := &all[i]
		sum.Traces++
		sum.Hypervolume += s.Hypervolume
		if s.ReplicaHours != nil && !s.Violated {
			sum.Held++
		}
		if over := s.OverOracle; over != nil {
			ratios[s.Family] = append(ratios[s.Family], *over)
			if sum.Worst == nil || *over > *sum.Worst {
				sum.Worst, sum.WorstTrace = new(*over), s.Trace
			}
		}
	}
	for i := range all {
		all[i].Hypervolume /= float64(all[i].Traces)
		if of := ratios[all[i].Family]; len(of) > 0 {
			slices.Sort(of)
			all[i].Median = new(quantile(of, 0.5))
		}
	}
	return all
}
