package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = (*Data)(nil)

// Data keeps doubtful data from deciding: while one of Signals is not fresh,
// what Trust says of its state happens; unless told otherwise the count may
// rise but not fall. A source that fails therefore never looks like a load of
// zero.
//
// Latency and violation ratio are measured of requests: while there are none,
// that they are missing is no doubt.
//
// With several signals in doubt the careful wins: the highest floor of any
// and, unless a fallback asks for more, the ceiling of any.
type Data struct {
	// Signals are the ones the policy and other guards decide on. Deciding, where
	// there is one, names others: a policy may go over from one to another.
	Signals  []string
	Deciding func() []string `json:"-"`
	Trust    TrustConfig
	// Health is asked before a fallback adds replicas: the same as are
	// there, which may be failing.
	Health Health

	doubtSince time.Time // zero while no signal is in doubt
}

// doubt is what the signals in doubt allow.
type doubt struct {
	floor, ceiling     int // ceiling < 0: none
	floorBy, ceilingBy scale.Reason
}

// Unconditional makes the rule hold without an opinion of the policy: a
// fallback is for just that moment.
func (*Data) Unconditional() {}

// Name of the guard.
func (*Data) Name() string { return "data" }

// Limit keeps want between what the signals in doubt allow.
func (d *Data) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	_, _, doubts := d.firstDoubt(&obs)
	d.doubtSince = since(d.doubtSince, obs.At, doubts)
	limits := d.limits(&obs)
	switch {
	case want < limits.floor:
		return limits.floor, limits.floorBy
	case limits.ceiling >= 0 && want > max(limits.floor, limits.ceiling):
		return max(limits.floor, limits.ceiling), limits.ceilingBy
	}
	return want, scale.Reason{}
}

// names are all signals that something is decided on.
func (d *Data) names(yield func(string) bool) {
	if d.Deciding != nil {
		for _, name := range d.Deciding() {
			if !yield(name) {
				return
			}
		}
	}
	for _, name := range d.Signals {
		if !yield(name) {
			return
		}
	}
}

func (d *Data) limits(obs *scale.Observation) doubt {
	limits := doubt{ceiling: -1}
	for name := range d.names {
		trust, rules := trustIn(obs, name), d.Trust.Of(name)
		action := rules.action(trust)
		if action == Ignore {
			continue
		}
		floor, why := obs.CurrentReplicas, inDoubt(trust, "no scale-down while {n} is stale",
			"no scale-down while {n} is implausible", "no scale-down without {n}")
		if n := d.fallback(obs, action, rules); n > floor {
			floor, why = n, scale.Because("Fallback", "{0} instead of {1} until {n} can be trusted again",
				float64(n), float64(obs.CurrentReplicas))
		}
		if floor > limits.floor {
			limits.floor, limits.floorBy = floor, why.About(name)
		}
		// A hold would let a target at zero sleep for ever: many a signal is
		// measured of replicas, and these come with the load alone.
		if action == Hold && obs.CurrentReplicas > 0 {
			limits.ceiling = obs.CurrentReplicas
			limits.ceilingBy = inDoubt(trust, "no scale-up while {n} is stale",
				"no scale-up while {n} is implausible", "no scale-up without {n}").About(name)
		}
	}
	return limits
}

// fallback is the least count that a signal in doubt asks for. A target at
// zero has none: nobody measures replicas that are not there, and a fallback
// would never let it sleep. Requests that wait wake it.
func (d *Data) fallback(obs *scale.Observation, action TrustAction, rules TrustRules) int {
	if action != FallBack || obs.CurrentReplicas == 0 || rules.FallbackReplicas <= obs.CurrentReplicas {
		return obs.CurrentReplicas
	}
	n, _ := d.Health.Limit(*obs, rules.FallbackReplicas)
	return n
}

// trustIn is how far a signal may be believed. Without requests there is
// nothing that latency and violation ratio could be measured of.
func trustIn(obs *scale.Observation, name string) scale.Trust {
	trust := scale.Absent
	if s := obs.Signal(name); s != nil {
		trust = s.Trust
	}
	gone := trust == scale.Absent || trust == scale.Stale
	if gone && (name == scale.Latency || name == scale.ViolationRatio) && obs.Idle() {
		return scale.Fresh
	}
	return trust
}

func inDoubt(trust scale.Trust, stale, implausible, absent string) scale.Reason {
	switch trust {
	case scale.Stale:
		return scale.Because("StaleData", stale)
	case scale.Implausible:
		return scale.Because("ImplausibleData", implausible)
	default:
		return scale.Because("NoData", absent)
	}
}

// firstDoubt returns the first signal in doubt that matters.
func (d *Data) firstDoubt(obs *scale.Observation) (name string, trust scale.Trust, found bool) {
	for name := range d.names {
		trust := trustIn(obs, name)
		if d.Trust.Of(name).action(trust) != Ignore {
			return name, trust, true
		}
	}
	return "", scale.Fresh, false
}

// Condition names the first signal in doubt that matters.
func (d *Data) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	name, trust, found := d.firstDoubt(&obs)
	if !found {
		return time.Time{}, scale.Reason{}, false
	}
	if rules := d.Trust.Of(name); rules.action(trust) == FallBack {
		return d.doubtSince, scale.Because("Fallback", "at least {0 replica} until {n} can be trusted again",
			float64(rules.FallbackReplicas)).About(name), true
	}
	return d.doubtSince, inDoubt(trust, "{n} is stale", "{n} is implausible", "{n} is absent").About(name), true
}

// Applied changes nothing.
func (*Data) Applied(time.Time, int, int) {}

// Snapshot returns since when a signal is in doubt.
func (d *Data) Snapshot() ([]byte, error) { return scale.Seal("guard/data", 3, nil, d.doubtSince) }

// Restore takes over since when a signal is in doubt.
func (d *Data) Restore(s []byte) error {
	return scale.Unseal(s, "guard/data", 3, nil, &d.doubtSince)
}
