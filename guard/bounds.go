package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = Bounds{}

// Bounds keeps the count between Min and Max, whatever anybody wants. It is
// the last guard.
type Bounds struct{ Min, Max int }

// Unconditional makes bounds hold without data too.
func (Bounds) Unconditional() {}

// Name of the guard.
func (Bounds) Name() string { return "bounds" }

// Limit clamps want.
func (b Bounds) Limit(_ scale.Observation, want int) (int, scale.Reason) {
	switch {
	case want < b.Min:
		return b.Min, scale.Because("TooFewReplicas", "{0} is below the minimum of {1}", float64(want), float64(b.Min))
	case want > b.Max:
		return b.Max, scale.Because("TooManyReplicas", "{0} is above the maximum of {1}", float64(want), float64(b.Max))
	}
	return want, scale.Reason{}
}

// Applied changes nothing: the rule has no memory.
func (Bounds) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (b Bounds) Snapshot() ([]byte, error) { return scale.Seal("guard/bounds", 1, b, struct{}{}) }

// Restore checks that the snapshot fits.
func (b Bounds) Restore(s []byte) error { return scale.Unseal(s, "guard/bounds", 1, b, &struct{}{}) }
