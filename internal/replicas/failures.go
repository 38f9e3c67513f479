package replicas

import (
	"cmp"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Backoff is the wait after a failure: Min, doubled with each further one up
// to Max, Min again once a replica has been ready for ResetAfter.
type Backoff struct {
	Min        scale.Duration `json:"min,omitempty" jsonschema:"description=Wait after the first failure,default=500ms"`
	Max        scale.Duration `json:"max,omitempty" jsonschema:"description=Longest wait,default=30s"`
	ResetAfter scale.Duration `json:"resetAfter,omitempty" jsonschema:"description=Time ready after which failures are forgotten,default=60s"`
}

// settled is how long a replica must have been ready for its end not to count
// as a failed start: it is then replaced at once.
const settled = 10 * time.Second

// Failures remembers starts that came to nothing.
type Failures struct {
	InARow  int       `json:"inARow"`
	Last    time.Time `json:"last,omitzero"`    // when the last one was counted
	Since   time.Time `json:"since,omitzero"`   // when the row became a loop
	RetryAt time.Time `json:"retryAt,omitzero"` // no start before
	Kind    string    `json:"kind,omitempty"`   // of condition
	Message string    `json:"message,omitempty"`
	// Restarts are the failures of replicas that have no successor yet.
	Restarts []int `json:"restarts,omitempty"`
}

// Failed is the end of a replica that nobody asked for.
type Failed struct {
	StartedAt, ReadyAt time.Time // ReadyAt is zero where it never was
	Restarts           int       // failures of those it stood in for
	Kind, Message      string    // of condition
}

// Add counts the end of a replica. Replicas that were started before the last
// failure was counted belong to the same wave: ten that crash together are
// one failure, not ten.
func (f *Failures) Add(now time.Time, r Failed, b Backoff) {
	f.Restarts = append(f.Restarts, r.Restarts+1)
	if !r.ReadyAt.IsZero() && now.Sub(r.ReadyAt) >= settled {
		return
	}
	if f.InARow > 0 && r.StartedAt.Before(f.Last) {
		f.Kind, f.Message = r.Kind, r.Message
		return
	}
	f.Count(now, r.Kind, r.Message, b)
}

// Count adds one to the row and doubles the wait.
func (f *Failures) Count(now time.Time, kind, message string, b Backoff) {
	f.InARow++
	f.Last, f.Kind, f.Message = now, kind, message
	if f.Since.IsZero() || f.InARow == 2 {
		f.Since = now
	}
	f.RetryAt = now.Add(f.wait(b))
}

func (f *Failures) wait(b Backoff) time.Duration {
	wait := b.Min.Std()
	for n := 1; n < f.InARow && wait < b.Max.Std(); n++ {
		wait = min(2*wait, b.Max.Std())
	}
	return wait
}

// Began notes that a replica has begun which was asked for at startedAt: what
// refused others before that does so no more. One that ends by itself may well
// have begun.
func (f *Failures) Began(startedAt time.Time) {
	if f.InARow > 0 && f.Kind != scale.CrashLoop && !startedAt.Before(f.Last) {
		*f = Failures{Restarts: f.Restarts}
	}
}

// Succeed takes the failures that a new replica stands in for.
func (f *Failures) Succeed() int {
	if len(f.Restarts) == 0 {
		return 0
	}
	n := f.Restarts[0]
	f.Restarts = f.Restarts[1:]
	return n
}

// ForgetPredecessors drops those that get no successor: no more replicas are
// missing than are remembered.
func (f *Failures) ForgetPredecessors(missing int) {
	f.Restarts = f.Restarts[:min(len(f.Restarts), max(0, missing))]
}

// SettleAt is when the failures will be forgotten; zero when that is not in
// sight. Either a replica started after the last one is ready for ResetAfter,
// or nothing had to be started for that long because nothing is missing.
func (f *Failures) SettleAt(v View, b Backoff) time.Time {
	var since time.Time
	if f.InARow == 0 {
		return since
	}
	if v.Complete() {
		since = f.Last
	}
	for _, m := range v.Replicas {
		if m.Ready && !m.Deleted && !m.StartedAt.Before(f.Last) {
			since = Earlier(since, m.Since)
		}
	}
	if since.IsZero() {
		return since
	}
	return since.Add(b.ResetAfter.Std())
}

// Settle forgets the failures when their time has come; true when it did.
func (f *Failures) Settle(now, at time.Time) bool {
	if at.IsZero() || at.After(now) {
		return false
	}
	*f = Failures{Restarts: f.Restarts}
	return true
}

// Condition is what an operator should see: a failure that repeats, or one
// that cannot pass by itself.
func (f *Failures) Condition() (scale.Condition, bool) {
	switch {
	case f.InARow == 0 || (f.InARow == 1 && f.Kind == scale.CrashLoop):
		return scale.Condition{}, false
	case f.Kind == scale.CrashLoop:
		return scale.Condition{
			Type: f.Kind, Since: f.Since,
			Message: fmt.Sprintf("%d failed starts in a row; last: %s", f.InARow, f.Message),
		}, true
	default:
		return scale.Condition{Type: f.Kind, Since: f.Since, Message: f.Message}, true
	}
}

// Trouble is what a controller that returns must know of failed starts: a
// crash loop that was killed with its controller would otherwise begin anew,
// without a wait and without a word.
type Trouble struct {
	// Config is the hash of what failed: of another one it says nothing.
	Config string `json:"config"`
	Failures
}

// Trouble is what is written down of the failures; nil: there are none.
func (f *Failures) Trouble(config string) *Trouble {
	if f.InARow == 0 && len(f.Restarts) == 0 {
		return nil
	}
	return &Trouble{Config: config, Failures: *f}
}

// Restore takes over what was written down. Times in the future, left by a
// clock that was put back, become now: nothing waits longer than the back-off.
func (t *Trouble) Restore(now time.Time, config string, b Backoff) Failures {
	if t == nil || t.Config != config {
		return Failures{}
	}
	f := t.Failures
	f.InARow, f.Kind = max(0, f.InARow), cmp.Or(f.Kind, scale.CrashLoop)
	f.Last, f.Since = NotAfter(f.Last, now), NotAfter(f.Since, now)
	f.RetryAt = NotAfter(f.RetryAt, now.Add(b.Max.Std()))
	return f
}

// NotAfter is t, or latest where that is earlier.
func NotAfter(t, latest time.Time) time.Time {
	if t.After(latest) {
		return latest
	}
	return t
}
