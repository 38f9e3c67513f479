package queueing_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/flyball-io/flyball/queueing"
)

// With one slot and exponential services the lines of two choices fall doubly
// exponentially: u_k = ρ^(2^k − 1) (Mitzenmacher 1996, with d = 2).
func TestLinesOfTwoChoices(t *testing.T) {
	for _, rho := range []float64{0.5, 0.9, 0.99} {
		u := queueing.TwoChoices(queueing.Service{Law: queueing.Exponential(1), Slots: 1, Topology: queueing.PowerOfTwo}, rho)
		for k := 0; k <= 4; k++ {
			want := math.Pow(rho, math.Exp2(float64(k))-1)
			near(t, fmt.Sprintf("load %v: at least %d", rho, k), u[k], want, 1e-6)
		}
	}
}

// The busy slots are those the load needs, however requests spread.
func TestTwoChoicesKeepTheLoad(t *testing.T) {
	for _, slots := range []int{1, 4, 16} {
		for _, rho := range []float64{0.4, 0.8, 0.95} {
			u := queueing.TwoChoices(queueing.Service{Law: queueing.Exponential(1), Slots: slots, Topology: queueing.PowerOfTwo}, rho)
			busy := 0.0
			for k := 1; k <= slots; k++ {
				busy += u[k]
			}
			near(t, fmt.Sprintf("busy slots of %d at %v", slots, rho), busy, rho*float64(slots), 1e-6)
		}
	}
}

// Every arrival counted, E_1/M/s is M/M/s and waits by Erlang's C; D/M/1, nearly
// reached with many phases, waits with the root of σ = e^−(1−σ)/ρ: at 0.8 it is
// 0.6287, at 0.5 it is 0.2032.
func TestWaitsOfRegularArrivals(t *testing.T) {
	for _, slots := range []int{1, 4, 16} {
		for _, rho := range []float64{0.3, 0.7, 0.95} {
			waits, _ := queueing.EveryXthWaits(1, slots, rho)
			near(t, fmt.Sprintf("E1/M/%d at %v", slots, rho), waits, queueing.ErlangC(slots, rho*float64(slots)), 1e-6)
		}
	}
	for rho, want := range map[float64]float64{0.8: 0.6287, 0.5: 0.2032} {
		waits, sigma := queueing.EveryXthWaits(100_000, 1, rho)
		near(t, "σ of D/M/1", sigma, want, 1e-3)
		near(t, "share that waits in D/M/1", waits, sigma, 1e-6)
	}
}

// Next to no load the exact formula's terms grow beyond all numbers.
func TestWaitsOfRegularArrivalsAtNextToNoLoad(t *testing.T) {
	for _, x := range []int{50, 1000} {
		if waits, _ := queueing.EveryXthWaits(x, 10, 0.003); waits != 0 {
			t.Errorf("%d replicas at 0.3 %%: a share of %v waits", x, waits)
		}
	}
}
