// Package sim plays a scenario on a virtual clock: requests one by one
// ([Events]) or as a fluid ([Fluid]), replicas that take time to start and to
// drain, measurements that are late, and a decider that sees only those. The
// decider is the live one, so that what is judged is what will run.
//
//	load ─► balancer ─► replicas ─► answers ─► Result
//	           │           ▲
//	           └ measured  │ SetReplicas
//	                ▼      │
//	           Observation ─► decider
package sim

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// World is a scenario that is being played. It has one owner.
type World interface {
	// Advance plays up to an instant counted from the start of the load. Time
	// never goes back.
	Advance(to time.Duration)
	// Observe returns what a planner would know now. Its slices are valid until
	// the next Advance.
	Observe() scale.Observation
	// SetReplicas asks for a count.
	SetReplicas(n int)
	// Result returns what the run came to so far. It is valid until the next Advance.
	Result() *Result
}

// Decider is what a [decide.Decider] does, and whatever else chooses counts.
type Decider interface {
	Decide(obs scale.Observation) scale.Decision
	Applied(at time.Time, from, to int)
}

// Options of a run.
type Options struct {
	// Decided, if any, is told each decision; what it is lent is valid only then.
	Decided func(obs scale.Observation, d scale.Decision)
}

// Run plays a world to its end with a decider, which is asked every Sync from a
// random phase on.
func Run(s *Scenario, w World, d Decider, o Options) *Result {
	decisions, actions := 0, 0
	for at := phase(s, "sync", s.Sync); at < s.Length(); at += s.Sync {
		w.Advance(at)
		obs := w.Observe()
		decision := d.Decide(obs)
		decisions++
		if o.Decided != nil {
			o.Decided(obs, decision)
		}
		if decision.Changes() {
			w.SetReplicas(decision.DesiredReplicas)
			d.Applied(obs.At, obs.CurrentReplicas, decision.DesiredReplicas)
			actions++
		}
	}
	w.Advance(s.Length())
	r := w.Result()
	r.Decisions, r.Actions = decisions, actions
	return r
}
