package cost

import "time"

// Billing is how replicas are paid. A replica is paid from its creation, which
// is Startup before it serves, to the end of its draining, which is Drain after
// it stopped to serve:
//
//	created            serves              stops            gone
//	   ├──── Startup ────┼───── x_t·Step ────┼──── Drain ─────┤
//
// Those that are there at the beginning were started before and are paid from
// then on; those that serve at the end are not drained. What the first steps
// need beyond them was created before the beginning, and is paid in full.
type Billing struct {
	Step           time.Duration // length of one step of a schedule
	Startup, Drain time.Duration
	// Switch is what adding a replica costs besides, in replica-seconds.
	Switch float64
}

// Of is the cost in replica-seconds of a schedule of replicas that serve, which
// begins at initial:
//
//	Σ x_t·Step + (Startup + Switch)·Σ (x_t − x_{t−1})⁺ + Drain·Σ (x_{t−1} − x_t)⁺
func (b Billing) Of(replicas []int, initial int) float64 {
	steps, up, down, before := 0, 0, 0, initial
	for _, x := range replicas {
		steps += x
		up += max(0, x-before)
		down += max(0, before-x)
		before = x
	}
	return float64(steps)*b.Step.Seconds() + float64(up)*b.up() + float64(down)*b.down()
}

func (b Billing) up() float64   { return b.Startup.Seconds() + b.Switch }
func (b Billing) down() float64 { return b.Drain.Seconds() }

// Bound is the least any schedule can cost that answers all requests: all slots
// busy all the time, Σ λ_t·Step · E[S]/slots, in replica-seconds. Rates are per
// second, the mean service in seconds.
func Bound(rates []float64, step time.Duration, mean float64, slots int) float64 {
	requests := 0.0
	for _, rate := range rates {
		requests += rate * step.Seconds()
	}
	return requests * mean / float64(slots)
}
