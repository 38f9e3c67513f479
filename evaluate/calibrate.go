package evaluate

import (
	"math"
	"slices"
)

// Calibrated is one setting of a policy for every workload: chosen on the
// tuning traces, then applied to others.
type Calibrated struct {
	Level float64 `json:"level"`
	// Signal is the one that the policy was held to; empty: free to choose.
	Signal string `json:"signal,omitempty"`
	// Setting is the policy with its parameters.
	Setting string `json:"setting"`
	// Held says that it holds the level on each tuning trace. Otherwise no
	// setting does, and this one comes nearest.
	Held bool `json:"held"`
	// OverOracle is the geometric mean over the tuning traces of its
	// replica-hours over those of the oracle that meets the demand at every step.
	OverOracle float64 `json:"over_oracle"`
	// Tuning and Report are its points on each trace.
	Tuning []TracePoint `json:"tuning"`
	Report []TracePoint `json:"report,omitempty"`
}

// TracePoint is a point on a trace.
type TracePoint struct {
	Trace string `json:"trace"`
	Point
	// OverOracle is ReplicaHours over those of the oracle that meets the demand
	// at every step.
	OverOracle float64 `json:"over_oracle"`
}

// Calibrate chooses the one setting for all tuning traces: of those that hold
// the level of avoidable violations on each trace, the cheapest, by the
// geometric mean of its replica-hours over the oracle's, so that no trace counts
// for more than another because it is larger. Where none holds it on each, the
// one whose worst trace comes nearest. Only settings that were played on every
// trace count; false without any.
func Calibrate(tuning []Run, level float64) (Calibrated, bool) {
	traces, of := ByTrace(tuning)
	settings, order := map[string][]TracePoint{}, []string{}
	for _, trace := range traces {
		for _, p := range Pool(of[trace]) {
			if _, known := settings[p.Policy]; !known {
				order = append(order, p.Policy)
			}
			settings[p.Policy] = append(settings[p.Policy], TracePoint{trace, p, p.ReplicaHours / oracleHours(of[trace])})
		}
	}
	best, found := Calibrated{}, false
	nearest := math.Inf(1)
	for _, name := range order {
		points := settings[name]
		if len(points) != len(traces) {
			continue
		}
		c := Calibrated{Level: level, Setting: name, Tuning: points, OverOracle: geometricMean(points)}
		worst := worstViolation(points)
		c.Held = worst <= level
		if !found || better(c, worst, best, nearest) {
			best, nearest, found = c, worst, true
		}
	}
	return best, found
}

// better reports whether a is to be preferred: what holds the level before what
// does not, then the cheaper, or of those that do not hold it the nearer.
func better(a Calibrated, worstA float64, b Calibrated, worstB float64) bool {
	switch {
	case a.Held != b.Held:
		return a.Held
	case a.Held || worstA == worstB:
		return a.OverOracle < b.OverOracle
	default:
		return worstA < worstB
	}
}

func worstViolation(points []TracePoint) float64 {
	worst := 0.0
	for _, p := range points {
		worst = max(worst, p.Violations)
	}
	return worst
}

func geometricMean(points []TracePoint) float64 {
	sum := 0.0
	for _, p := range points {
		sum += math.Log(p.OverOracle)
	}
	return math.Exp(sum / float64(len(points)))
}

// oracleHours is what the oracle that meets the demand at every step pays for a
// trace, or else the bound with all slots always busy.
func oracleHours(runs []Run) float64 {
	hours, bound := 0.0, 0.0
	for _, r := range runs {
		hours += r.OracleEveryStepReplicaHours
		bound += r.LowerBoundReplicaHours
	}
	if hours == 0 {
		hours = bound
	}
	return hours / float64(len(runs))
}

// Apply fills in what the setting came to on other traces.
func (c *Calibrated) Apply(report []Run) {
	traces, of := ByTrace(report)
	c.Report = nil
	for _, trace := range traces {
		for _, p := range Pool(of[trace]) {
			if p.Policy == c.Setting {
				c.Report = append(c.Report, TracePoint{trace, p, p.ReplicaHours / oracleHours(of[trace])})
			}
		}
	}
}

// Hindsight is the best that any setting of a grid could have done on a trace,
// known only afterwards.
type Hindsight struct {
	Trace string  `json:"trace"`
	Level float64 `json:"level"`
	// Signal is the one that the grid was held to; empty: all of it.
	Signal string `json:"signal,omitempty"`
	// ReplicaHours are those of the frontier of all settings at the level; null
	// where none holds it.
	ReplicaHours *float64 `json:"replica_hours"`
	// Setting is the cheapest single one that holds the level, with its hours.
	Setting      string   `json:"setting,omitempty"`
	SettingHours *float64 `json:"setting_replica_hours,omitempty"`
}

// InHindsight tunes a grid of settings per trace.
func InHindsight(runs []Run, levels []float64) []Hindsight {
	var all []Hindsight
	traces, of := ByTrace(runs)
	for _, trace := range traces {
		points := Pool(of[trace])
		f := NewFrontier(points)
		for _, level := range levels {
			h := Hindsight{Trace: trace, Level: level, ReplicaHours: f.costAt(level)}
			for _, p := range points {
				if p.Violations <= level && (h.SettingHours == nil || p.ReplicaHours < *h.SettingHours) {
					h.Setting, h.SettingHours = p.Policy, new(p.ReplicaHours)
				}
			}
			all = append(all, h)
		}
	}
	return all
}

// Only returns the runs of the policies that keep keeps.
func Only(runs []Run, keep func(policy string) bool) []Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return !keep(r.Policy) })
}
