package main

import (
	"math"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/evaluate"
)

// candidate is the policy that targets are judged for.
type candidate struct {
	family string // empty: there is none
	text   string // as the protocol has it
	knob   bool
	// defaults are its one setting for each level, as it was played.
	defaults    []string
	contestants []evaluate.Contestant
}

// candidate makes the protocol's. For each level it is told the objective that
// the level leaves: a policy that follows its objective cannot know otherwise
// that 1 % may be violated.
func (f *evaluateFlags) candidate(p evaluate.Protocol) (candidate, error) {
	c := candidate{family: p.Candidate, text: p.Candidate}
	if p.Candidate == "" {
		return c, nil
	}
	if s, err := f.contestants.Sweep(p.Candidate); err == nil {
		c.family, c.knob = s.Family, true
	}
	for _, level := range p.Levels {
		one, err := f.contestants.Parse(told(p.Candidate, 1-level, p.Objective.Target/100))
		if err != nil {
			return c, err
		}
		c.defaults, c.contestants = append(c.defaults, one.Name()), append(c.contestants, one)
	}
	return c, nil
}

// told is a policy that is told a target, unless that is the scenario's own.
func told(policy string, target, own float64) string {
	if math.Abs(target-own) < 1e-9 {
		return policy
	}
	separator := ":"
	if strings.Contains(policy, ":") {
		separator = ","
	}
	return policy + separator + "objective.target=" + v1alpha1.Percentage(math.Round(target*1e9)/1e9).String()
}

// asItComes is the candidate that is told the scenario's own objective.
func (c candidate) asItComes() []evaluate.Contestant {
	return slices.DeleteFunc(slices.Clone(c.contestants), func(one evaluate.Contestant) bool { return one.Name() != c.text })
}

// swept adds the candidate to those whose knobs are turned, unless it is among
// them.
func (f *evaluateFlags) swept(texts []string, c candidate) []string {
	if !c.knob {
		return texts
	}
	for _, text := range texts {
		if s, err := f.contestants.Sweep(text); err == nil && s.Family == c.family {
			return texts
		}
	}
	return append(slices.Clone(texts), c.text)
}

// addMissing adds those who do not play yet.
func (j *job) addMissing(contestants []evaluate.Contestant) {
	j.contestants = slices.Clone(j.contestants)
	for _, c := range contestants {
		if !slices.ContainsFunc(j.contestants, func(other evaluate.Contestant) bool { return other.Name() == c.Name() }) {
			j.contestants = append(j.contestants, c)
		}
	}
}

// judge tells what the candidate has shown. played are the runs of its one
// setting among others, rivals those of all knobs and of the grid.
func (c candidate) judge(played evaluate.Results, rivals []evaluate.Run, families evaluate.Families, levels []float64, one []evaluate.Calibrated, cluster func(string) string) *evaluate.Targets {
	played.Runs = evaluate.Only(played.Runs, func(policy string) bool { return slices.Contains(c.defaults, policy) })
	known := evaluate.Families{}
	for policy, family := range families {
		known[policy] = family
	}
	for _, name := range c.defaults {
		known[name] = c.family
	}
	t := evaluate.Contest{
		Candidate: c.family, Levels: levels, Defaults: c.defaults, Played: played, Rivals: rivals,
		Families: known, Signal: signalOf, OneSetting: one, Cluster: cluster,
	}.Judge()
	return &t
}

// signalOf is what a setting of the HPA scales on; empty for other policies.
func signalOf(policy string) string {
	kind, params, _ := strings.Cut(policy, ":")
	if kind != reference {
		return ""
	}
	for _, signal := range []string{"requestRate", "concurrency"} {
		if strings.Contains(params, signal+"=") {
			return signal
		}
	}
	return "cpuUtilization"
}
