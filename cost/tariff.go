package cost

import (
	"encoding/json"
	"math"
	"time"
)

// Tariff is what things cost, in replica-seconds, where an objective allows a
// share of the requests to violate:
//
//	a replica for a second            1
//	an avoidable violation            1 / (allowed · mean rate)
//	adding a replica                  the time it takes to start, for which it is paid and does nothing
//
// So as many violations as are allowed cost as much as one replica. A replica is
// worth adding while it lowers the share that violates by more than what is
// allowed. Where violations vanish quickly with the number (one replica carries
// many requests within the threshold), that is the number at which the share falls
// to what is allowed, so the trade at the margin is at the objective.
//
//	99.9 %, 500 requests per second:  a violation costs 1 / (0.001 · 500) = 2 replica-seconds
//	of 500/s 2 ‰ violate with 12 replicas, 0.5 ‰ with 13: the 13th saves 0.75/s,
//	which is worth 1.5 replicas: it stays
//
// The mean is that of the objective's window (what is older weighs less), because
// that is where the share is judged: a violation costs the same in a trough and in a
// peak of one window. It is never below the present rate, nor below what one
// replica carries: a few requests at night are not worth more than a replica's.
// And a violation never costs less than serving four requests: where a thousand
// replicas are busy, as much as the objective allows is more than one of them, and to serve
// nobody would be cheapest.
type Tariff struct {
	allowed float64
	window  time.Duration
	memory  tariffMemory
}

// leastWorth is how many requests served cost as much as a violation at least.
const leastWorth = 4

type tariffMemory struct {
	At   time.Time `json:"at,omitzero"`
	Mean float64   `json:"mean"` // requests per second
	Rate float64   `json:"rate"` // the newest
}

// NewTariff returns the prices at which an allowed share of requests may
// violate, judged over a window.
func NewTariff(allowed float64, window time.Duration) *Tariff {
	return &Tariff{allowed: min(max(allowed, 1e-9), 1), window: max(window, time.Second)}
}

// Observe takes in the rate at an instant. What is no rate is left out.
func (t *Tariff) Observe(at time.Time, rate float64) {
	if !within(rate) {
		return
	}
	m := &t.memory
	if m.At.IsZero() || at.Before(m.At.Add(-time.Minute)) { // or the clock was set back
		m.Mean = rate
	}
	later := max(0, at.Sub(m.At).Seconds())
	m.Mean += (rate - m.Mean) * -math.Expm1(-later/t.window.Seconds())
	m.At = at
	m.Rate = rate
}

// Violation is the price of an avoidable violation where one replica carries
// so many requests per second.
func (t *Tariff) Violation(perReplica float64) float64 {
	perReplica = max(perReplica, 1e-9)
	return max(1/(t.allowed*max(t.memory.Mean, t.memory.Rate, perReplica)), leastWorth/perReplica)
}

// Terms are those of an interval at the present prices.
func (t *Tariff) Terms(seconds, rate, perReplica float64) Terms {
	return Terms{Seconds: seconds, Rate: rate, Violation: t.Violation(perReplica), PerReplica: perReplica}
}

// MarshalJSON writes what the tariff remembers.
func (t *Tariff) MarshalJSON() ([]byte, error) { return json.Marshal(t.memory) }

// UnmarshalJSON takes over the rates that another one remembered.
func (t *Tariff) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &t.memory) }
