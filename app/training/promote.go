package training

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/rl/scaling"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// Held is the part of a history that nobody trains on.
type Held struct {
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Week     bool          `json:"week"` // a whole one; else the last third
	Recorded time.Duration `json:"-"`
}

func (h Held) String() string {
	what := "The last week"
	if !h.Week {
		what = fmt.Sprintf("The last third (%v; a week where three weeks or more are recorded)", scale.Duration(h.To.Sub(h.From).Round(time.Second)))
	}
	return fmt.Sprintf("%s of %v, from %s on,", what, scale.Duration(h.Recorded.Round(time.Second)), h.From.UTC().Format("2006-01-02 15:04"))
}

// Parts are a recorded load cut in two: one to learn from, one to be judged on.
type Parts struct {
	Held
	scenario sim.Scenario
	cut      time.Duration
}

const (
	week          = 7 * 24 * time.Hour
	leastRecorded = 30 * time.Minute
	leastPart     = 240 // decisions of a task
	mostTasks     = 64  // of a history
)

// Split cuts a scenario: the last week is held out where at least three are
// recorded, else the last third.
func Split(s sim.Scenario) (Parts, error) {
	length := s.Length()
	if length < leastRecorded {
		return Parts{}, fmt.Errorf("%v are recorded: at least %v are needed to learn from one part and be judged on another", scale.Duration(length.Round(time.Second)), scale.Duration(leastRecorded))
	}
	held := Held{Week: length >= 3*week, Recorded: length, To: s.Start.Add(length)}
	cut := length - length/3
	if held.Week {
		cut = length - week
	}
	cut = cut / s.Sync * s.Sync
	held.From = s.Start.Add(cut)
	return Parts{Held: held, scenario: s, cut: cut}, nil
}

// Allowed is the share of the requests that may violate.
func (p Parts) Allowed() float64 { return 1 - p.scenario.Objective.Target }

// Tasks are windows of the part to learn from, as it was and a little smaller and
// larger, on services a little slower and faster than the one that was measured.
// They are as many as the loads that are drawn, at most.
func (p Parts) Tasks(c Config) []scaling.Task {
	windows := int(max(1, min(p.cut/(leastPart*p.scenario.Sync), mostTasks)))
	each := p.cut / time.Duration(windows) / p.scenario.Sync * p.scenario.Sync
	var tasks []scaling.Task
	for i := range max(windows, min(c.Workloads.Count, mostTasks)) {
		s := p.scenario
		at := time.Duration(i%windows) * each
		s.Name, s.Seed = fmt.Sprintf("%s-%d", p.scenario.Name, i), c.Workloads.Seed<<20+uint64(i)
		s.Start, s.Gaps, s.Warmup, s.Replicas.Initial = s.Start.Add(at), nil, 0, 0
		factor := math.Pow(1.25, float64(i/windows%3)*math.Pow(-1, float64(i/windows)))
		s.Load = workload.Scale(workload.Clip(p.scenario.Load, at, at+each), factor)
		s.Replicas.Max = mostOf(s)
		tasks = append(tasks, scaling.Task{Family: "history", Scenario: s})
	}
	return tasks
}

// mostOf keeps the tables of the environment small: nobody asks for three times
// what the peak needs.
func mostOf(s sim.Scenario) int {
	peak := workload.Peak(s.Load) / s.Service.CapacityPerReplica()
	return min(s.Replicas.Max, max(s.Replicas.Min, int(3*peak)+6))
}

// Outcome is what a policy came to on what was held out.
type Outcome struct {
	// Cost is replica-hours, and avoidable violations at the tariff's price: as many as
	// are allowed cost one replica.
	Cost         float64 `json:"cost"`
	ReplicaHours float64 `json:"replicaHours"`
	Violations   float64 `json:"avoidableViolationRatio"`
	// Scored is the share of what was held out that was known well enough to count.
	Scored float64 `json:"scored"`
}

// Outcome plays a contestant on what was held out: it sees all that was before.
func (p Parts) Outcome(who evaluate.Contestant) (Outcome, error) {
	s := p.scenario
	s.Warmup = p.cut
	if s.Length() <= s.Warmup {
		return Outcome{}, errors.New("nothing is held out")
	}
	run, _, err := evaluate.Play(evaluate.Case{Trace: s.Name, Scenario: s, Fluid: true}, who, 1)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Cost:         run.ReplicaHours + run.AvoidableViolationRatio/p.Allowed()*run.HoursScored,
		ReplicaHours: run.ReplicaHours, Violations: run.AvoidableViolationRatio,
		Scored: run.HoursScored / (s.Length() - s.Warmup).Hours(),
	}, nil
}

// Rival is one whom a candidate has to beat.
type Rival struct {
	Name string
	Outcome
}

const (
	// leastGain is by how much a candidate must be cheaper: less is chance.
	leastGain = 0.001
	// leastScored is how much of what was held out must count: the rest are gaps of
	// which nobody knows what they would have cost.
	leastScored = 0.5
)

// Wins reports whether a candidate is cheaper than all rivals and violates no more
// than is allowed, or than they do; and says why. What is no number, or rests on
// less than half of what was held out, wins nothing.
func Wins(candidate Outcome, rivals []Rival, allowed float64) (bool, string) {
	if !(candidate.Scored >= leastScored) {
		return false, fmt.Sprintf("only %.3g %% of what was held out is known, at least %v %% must be", 100*candidate.Scored, 100*leastScored)
	}
	if !finite(candidate.Cost) || !finite(candidate.Violations) {
		return false, fmt.Sprintf("what it costs or violates is no number: %v, %v", candidate.Cost, candidate.Violations)
	}
	why := "it costs"
	for i, r := range rivals {
		if !(r.Cost > 0) {
			return false, fmt.Sprintf("%s costs %v on what was held out: nothing to be cheaper than", r.Name, r.Cost)
		}
		if !(candidate.Cost <= (1-leastGain)*r.Cost) {
			return false, fmt.Sprintf("it costs %.4f × what %s does, and must cost at most %v ×", candidate.Cost/r.Cost, r.Name, 1-leastGain)
		}
		if most := max(allowed, r.Violations); !(candidate.Violations <= most) {
			return false, fmt.Sprintf("it violates in %.3g %% of the requests, %.3g %% may, as with %s", 100*candidate.Violations, 100*most, r.Name)
		}
		if i > 0 {
			why += " and"
		}
		why += fmt.Sprintf(" %.4f × what %s does", candidate.Cost/r.Cost, r.Name)
	}
	return true, why + ", and keeps what they keep"
}

func finite(v float64) bool { return v-v == 0 }
