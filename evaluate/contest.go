package evaluate

import (
	"math"
	"slices"
)

// Contest is what a candidate has to show: what it came to with its one default
// setting on every trace, beside everything else that was played there.
type Contest struct {
	// Candidate is the policy without its knob, Defaults its one setting as it
	// was played for each of the Levels: a policy that follows its objective is
	// told 99 % for the level of 1 %.
	Candidate string
	Levels    []float64
	Defaults  []string
	// Played holds the runs of Defaults, and the clairvoyant's schedules.
	Played Results
	// Rivals are all other runs, at all positions of the knobs and over the whole
	// grid of the HPA; those of the candidate's own knob may be among them.
	Rivals   []Run
	Families Families
	// Signal is what a setting of the HPA's grid scales on; empty for others.
	Signal func(policy string) string
	// OneSetting are settings of the HPA that were chosen on the tuning traces;
	// none where nothing was tuned.
	OneSetting []Calibrated
	// Cluster names what traces have in common that are not independent.
	Cluster func(trace string) string
}

// Showing is what the candidate came to on one trace at one level, and what
// there is to hold it against. Null is what no setting reaches.
type Showing struct {
	Trace string  `json:"trace"`
	Level float64 `json:"level"`
	// Point is the candidate's at its default setting. Held says that it keeps
	// the level.
	Point
	Held bool `json:"held"`
	// OracleEqual are the clairvoyant's hours at the candidate's own violations,
	// Oracle those at the level.
	OracleEqual float64  `json:"oracle_equal_replica_hours"`
	Oracle      *float64 `json:"oracle_replica_hours"`
	// Swept is the candidate's cost at the level by its knob.
	Swept *float64 `json:"swept_replica_hours"`
	// Tuned is the HPA with hindsight, by signal.
	Tuned []Tuned `json:"tuned,omitempty"`
	// OneSetting are the calibrated settings of the HPA.
	OneSetting []OneSetting `json:"one_setting,omitempty"`
	// Best is the causal rule that keeps the level for the fewest hours, known
	// afterwards: of all that was played, the candidate included.
	Best      string   `json:"best_causal,omitempty"`
	BestHours *float64 `json:"best_causal_replica_hours"`
}

// Tuned is what the HPA costs with the best setting for a trace.
type Tuned struct {
	Signal string `json:"signal"`
	// Level are its hours at the level, Equal those at the candidate's own
	// violations; that is null too where its boldest setting violates less.
	Level *float64 `json:"replica_hours"`
	Equal *float64 `json:"equal_replica_hours"`
}

// OneSetting is what a calibrated setting came to on a trace.
type OneSetting struct {
	Signal       string  `json:"signal,omitempty"` // empty: chosen over all signals
	ReplicaHours float64 `json:"replica_hours"`
	Violations   float64 `json:"avoidable_violation_ratio"`
}

// Showings are those on all traces at all levels.
func (c Contest) Showings() []Showing {
	var all []Showing
	traces, played := ByTrace(c.Played.Runs)
	_, rivals := ByTrace(c.Rivals)
	for _, trace := range traces {
		oracle := c.Played.clairvoyant(trace)
		frontiers := c.frontiers(append(slices.Clone(rivals[trace]), played[trace]...))
		for i, level := range c.Levels {
			own := Pool(Only(played[trace], func(policy string) bool { return policy == c.Defaults[i] }))
			if len(own) == 0 {
				continue
			}
			s := Showing{Trace: trace, Level: level, Point: own[0], Held: own[0].Violations <= level, Oracle: oracle.costAt(level)}
			// None at all counts as one in a million, as on frontiers.
			s.OracleEqual = oracle.ReplicaHours(max(s.Violations, leastViolations))
			s.against(frontiers, c.Candidate)
			s.OneSetting = c.oneSetting(trace, level)
			all = append(all, s)
		}
	}
	return all
}

// named is the frontier of a policy, or of the HPA's grid on a signal.
type named struct {
	name, signal string
	Frontier
}

// frontiers are those of the runs of one trace, without the clairvoyant's.
func (c Contest) frontiers(runs []Run) []named {
	var all []named
	for _, name := range c.Families.names(runs) {
		if kind, _, _ := cutLast(name, ":"); name == OracleFamily || kind == OracleFamily {
			continue
		}
		of := func(policy string) bool { return c.Families.Of(policy) == name }
		if f := NewFrontier(Pool(Only(runs, of))); len(f) > 0 && (c.Signal == nil || c.Signal(f[0].Policy) == "") {
			all = append(all, named{name: name, Frontier: f})
		}
	}
	if c.Signal == nil {
		return all
	}
	var signals []string
	for _, r := range runs {
		if s := c.Signal(r.Policy); s != "" && !slices.Contains(signals, s) {
			signals = append(signals, s)
		}
	}
	for _, signal := range signals {
		f := NewFrontier(Pool(Only(runs, func(policy string) bool { return c.Signal(policy) == signal })))
		all = append(all, named{"hpa on " + signal, signal, f})
	}
	return all
}

// against fills in what others cost.
func (s *Showing) against(frontiers []named, candidate string) {
	for _, f := range frontiers {
		hours := f.costAt(s.Level)
		if hours != nil && (s.BestHours == nil || *hours < *s.BestHours) {
			s.Best, s.BestHours = f.name, hours
		}
		if f.name == candidate {
			s.Swept = hours
		}
		if f.signal == "" {
			continue
		}
		t := Tuned{Signal: f.signal, Level: hours}
		if own := max(s.Violations, leastViolations); own <= max(f.Frontier[len(f.Frontier)-1].Violations, s.Level) {
			t.Equal = f.costAt(own)
		}
		s.Tuned = append(s.Tuned, t)
	}
}

func (c Contest) oneSetting(trace string, level float64) []OneSetting {
	var all []OneSetting
	for _, one := range c.OneSetting {
		i := slices.IndexFunc(one.Report, func(p TracePoint) bool { return p.Trace == trace })
		if one.Level == level && i >= 0 {
			all = append(all, OneSetting{one.Signal, one.Report[i].ReplicaHours, one.Report[i].Violations})
		}
	}
	return all
}

// tuned is the HPA with hindsight on a signal; empty: on whichever is cheaper.
func (s Showing) tuned(signal string) Tuned {
	best := Tuned{Signal: signal}
	for _, t := range s.Tuned {
		if signal == "" || t.Signal == signal {
			best.Level, best.Equal = fewer(best.Level, t.Level), fewer(best.Equal, t.Equal)
		}
	}
	return best
}

func fewer(a, b *float64) *float64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// bound is what the best causal rule costs over the clairvoyant; infinite where
// none keeps the level.
func (s Showing) bound() float64 {
	if s.BestHours == nil || s.Oracle == nil || *s.Oracle <= 0 {
		return math.Inf(1)
	}
	return *s.BestHours / *s.Oracle
}
