package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = Wake{}

// Wake keeps one replica for requests that wait. A service at zero replicas
// has nothing to measure, so most policies would let it sleep for ever: no
// processor is used where there is no replica. That somebody waits needs no
// policy to understand, and is stronger than what is in doubt, cools down or
// is limited in its rate: none of these was meant to leave requests without
// any replica. One replica is enough; the policy sees from there.
//
// Only what an operator said of the service itself is stronger: a time at
// which it is to have none, a budget, the bounds.
type Wake struct {
	// Closed reports that the operator wants no replica at this time, whoever
	// waits; nil: never.
	Closed func(scale.Observation) bool
}

// Unconditional makes requests that wait heard without data too.
func (Wake) Unconditional() {}

// Name of the guard.
func (Wake) Name() string { return "wake" }

// Limit raises a want of none to one while requests wait. It does so also
// while there still are replicas: the one that was woken must not be taken
// before it is ready.
func (w Wake) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	if want > 0 || !obs.Waiting() || (w.Closed != nil && w.Closed(obs)) {
		return want, scale.Reason{}
	}
	waiting, _ := obs.Last(scale.QueueDepth)
	return 1, scale.Because("RequestsWaiting", "1 instead of {0}: {1 request} waiting for a replica", float64(want), waiting)
}

// Applied changes nothing: the rule has no memory.
func (Wake) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (Wake) Snapshot() ([]byte, error) { return scale.Seal("guard/wake", 1, nil, struct{}{}) }

// Restore checks that the snapshot fits.
func (Wake) Restore(s []byte) error { return scale.Unseal(s, "guard/wake", 1, nil, &struct{}{}) }
