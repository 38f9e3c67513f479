package evaluate

import (
	"strings"

	"github.com/flyball-io/flyball/queueing"
)

// Balanced returns the cases once for each way of balancing, so that what
// another would change can be told: "nasa@random" is nasa under random.
func Balanced(cases []Case, topologies []queueing.Topology) []Case {
	var all []Case
	for _, c := range cases {
		for _, t := range topologies {
			other := c
			other.Scenario.Name = c.Scenario.Name
			if other.Scenario.Name == "" {
				other.Scenario.Name = c.Trace // the same arrivals as without another topology
			}
			other.Scenario.Service.Topology = t
			other.Trace = c.Trace + "@" + t.String()
			all = append(all, other)
		}
	}
	return all
}

// TopologyCost is what a policy costs at equal violations under one way of
// balancing.
type TopologyCost struct {
	Trace    string  `json:"trace"`
	Topology string  `json:"topology"`
	Family   string  `json:"policy"`
	Level    float64 `json:"level"`
	// ReplicaHours is null where no setting of the policy holds the level.
	ReplicaHours *float64 `json:"replica_hours"`
	// Ratio is ReplicaHours over those under the first topology; null where
	// either does not hold the level.
	Ratio *float64 `json:"ratio"`
}

// TopologyCosts tells what the policies cost under each way of balancing, from
// runs of cases that [Balanced] made. The first topology of a trace is what the
// others are set against.
func TopologyCosts(runs []Run, families Families, levels []float64) []TopologyCost {
	var all []TopologyCost
	first := map[string]*float64{}
	traces, of := ByTrace(runs)
	for _, name := range traces {
		trace, topology, balanced := cutLast(name, "@")
		if !balanced {
			continue
		}
		for _, family := range families.names(of[name]) {
			f := families.Frontier(of[name], family)
			for _, level := range levels {
				cost := TopologyCost{Trace: trace, Topology: topology, Family: family, Level: level, ReplicaHours: f.costAt(level)}
				key := trace + "\n" + family + "\n" + levelWords(level)
				if _, known := first[key]; !known {
					first[key] = cost.ReplicaHours
				}
				if base := first[key]; base != nil && cost.ReplicaHours != nil && *base > 0 {
					cost.Ratio = new(*cost.ReplicaHours / *base)
				}
				all = append(all, cost)
			}
		}
	}
	return all
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}
