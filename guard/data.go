package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*Data)(nil)

// Data never scales down on bad data: while one of Signals is not fresh, the
// count may rise but not fall. A source that fails therefore never looks like
// a load of zero.
type Data struct {
	// Signals are the ones the policy decides on.
	Signals []string
}

// Name of the guard.
func (*Data) Name() string { return "data" }

// Limit holds the count against scale-down while a signal is in doubt.
func (d *Data) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	if want >= obs.CurrentReplicas {
		return want, scale.Reason{}
	}
	for _, name := range d.Signals {
		trust := scale.Absent
		if s := obs.Signal(name); s != nil {
			trust = s.Trust
		}
		if trust != scale.Fresh {
			return obs.CurrentReplicas, doubt(trust).About(name)
		}
	}
	return want, scale.Reason{}
}

func doubt(trust scale.Trust) scale.Reason {
	switch trust {
	case scale.Stale:
		return scale.Because("StaleData", "no scale-down while {n} is stale")
	case scale.Implausible:
		return scale.Because("ImplausibleData", "no scale-down while {n} is implausible")
	default:
		return scale.Because("NoData", "no scale-down without {n}")
	}
}

// Applied changes nothing: the rule has no memory.
func (*Data) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (d *Data) Snapshot() ([]byte, error) { return scale.Seal("guard/data", 1, d, struct{}{}) }

// Restore checks that the snapshot fits.
func (d *Data) Restore(s []byte) error { return scale.Unseal(s, "guard/data", 1, d, &struct{}{}) }
