package guard

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

var (
	_ Guard   = (*Budget)(nil)
	_ Spender = (*Budget)(nil)
)

// BudgetConfig says what replicas cost and may cost in a day.
type BudgetConfig struct {
	PerReplicaHour float64
	PerDay         float64
	// Hard is true when the budget is stronger than the objective.
	Hard bool
	// Min is the count that is always paid for.
	Min int
	// Objective is nil without one.
	Objective *scale.Objective
	// Sync is the time between two decisions.
	Sync time.Duration
	// Zone says when a day begins; nil is UTC.
	Zone *time.Location
}

// Budget keeps the cost of a calendar day within a budget. What the minimum
// will cost until midnight is set aside from the beginning; the rest pays for
// replicas beyond it, whenever they are wanted: there is no pacing, a peak may
// be paid in the morning.
//
//	0.04 per replica-hour, 20 a day, at least 2:  2 × 24 h × 0.04 =  1.92 set aside
//	                                              the rest        = 18.08 = 452 replica-hours beyond the minimum
//	12 replicas from midnight are 10 beyond it:   452 h ÷ 10      = all day, with 212 h to spare
//	40 replicas from midnight are 38 beyond it:   452 h ÷ 38      = reached at 11:53
//
// A count that the rest pays for until the next decision is allowed; when it
// pays for nothing beyond the minimum the budget is reached. The count then
// falls to the minimum at once if the budget is hard. If it is not, users come
// first: with an objective one replica goes per decision, and none while the
// objective is violated or not measured.
type Budget struct {
	cfg    BudgetConfig
	memory budgetMemory
}

// budgetMemory counts replica-hours, not money: another price or budget finds
// what was used today.
type budgetMemory struct {
	Midnight time.Time `json:"midnight,omitzero"` // the day's beginning; zero: nothing seen yet
	Hours    float64   `json:"hours"`             // used since
	At       time.Time `json:"at,omitzero"`       // up to when it is counted
	Replicas int       `json:"replicas"`          // specified since
	Reached  time.Time `json:"reached,omitzero"`  // since when the budget is; zero: it is not
	AtRisk   time.Time `json:"atRisk,omitzero"`   // since when the current count would reach it
}

// NewBudget returns a guard that has seen nothing spent yet.
func NewBudget(cfg BudgetConfig) *Budget {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	cfg.Sync = max(cfg.Sync, time.Millisecond) // it is divided by
	return &Budget{cfg: cfg}
}

// Unconditional makes the budget hold without data too, and count on.
func (*Budget) Unconditional() {}

// Name of the guard.
func (*Budget) Name() string { return "budget" }

// Limit counts what was used since the last observation and keeps want within
// what the rest pays for.
func (b *Budget) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	b.count(obs.At)
	b.memory.Replicas = obs.CurrentReplicas
	paid := b.affordable(obs.At)
	b.note(&obs, paid)
	limit := max(paid, b.floor(&obs))
	if want <= limit {
		return want, scale.Reason{}
	}
	return limit, scale.Because("BudgetReached", "{0} instead of {1}: {2} of {3} spent, the rest pays for the minimum of {4} until {n}, in {5s}",
		float64(limit), float64(want), cents(b.spent()), b.cfg.PerDay, float64(b.cfg.Min), b.left(obs.At).Seconds()).About(b.end())
}

