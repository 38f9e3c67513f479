package docker

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// settled is how long a replica must have been ready for its end not to count
// as a failed start: it is then replaced at once.
const settled = 10 * time.Second

// failures remembers starts that came to nothing.
type failures struct {
	inARow  int
	last    time.Time // when the last one was counted
	since   time.Time // when the row became a loop
	retryAt time.Time // no start before
	kind    string    // of condition
	message string
	// restarts are the failures of replicas that have no successor yet.
	restarts []int
}

// add counts the end of a replica. Replicas that were started before the last
// failure was counted belong to the same wave: ten that crash together are
// one failure, not ten.
func (f *failures) add(now time.Time, r *replica, kind, message string, b Backoff) {
	f.restarts = append(f.restarts, r.restarts+1)
	if !r.readyAt.IsZero() && now.Sub(r.readyAt) >= settled {
		return
	}
	f.kind, f.message = kind, message
	if f.inARow > 0 && r.startedAt.Before(f.last) {
		return
	}
	f.count(now, b)
}

// count adds one to the row and doubles the wait.
func (f *failures) count(now time.Time, b Backoff) {
	f.inARow++
	f.last = now
	if f.since.IsZero() || f.inARow == 2 {
		f.since = now
	}
	f.retryAt = now.Add(f.wait(b))
}

func (f *failures) wait(b Backoff) time.Duration {
	wait := b.Min.Std()
	for n := 1; n < f.inARow && wait < b.Max.Std(); n++ {
		wait = min(2*wait, b.Max.Std())
	}
	return wait
}

// succeed takes the failures that a new replica stands in for.
func (f *failures) succeed() int {
	if len(f.restarts) == 0 {
		return 0
	}
	n := f.restarts[0]
	f.restarts = f.restarts[1:]
	return n
}

// forgetPredecessors drops those that get no successor: no more replicas are
// missing than are remembered.
func (f *failures) forgetPredecessors(missing int) {
	f.restarts = f.restarts[:min(len(f.restarts), max(0, missing))]
}

// settleAt is when the failures will be forgotten; zero when that is not in
// sight. Either a replica started after the last one is ready for ResetAfter,
// or nothing had to be started for that long because the target is complete.
func (f *failures) settleAt(replicas map[string]*replica, complete bool, b Backoff) time.Time {
	var since time.Time
	if f.inARow == 0 {
		return since
	}
	if complete {
		since = f.last
	}
	for _, r := range replicas {
		if r.readiness.Ready && r.stays() && !r.startedAt.Before(f.last) {
			since = earlier(since, r.readiness.Since)
		}
	}
	if since.IsZero() {
		return since
	}
	return since.Add(b.ResetAfter.Std())
}

// settle forgets the failures when their time has come; true when it did.
func (f *failures) settle(now, at time.Time) bool {
	if at.IsZero() || at.After(now) {
		return false
	}
	*f = failures{restarts: f.restarts}
	return true
}

// condition is what an operator should see: a failure that repeats, or one
// that cannot pass by itself.
func (f *failures) condition() (scale.Condition, bool) {
	switch {
	case f.inARow == 0 || (f.inARow == 1 && f.kind == scale.CrashLoop):
		return scale.Condition{}, false
	case f.kind == scale.CrashLoop:
		return scale.Condition{
			Type: f.kind, Since: f.since,
			Message: fmt.Sprintf("%d failed starts in a row; last: %s", f.inARow, f.message),
		}, true
	default:
		return scale.Condition{Type: f.kind, Since: f.since, Message: f.message}, true
	}
}
