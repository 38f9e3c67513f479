package control

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/scale"
)

// silentRounds is how many rounds a monitor may miss before that is a fault.
const silentRounds = 3

// Gatherer puts the reports of all monitors of one target together, so that who
// listens hears of each round once, as if there were one monitor.
//
//	executor  counts   ┐
//	balancer  samples  ├─► one report, once all have said something
//	monitor   samples  ┘
type Gatherer struct {
	Parts bus.Topic[Report]
	Whole bus.Topic[Report]
	Log   *slog.Logger

	round  map[string]Report            // by monitor: what was said since the last whole report
	missed map[string]int               // by monitor: rounds since it said anything
	beside map[string][]scale.Condition // by monitor: what lasts beside the target
	since  *Report                      // the counts of a change that was told after those of the round; nil: none was
}

// Run gathers until ctx is done.
func (g *Gatherer) Run(ctx context.Context) error {
	g.round, g.missed, g.beside = map[string]Report{}, map[string]int{}, map[string][]scale.Condition{}
	parts, err := g.Parts.Subscribe(ctx)
	if err != nil {
		return err
	}
	for r := range parts {
		for _, whole := range g.take(r) {
			if err := g.Whole.Publish(ctx, whole); err != nil && ctx.Err() == nil {
				g.Log.Error("report lost", slog.String("target", r.Target), slog.Any("error", err))
			}
		}
	}
	return nil
}

// take adds a part and returns what is whole now. A change of the target is
// told at once; a round ends when all have said something, or one begins the
// next.
func (g *Gatherer) take(r Report) (whole []Report) {
	if g.beside[r.By] = r.Conditions; !r.Measured {
		if r.Status != nil {
			counts := r
			g.since = &counts
		}
		g.lasting(&r)
		return []Report{r}
	}
	if _, again := g.round[r.By]; again {
		whole = append(whole, g.end())
	}
	if r.Status != nil {
		g.since = nil
	}
	g.round[r.By], g.missed[r.By] = r, 0
	for by := range g.missed {
		if _, said := g.round[by]; !said {
			return whole
		}
	}
	return append(whole, g.end())
}

// end puts a round together and begins the next. The counts are dated: they say
// when the whole was seen.
func (g *Gatherer) end() Report {
	var whole Report
	for _, by := range slices.Sorted(maps.Keys(g.missed)) {
		r, said := g.round[by]
		if !said {
			if g.missed[by]++; g.missed[by] >= silentRounds {
				delete(g.beside, by) // nobody knows
				whole.Faults = append(whole.Faults, Fault{From: "role " + by, Error: "it has not reported lately"})
			}
			continue
		}
		whole.Target, whole.Measured = r.Target, true
		if r.Status != nil {
			whole.Status = r.Status
		}
		if r.Status != nil || (whole.Status == nil && r.At.After(whole.At)) {
			whole.At = r.At
		}
		whole.Samples = append(whole.Samples, r.Samples...)
		whole.Faults = append(whole.Faults, r.Faults...)
		if r.Carried != nil {
			whole.Carried = r.Carried
		}
	}
	clear(g.round)
	if g.since != nil && whole.Status != nil { // what was told already is not taken back
		whole.Status, whole.At = g.since.Status, g.since.At
	}
	g.lasting(&whole)
	return whole
}

// lasting adds what lasts beside the target to what its own monitor says.
func (g *Gatherer) lasting(r *Report) {
	if r.Conditions = nil; r.Status == nil {
		return
	}
	for _, by := range slices.Sorted(maps.Keys(g.beside)) {
		r.tell(g.beside[by])
	}
}
