package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

var _ Guard = Health{}

const (
	// proven is how long a replica must have been ready to show that what is
	// started now works: many a bad one is ready for a moment before it ends.
	proven = 10 * time.Second
	// neverReady is how soon after its start a replica must have been seen
	// not ready for it never to have been ready. What was ready once and no
	// longer is has too much to do: the reason for a scale-up, not against it.
	neverReady = 10 * time.Second
	// slowStart is how long a replica that was restarted counts as failing
	// while it is not ready. One that runs longer than that does not crash: it
	// takes long to start, and the next rule judges it.
	slowStart = time.Minute
	// probeAfter is how long replicas must have failed before one more is
	// tried: a single sick one must not starve the others for ever.
	probeAfter = 10 * time.Minute
	// probeShare is the part of the replicas that may fail while one more is
	// tried: a tenth, at least one.
	probeShare = 10
)

// DefaultGrace is how long a replica may take to be ready for the first time
// before it counts as failing, where the target knows no longer time.
const DefaultGrace = scale.Duration(5 * time.Minute)

// Health keeps replicas that fail from deciding anything. A bad image makes
// the load per ready replica rise and so every policy ask for more: of the
// same image. While replicas fail and none that was started since works,
//
//   - the count does not rise, but for a single one that is tried when a few
//     among many good ones have failed for ten minutes;
//   - the count does not fall below the ready ones; with none ready it stays,
//     for there is no load to measure.
//
// Nor does it rise beyond what can be placed, where the target says so: those
// that wait for room make the load per ready replica no smaller. And it stays
// while somebody else has stopped the service.
//
// All of it is read from the observation: the rule has no memory.
type Health struct {
	// Grace is how long a replica may run before it must have been ready
	// once; 0: for ever.
	Grace scale.Duration `json:"grace"`
}

// sickness is what an observation shows of failing replicas.
type sickness struct {
	code                     string
	failing, ready, starting int
	begun                    time.Time // the first of them
	newest                   time.Time // the last of them
}

// Unconditional makes the rule hold without data too: a fallback must not add
// replicas that fail.
func (Health) Unconditional() {}

// Name of the guard.
func (Health) Name() string { return "health" }

// Limit holds the count while replicas fail, have no room, or are not to be
// started: what is measured of a service that somebody has stopped is what its
// balancer answers.
func (h Health) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	if want == obs.CurrentReplicas {
		return want, scale.Reason{}
	}
	if condition(&obs, scale.ServiceDown) != nil {
		return obs.CurrentReplicas, scale.Because(scale.ServiceDown,
			"{0} instead of {1}: the service was stopped by somebody else, and nothing is started until they start it", float64(obs.CurrentReplicas), float64(want))
	}
	room, crowded := roomFor(&obs, want)
	limit, sick := h.limit(obs, room)
	if sick.Code == "" {
		return limit, crowded
	}
	return limit, sick
}

// limit holds the count while replicas fail.
func (h Health) limit(obs scale.Observation, want int) (int, scale.Reason) {
	s, sick := h.examine(&obs)
	switch limit := s.limit(&obs); {
	case !sick:
	case want > limit:
		return max(limit, obs.CurrentReplicas), scale.Because(s.code,
			"no scale-up to {0}: {1} failing beside {2} ready, and none started since is ready", float64(want), float64(s.failing), float64(s.ready))
	case want < obs.CurrentReplicas && s.ready == 0:
		return obs.CurrentReplicas, scale.Because(s.code,
			"no scale-down to {0}: none of {1 replica} is ready, so there is no load to measure", float64(want), float64(obs.CurrentReplicas))
	case want < min(s.ready, obs.CurrentReplicas):
		return min(s.ready, obs.CurrentReplicas), scale.Because(s.code,
			"no scale-down to {0}: {1} failing beside {2} ready, which stay", float64(want), float64(s.failing), float64(s.ready))
	}
	return want, scale.Reason{}
}

