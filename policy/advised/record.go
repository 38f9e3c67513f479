package advised

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

// record is what advice was worth so far: Hedge (Freund, Schapire 1997) over two
// experts, the base and the advice alone, with what both would have cost known
// after each interval, whichever was followed. With A and B what they cost in an
// interval, in replica-seconds (package cost),
//
//	odds ← odds · exp(−η·(A − B)),   η = 1 / (5 min · replicas of the base)
//	weight = min(1, odds)
//
// Who would have been as good as the base is followed all the way, for what
// is half of a crowd's replicas avoids none of its violations; who would have
// been dearer in proportion. Nothing is charged while no advice is valid. Three
// numbers are chosen:
//
//   - at first the odds are one to two: nothing is known of the advice, and half of the
//     way is gone;
//   - η makes five minutes' worth of what the base costs an e-fold. Following somebody
//     who is no good then costs ∫ weight = 1/2 of that until it has faded, two and a half
//     minutes of the base: what an envelope of a twentieth lets be spent in an hour
//     (three minutes);
//   - a gain counts at most two e-folds an interval, so that no single
//     stroke of luck makes a prophet; losses count whole.
//
// Odds stay between 1 to 999 and 20 to 1 (projection, as of Herbster and Warmuth 2001):
// who was good for a month is forgotten when harm has cost twenty minutes of the base,
// and who was bad is heard again when what he says would have saved as much: three
// lucky intervals, as in a crowd that nobody saw coming, leave him below a half.
// Below a weight of 5 % advice is not followed at all: a hundredth of a very large wish
// would still be harm.
type record struct {
	sync    time.Duration
	promise scale.Objective
	tariff  *cost.Tariff
	f       cost.Interval
	recordMemory
}

// recordMemory is what is remembered.
type recordMemory struct {
	At    time.Time `json:"at,omitzero"` // of the newest decision; zero: nothing is running
	Odds  float64   `json:"odds"`        // their logarithm; 0: as good as the base
	Valid bool      `json:"valid,omitempty"`
	Unit  string    `json:"unit,omitempty"` // the signal that loads were last told by
	// Base and Advised are what each alone would have.
	Base    schedule `json:"base"`
	Advised schedule `json:"advised"`
	// Faded is since when the weight is 0; zero: it is not.
	Faded time.Time `json:"faded,omitzero"`
}

const (
	// patience is 1/η over the replicas of the base.
	patience = 5 * time.Minute
	// mostGain is the most that an interval can add to the logarithm of the odds.
	mostGain = 2
	// heard is the least weight that is followed.
	heard = 0.05
)

// Logarithms of odds: of 1 to 2, of 1 to 999, and of 20 to 1.
var firstOdds, leastOdds, mostOdds = -math.Ln2, -math.Log(999), math.Log(20)

func newRecord(o scale.Objective, sync time.Duration) *record {
	r := &record{sync: sync, promise: o, recordMemory: recordMemory{Odds: firstOdds}}
	r.tariff = r.newTariff()
	return r
}

func (r *record) newTariff() *cost.Tariff {
	return cost.NewTariff(1-r.promise.Target, r.promise.Window.Std())
}

// turn is a decision as the record sees it.
type turn struct {
	base, advised int
	valid         bool
	rate          float64 // of requests, or another load
	unit          string  // the signal that the load is from; "": nobody can price it
}

// service is what costs are counted by.
type service interface {
	cost.Service
	PerReplica() float64
	Startup() time.Duration
}

// decide prices the interval that ends now, and begins the next. What nobody
// measured is not charged, nor a gap.
func (r *record) decide(obs *scale.Observation, s service, t turn) {
	passed := obs.At.Sub(r.At)
	switch {
	case r.At.IsZero() || passed < 0 || passed > 4*r.sync:
		r.Base.begin(obs.CurrentReplicas)
		r.Valid = false
	case passed == 0:
		return // seen before
	}
	if t.unit != "" {
		r.countBy(t.unit)
		r.tariff.Observe(obs.At, t.rate)
		if r.Valid {
			r.charge(passed, t.rate, s)
		}
	}
	r.Base.want(obs.At, t.base)
	if !r.Valid {
		r.Advised.follow(&r.Base)
	}
	if t.valid {
		r.Advised.want(obs.At, t.advised)
	} else {
		r.Advised.follow(&r.Base)
	}
	r.At, r.Valid = obs.At, t.valid
	r.fade(obs.At)
}

// countBy has prices begin anew where loads are of another unit than before: the
// interval that ends is not charged.
func (r *record) countBy(unit string) {
	if r.Unit != "" && r.Unit != unit {
		r.tariff, r.Valid = r.newTariff(), false
	}
	r.Unit = unit
}

// pause ends what is running: nothing is decided.
func (r *record) pause() { r.At, r.Valid = time.Time{}, false }

// charge moves the odds by what an interval at a rate would have cost more with
// the advice alone than with the base alone.
func (r *record) charge(passed time.Duration, rate float64, s service) {
	r.f.Set(r.tariff.Terms(passed.Seconds(), rate, s.PerReplica()), s)
	middle := r.At.Add(passed / 2)
	more := r.cost(&r.Advised, middle, passed, s.Startup()) - r.cost(&r.Base, middle, passed, s.Startup())
	folds := more / (patience.Seconds() * float64(max(1, r.Base.Wanted)))
	if math.IsNaN(folds) {
		return
	}
	r.Odds -= max(folds, -mostGain)
	r.Odds = min(max(r.Odds, leastOdds), mostOdds)
}

// cost is what a schedule costs in the interval around an instant: all that it
// wants is paid, and those serve that were wanted for the start-up time.
func (r *record) cost(c *schedule, middle time.Time, passed, startup time.Duration) float64 {
	serving := c.serving(middle, startup)
	return r.f.Of(serving) + passed.Seconds()*float64(c.Wanted-serving)
}

// worth is the weight that the advice has by its record.
func (r *record) worth() float64 { return min(1, math.Exp(r.Odds)) }

// weight is how far of the way from the base to the advice is gone.
func (r *record) weight() float64 {
	if worth := r.worth(); worth >= heard {
		return worth
	}
	return 0
}

func (r *record) fade(at time.Time) {
	if r.weight() > 0 {
		r.Faded = time.Time{}
	} else if r.Faded.IsZero() {
		r.Faded = at
	}
}