// count integrates the last known count up to an instant. A new day begins
// with nothing spent; what a gap reaches over counts from midnight on. When
// the clock is set back the time in between is not counted.
func (b *Budget) count(at time.Time) {
	m, midnight := &b.memory, midnight(at, b.cfg.Zone)
	if m.Midnight.IsZero() || m.Midnight.Sub(midnight) > 25*time.Hour { // the clock was days ahead
		*m = budgetMemory{Midnight: midnight, At: at, Replicas: m.Replicas}
		return
	}
	from := m.At
	if midnight.After(m.Midnight) {
		m.Midnight, m.Hours = midnight, 0
		from = later(from, midnight)
	}
	if at.After(from) {
		m.Hours += at.Sub(from).Hours() * float64(m.Replicas)
	}
	m.At = at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// midnight is the beginning of the day of an instant.
func midnight(at time.Time, zone *time.Location) time.Time {
	y, m, d := at.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// left is the time until the day ends; a day of 23 or 25 hours is one.
func (b *Budget) left(at time.Time) time.Duration {
	y, m, d := b.memory.Midnight.In(b.cfg.Zone).Date()
	return max(0, time.Date(y, m, d+1, 0, 0, 0, 0, b.cfg.Zone).Sub(at))
}

func (b *Budget) end() string {
	if b.cfg.Zone == time.UTC {
		return "midnight UTC"
	}
	return "midnight"
}

// Spent is what the newest observation had cost since midnight, of what it may.
func (b *Budget) Spent() (today, perDay float64) { return b.spent(), b.cfg.PerDay }

func (b *Budget) spent() float64 { return b.memory.Hours * b.cfg.PerReplicaHour }

// free is how many replica-hours beyond the minimum are left.
func (b *Budget) free(at time.Time) float64 {
	return b.cfg.PerDay/b.cfg.PerReplicaHour - b.memory.Hours - float64(b.cfg.Min)*b.left(at).Hours()
}

// affordable is the highest count that is paid for until the next decision.
func (b *Budget) affordable(at time.Time) int {
	beyond := math.Floor(b.free(at) / b.cfg.Sync.Hours())
	return b.cfg.Min + int(min(max(0, beyond), math.MaxInt32))
}

// note remembers since when the budget is reached or at risk.
func (b *Budget) note(obs *scale.Observation, paid int) {
	b.memory.Reached = since(b.memory.Reached, obs.At, paid <= b.cfg.Min)
	b.memory.AtRisk = since(b.memory.AtRisk, obs.At, b.lasts(obs) < b.left(obs.At).Hours())
}

// since is when something began to hold; zero while it does not.
func since(began, at time.Time, holds bool) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case began.IsZero():
		return at
	}
	return began
}

// lasts is for how many hours the budget pays for the current count.
func (b *Budget) lasts(obs *scale.Observation) float64 {
	if obs.CurrentReplicas <= b.cfg.Min {
		return math.Inf(1)
	}
	return b.free(obs.At) / float64(obs.CurrentReplicas-b.cfg.Min)
}

// floor is what a budget that is not hard leaves to the objective: the current
// count while it is violated or in doubt, else one less. Who waits for a
// replica gets one, and the last one stays while requests come: taking it
// would violate the objective at once.
func (b *Budget) floor(obs *scale.Observation) int {
	if b.cfg.Hard || b.cfg.Objective == nil {
		return 0
	}
	_, measured := obs.Last(scale.ViolationRatio)
	switch idle := obs.Idle(); {
	case obs.Waiting():
		return max(1, obs.CurrentReplicas)
	case !measured && !idle, violated(obs, b.cfg.Objective), obs.CurrentReplicas == 1 && !idle:
		return obs.CurrentReplicas
	}
	return obs.CurrentReplicas - 1
}

// Condition says that the budget is reached, or when it will be at this rate.
func (b *Budget) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	if !b.memory.Reached.IsZero() {
		return b.memory.Reached, scale.Because("BudgetReached", "{0} of {1} spent, the rest pays for the minimum of {2} until {n}, in {3s}",
			cents(b.spent()), b.cfg.PerDay, float64(b.cfg.Min), b.left(obs.At).Seconds()).About(b.end()), true
	}
	if b.memory.AtRisk.IsZero() {
		return time.Time{}, scale.Reason{}, false
	}
	at := obs.At.Add(time.Duration(b.lasts(&obs) * float64(time.Hour))).Round(time.Second).In(b.cfg.Zone)
	return b.memory.AtRisk, scale.Because("BudgetAtRisk", "{0} of {1} spent; at {2 replica} the budget is reached at {3t}",
		cents(b.spent()), b.cfg.PerDay, float64(obs.CurrentReplicas), float64(at.Hour()*3600+at.Minute()*60)), true
}

// cents rounds an amount for the reader.
func cents(v float64) float64 { return math.Round(v*100) / 100 }

// Applied counts from the new count on.
func (b *Budget) Applied(at time.Time, _, to int) {
	if !at.Before(b.memory.At) {
		b.count(at)
		b.memory.Replicas = to
	}
}

// budgetKey is the configuration that a memory depends on.
type budgetKey struct {
	Zone string `json:"zone"`
}

// Snapshot returns what was used today.
func (b *Budget) Snapshot() ([]byte, error) {
	return scale.Seal("guard/budget", 1, budgetKey{b.cfg.Zone.String()}, b.memory)
}

// Restore takes over what was used today.
func (b *Budget) Restore(s []byte) error {
	var memory budgetMemory
	if err := scale.Unseal(s, "guard/budget", 1, budgetKey{b.cfg.Zone.String()}, &memory); err != nil {
		return err
	}
	b.memory = memory
	return nil
}
