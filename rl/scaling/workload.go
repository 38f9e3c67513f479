package scaling

import (
	"time"

	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
)

// Workload is a scenario that was prepared for training: everything about each of
// its decisions that does not depend on what was decided before. The demand's
// forecast is most of it, and most of the time it takes to simulate.
//
// It is only read once it is prepared; any number of copies may play it.
type Workload struct {
	// Family is what kind of load it is: those held out for evaluation are told by it.
	Family   string
	Scenario sim.Scenario
	// Oracle is the cheapest schedule for the intervals between decisions, for one who
	// knows all rates, and OracleCost what it costs, in replica-seconds, avoidable
	// violations at the tariff's price included.
	Oracle     []int
	OracleCost float64

	law        *law
	topology   queueing.Topology
	moments    []moment
	first      int     // decision at which the base had an opinion first
	seconds    float32 // between decisions
	startup    float32 // seconds
	startupCV  float32
	drain      float32 // seconds within which the base wants a backlog to be gone
	least      int32
	most       int32
	allowed    float32 // share
	perAllowed float32 // 1 over it
	perReward  float32 // 1 over what the demand costs in an interval
	window     float32 // part of the objective's window that an interval is
	mean       float32 // of the counts the objective demands
}

// moment is a decision and the interval after it.
type moment struct {
	rate    float32 // mean of the interval, requests per second
	seen    float32 // of the newest measurement
	each    float32 // requests per second that a replica is believed to carry
	startup float32 // seconds it is believed to take
	need    int32   // replicas that the base wants for the forecast
	now     int32   // replicas that the newest measurement requires
	held    int32   // highest of these within the time a start takes
	peak    [3]float32
	far     [3]float32
	turns   [4]float32 // calendar
	stale   float32    // seconds
	price   float32    // of an avoidable violation, replica-seconds
	oracle  float32    // cost of the oracle's interval
}

// Decisions is how many there are.
func (w *Workload) Decisions() int { return len(w.moments) }

// Start is how many replicas there are at a decision where nobody decided before:
// as many as the base holds.
func (w *Workload) start(at int) int32 { return w.clamp(w.moments[at].held) }

func (w *Workload) clamp(n int32) int32 { return min(max(n, w.least), w.most) }

// calendar is the instant of a decision.
func calendar(s *sim.Scenario, at time.Duration) [4]float32 { return learned.Calendar(s.Start.Add(at)) }
