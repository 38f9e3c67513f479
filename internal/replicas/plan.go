// Package replicas is what targets that keep replicas of their own share:
// which to start and which to end (plan.go, a pure function), what failed
// starts mean (failures.go), whether one takes work (probe.go), and what
// outlives the controller (store.go). What a replica is, and how it is started
// and ended, is the target's own.
package replicas

import (
	"cmp"
	"slices"
	"time"
)

// View is all that planning looks at. Planning is a pure function of it: what
// to do follows from what should be and what is, never from what happened.
type View struct {
	Now      time.Time
	Desired  int
	Stopping bool // everything goes, nothing is started
	// RetryAt is when the back-off after a failure ends.
	RetryAt time.Time
	Held    bool // nothing is started until another hand has started something
	// Behind says that the balancer does not leave replicas that are on their way
	// out: as long as these cannot end, no more are asked to.
	Behind bool
	// SpareAt is until when what is too many is left alone: another hand has
	// started it.
	SpareAt         time.Time
	StartTimeout    time.Duration
	LivenessTimeout time.Duration // 0: never
	Replicas        []Member
	// Load is the requests in progress on a replica, false when not known.
	Load func(id string) (int, bool)
}

// Member is one replica as planning sees it.
type Member struct {
	ID        string
	Deleted   bool // on its way out: counts for nothing any more
	Unprobed  bool // just adopted: nothing is known of its readiness
	Ready     bool
	EverReady bool
	Outdated  bool // made of something else than is configured now
	StartedAt time.Time
	Since     time.Time // when ready last changed; until then, when it was started or adopted
}

// Verb is what is to be done.
type Verb uint8

// Verbs of a plan.
const (
	Start   Verb = iota // a new replica
	Remove              // drain a replica, then end it
	Replace             // end a replica that does not work, without draining
)

// Action is one thing to do.
type Action struct {
	Verb  Verb
	ID    string
	Cause string
}

// Causes of an action, in the words of the log.
const (
	ForScaleDown    = "scale down"
	ForOutdated     = "outdated"
	ForStop         = "stop"
	ForStartTimeout = "not ready within startTimeout"
	ForLiveness     = "not ready for livenessTimeout"
)

// Plan says what to do now.
//
// Of the replicas that stay (not deleted), those that do not work are
// replaced first. What is left is brought to desired. While some are outdated
// one more than desired may run, and an outdated one goes when that leaves as
// many ready as desired, so that a rollout never dips below it.
func Plan(v View) []Action {
	var actions []Action
	var stay []Member
	for _, m := range v.Replicas {
		if m.Deleted {
			continue
		}
		if cause, at := v.overdue(m); cause != "" && !v.Stopping && !at.After(v.Now) {
			actions = append(actions, Action{Replace, m.ID, cause})
			continue
		}
		stay = append(stay, m)
	}
	switch {
	case v.Stopping:
		return append(actions, removals(stay, ForStop)...)
	case len(stay) < v.Desired:
		return append(actions, v.starts(v.Desired-len(stay))...)
	default:
		return append(actions, v.shrinkOrRoll(stay)...)
	}
}

// starts is n starts, or none during back-off.
func (v View) starts(n int) []Action {
	if v.Held || v.RetryAt.After(v.Now) {
		return nil
	}
	return slices.Repeat([]Action{{Verb: Start}}, n)
}

// shrinkOrRoll handles the case of at least as many replicas as desired.
func (v View) shrinkOrRoll(stay []Member) []Action {
	if slices.ContainsFunc(stay, func(m Member) bool { return m.Unprobed }) {
		// Until each has been probed, choosing one to go would be blind.
		return nil
	}
	if v.Behind {
		// What is too many serves on, and is there when more are wanted again:
		// else every change of mind would leave replicas that cannot end.
		return nil
	}
	outdated := count(stay, func(m Member) bool { return m.Outdated })
	excess := len(stay) - v.Desired
	if excess > 0 && v.SpareAt.After(v.Now) {
		return nil
	}
	if outdated == 0 || v.Desired == 0 {
		return removals(v.victims(stay, excess), ForScaleDown)
	}
	if excess == 0 {
		return v.starts(1)
	}
	actions := removals(v.victims(stay, excess-1), ForScaleDown)
	if len(actions) > 0 {
		return actions // one step at a time; the surge goes on from there
	}
	ready := count(stay, func(m Member) bool { return m.Ready })
	for _, m := range v.victims(stay, len(stay)) {
		if m.Outdated && (!m.Ready || ready > v.Desired) {
			return removals([]Member{m}, ForOutdated)
		}
	}
	return nil
}

// victims chooses the n replicas whose end costs least: those that never
// became ready, those not ready now, outdated ones, those that get no new
// requests, those with the fewest requests in progress; of equals the
// youngest.
func (v View) victims(stay []Member, n int) []Member {
	type candidate struct {
		Member
		class, load int
	}
	candidates := make([]candidate, len(stay))
	for i, m := range stay {
		load, known := v.Load(m.ID)
		if !known {
			load = -1
		}
		candidates[i] = candidate{m, class(m), load}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.class, b.class),
			cmp.Compare(a.load, b.load),
			b.StartedAt.Compare(a.StartedAt),
			cmp.Compare(a.ID, b.ID),
		)
	})
	chosen := make([]Member, 0, n)
	for _, c := range candidates[:n] {
		chosen = append(chosen, c.Member)
	}
	return chosen
}

func class(m Member) int {
	switch {
	case !m.Ready && !m.EverReady:
		return 0
	case !m.Ready:
		return 1
	case m.Outdated:
		return 2
	default:
		return 3
	}
}

// overdue says why and when a replica's patience ends; no cause when never.
func (v View) overdue(m Member) (cause string, at time.Time) {
	switch {
	case m.Ready:
		return "", time.Time{}
	case !m.EverReady:
		return ForStartTimeout, m.Since.Add(v.StartTimeout)
	case v.LivenessTimeout > 0:
		return ForLiveness, m.Since.Add(v.LivenessTimeout)
	default:
		return "", time.Time{}
	}
}

// Wake is when planning must look again although nothing happened; zero when
// it need not.
func (v View) Wake() time.Time {
	if v.Stopping {
		return time.Time{}
	}
	var at time.Time
	for _, m := range v.Replicas {
		if _, overdue := v.overdue(m); !m.Deleted {
			at = Earlier(at, overdue)
		}
	}
	if v.RetryAt.After(v.Now) {
		at = Earlier(at, v.RetryAt)
	}
	if v.SpareAt.After(v.Now) {
		at = Earlier(at, v.SpareAt)
	}
	return at
}

// Staying is the number of replicas that are not on their way out.
func (v View) Staying() int {
	return count(v.Replicas, func(m Member) bool { return !m.Deleted })
}

// Rolling is true while one that stays is outdated.
func (v View) Rolling() bool {
	return slices.ContainsFunc(v.Replicas, func(m Member) bool { return m.Outdated && !m.Deleted })
}

// Complete is true when nothing is missing, starting or to be replaced.
func (v View) Complete() bool {
	works := func(m Member) bool { return m.Deleted || (m.Ready && !m.Outdated) }
	return v.Staying() >= v.Desired && count(v.Replicas, works) == len(v.Replicas)
}

func removals(members []Member, cause string) []Action {
	actions := make([]Action, len(members))
	for i, m := range members {
		actions[i] = Action{Remove, m.ID, cause}
	}
	return actions
}

func count(members []Member, holds func(Member) bool) int {
	n := 0
	for _, m := range members {
		if holds(m) {
			n++
		}
	}
	return n
}

// Earlier is the earlier of two times, where zero is never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
