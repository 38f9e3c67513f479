package docker

import (
	"cmp"
	"slices"
	"time"
)

// view is all that planning looks at. Planning is a pure function of it: what
// to do follows from what should be and what is, never from what happened.
type view struct {
	now      time.Time
	desired  int
	stopping bool // everything goes, nothing is started
	// retryAt is when the back-off after a failure ends.
	retryAt         time.Time
	held            bool // nothing is started until another hand has started something
	startTimeout    time.Duration
	livenessTimeout time.Duration // 0: never
	replicas        []member
	// load is the requests in progress on a replica, false when not known.
	load func(id string) (int, bool)
}

// member is one replica as planning sees it.
type member struct {
	id        string
	deleted   bool // on its way out: counts for nothing any more
	unprobed  bool // just adopted: nothing is known of its readiness
	ready     bool
	everReady bool
	outdated  bool // made of something else than is configured now
	startedAt time.Time
	since     time.Time // when ready last changed; until then, when it was started or adopted
}

// verb is what is to be done.
type verb uint8

const (
	start   verb = iota // a new replica
	remove              // drain a replica, then end it
	replace             // end a replica that does not work, without draining
)

// action is one thing to do.
type action struct {
	verb  verb
	id    string
	cause string
}

// Causes of an action, in the words of the log.
const (
	causeScaleDown    = "scale down"
	causeOutdated     = "outdated"
	causeStop         = "stop"
	causeStartTimeout = "not ready within startTimeout"
	causeLiveness     = "not ready for livenessTimeout"
)

// plan says what to do now.
//
// Of the replicas that stay (not deleted), those that do not work are
// replaced first. What is left is brought to desired. While some are outdated
// one more than desired may run, and an outdated one goes when that leaves as
// many ready as desired, so that a rollout never dips below it.
func plan(v view) []action {
	var actions []action
	var stay []member
	for _, m := range v.replicas {
		if m.deleted {
			continue
		}
		if cause, at := v.overdue(m); cause != "" && !v.stopping && !at.After(v.now) {
			actions = append(actions, action{replace, m.id, cause})
			continue
		}
		stay = append(stay, m)
	}
	switch {
	case v.stopping:
		return append(actions, removals(stay, causeStop)...)
	case len(stay) < v.desired:
		return append(actions, v.starts(v.desired-len(stay))...)
	default:
		return append(actions, v.shrinkOrRoll(stay)...)
	}
}

// starts is n starts, or none during back-off.
func (v *view) starts(n int) []action {
	if v.held || v.retryAt.After(v.now) {
		return nil
	}
	return slices.Repeat([]action{{verb: start}}, n)
}

// shrinkOrRoll handles the case of at least as many replicas as desired.
func (v *view) shrinkOrRoll(stay []member) []action {
	if slices.ContainsFunc(stay, func(m member) bool { return m.unprobed }) {
		// Until each has been probed, choosing one to go would be blind.
		return nil
	}
	outdated := count(stay, func(m member) bool { return m.outdated })
	excess := len(stay) - v.desired
	if outdated == 0 || v.desired == 0 {
		return removals(v.victims(stay, excess), causeScaleDown)
	}
	if excess == 0 {
		return v.starts(1)
	}
	actions := removals(v.victims(stay, excess-1), causeScaleDown)
	if len(actions) > 0 {
		return actions // one step at a time; the surge goes on from there
	}
	ready := count(stay, func(m member) bool { return m.ready })
	for _, m := range v.victims(stay, len(stay)) {
		if m.outdated && (!m.ready || ready > v.desired) {
			return removals([]member{m}, causeOutdated)
		}
	}
	return nil
}

// victims chooses the n replicas whose end costs least: those that never
// became ready, those not ready now, outdated ones, those that get no new
// requests, those with the fewest requests in progress; of equals the
// youngest.
func (v *view) victims(stay []member, n int) []member {
	type candidate struct {
		member
		class, load int
	}
	candidates := make([]candidate, len(stay))
	for i, m := range stay {
		load, known := v.load(m.id)
		if !known {
			load = -1
		}
		candidates[i] = candidate{m, class(m), load}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.class, b.class),
			cmp.Compare(a.load, b.load),
			b.startedAt.Compare(a.startedAt),
			cmp.Compare(a.id, b.id),
		)
	})
	chosen := make([]member, 0, n)
	for _, c := range candidates[:n] {
		chosen = append(chosen, c.member)
	}
	return chosen
}

func class(m member) int {
	switch {
	case !m.ready && !m.everReady:
		return 0
	case !m.ready:
		return 1
	case m.outdated:
		return 2
	default:
		return 3
	}
}

// overdue says why and when a replica's patience ends; no cause when never.
func (v *view) overdue(m member) (cause string, at time.Time) {
	switch {
	case m.ready:
		return "", time.Time{}
	case !m.everReady:
		return causeStartTimeout, m.since.Add(v.startTimeout)
	case v.livenessTimeout > 0:
		return causeLiveness, m.since.Add(v.livenessTimeout)
	default:
		return "", time.Time{}
	}
}

// wake is when planning must look again although nothing happened; zero when
// it need not.
func (v *view) wake() time.Time {
	if v.stopping {
		return time.Time{}
	}
	var at time.Time
	for _, m := range v.replicas {
		if _, overdue := v.overdue(m); !m.deleted {
			at = earlier(at, overdue)
		}
	}
	if v.retryAt.After(v.now) {
		at = earlier(at, v.retryAt)
	}
	return at
}

func removals(members []member, cause string) []action {
	actions := make([]action, len(members))
	for i, m := range members {
		actions[i] = action{remove, m.id, cause}
	}
	return actions
}

func count(members []member, holds func(member) bool) int {
	n := 0
	for _, m := range members {
		if holds(m) {
			n++
		}
	}
	return n
}