// limit is the highest count allowed: the current one, or one more to try.
func (s sickness) limit(obs *scale.Observation) int {
	few := s.failing <= max(1, obs.CurrentReplicas/probeShare)
	if few && s.ready > 0 && s.starting == 0 && obs.At.Sub(s.newest) >= probeAfter {
		return obs.CurrentReplicas + 1
	}
	return obs.CurrentReplicas
}

// examine counts the failing replicas, unless one that was started after them
// works.
func (h Health) examine(obs *scale.Observation) (sickness, bool) {
	if loop := condition(obs, scale.CrashLoop); loop != nil {
		return h.loop(obs, loop.Since)
	}
	s := sickness{code: "ReplicasFailing"}
	for i := range obs.Replicas {
		switch r := &obs.Replicas[i]; {
		case r.TakesWork():
			s.ready++
		case !r.DeletedAt.IsZero():
		case !h.fails(r, obs.At):
			s.starting++
		case r.StartedAt.IsZero() || newestProven(obs).Before(r.StartedAt):
			s.add(r.StartedAt)
		}
	}
	return s, s.failing > 0
}

func (s *sickness) add(started time.Time) {
	if s.failing == 0 || started.Before(s.begun) {
		s.begun = started
	}
	if started.After(s.newest) {
		s.newest = started
	}
	s.failing++
}

// loop is the sickness of a target that says itself that its replicas fail:
// those it waits to start again are missing from its list.
func (h Health) loop(obs *scale.Observation, since time.Time) (sickness, bool) {
	s := sickness{code: scale.CrashLoop, begun: since, newest: since}
	for i := range obs.Replicas {
		switch r := &obs.Replicas[i]; {
		case r.TakesWork():
			s.ready++
		case r.DeletedAt.IsZero() && r.Restarts == 0 && !h.fails(r, obs.At):
			s.starting++
		}
	}
	s.failing = max(1, obs.CurrentReplicas-s.ready-s.starting)
	works := newestProven(obs)
	return s, works.IsZero() || works.Before(since)
}

// fails reports whether a replica has ended, was restarted lately and is not
// ready again, or was never ready in all its grace.
func (h Health) fails(r *scale.Replica, at time.Time) bool {
	switch {
	case r.Phase == scale.Failed || r.Phase == scale.Succeeded:
		return true
	case r.Phase != scale.Running || r.Readiness.Ready:
		return false
	case r.Restarts > 0 && at.Sub(r.StartedAt) < slowStart:
		return true
	case h.Grace <= 0 || !r.Readiness.Known || r.StartedAt.IsZero():
		return false
	}
	return at.Sub(r.StartedAt) > h.Grace.Std() && r.Readiness.Since.Sub(r.StartedAt) <= neverReady
}

// newestProven is when the newest of the replicas that work was started; zero
// when there is none.
func newestProven(obs *scale.Observation) time.Time {
	var newest time.Time
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		if r.TakesWork() && obs.At.Sub(r.Readiness.Since) >= proven && r.StartedAt.After(newest) {
			newest = r.StartedAt
		}
	}
	return newest
}

// condition returns the condition of a type, or nil.
func condition(obs *scale.Observation, kind string) *scale.Condition {
	for i := range obs.Conditions {
		if obs.Conditions[i].Type == kind {
			return &obs.Conditions[i]
		}
	}
	return nil
}

// Condition says that replicas fail, also while nobody wants another count.
func (h Health) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	s, sick := h.examine(&obs)
	return s.begun, scale.Because(s.code, "{0} failing beside {1} ready; the count rises again when a replica that was started since stays ready",
		float64(s.failing), float64(s.ready)), sick
}

// Applied changes nothing: the rule has no memory.
func (Health) Applied(time.Time, int, int) {}

// Snapshot returns an empty memory.
func (h Health) Snapshot() ([]byte, error) { return scale.Seal("guard/health", 1, h, struct{}{}) }

// Restore checks that the snapshot fits.
func (h Health) Restore(s []byte) error { return scale.Unseal(s, "guard/health", 1, h, &struct{}{}) }
