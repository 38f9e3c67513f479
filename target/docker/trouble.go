package docker

import "time"

// trouble is what a controller that returns must know of failed starts: a
// crash loop that was killed with its controller would otherwise begin anew,
// without a wait and without a word.
type trouble struct {
	// Config is the hash of what failed: of another one it says nothing.
	Config   string    `json:"config"`
	InARow   int       `json:"inARow"`
	Last     time.Time `json:"last,omitzero"`
	Since    time.Time `json:"since,omitzero"`
	RetryAt  time.Time `json:"retryAt,omitzero"`
	Kind     string    `json:"kind,omitempty"`
	Message  string    `json:"message,omitempty"`
	Restarts []int     `json:"restarts,omitempty"`
}

// trouble is what is written down of the failures; nil: there are none.
func (f *failures) trouble(config string) *trouble {
	if f.inARow == 0 && len(f.restarts) == 0 {
		return nil
	}
	return &trouble{Config: config, InARow: f.inARow, Last: f.last, Since: f.since, RetryAt: f.retryAt, Kind: f.kind, Message: f.message, Restarts: f.restarts}
}

// restore takes over what was written down. Times in the future, left by a
// clock that was put back, become now: nothing waits longer than the back-off.
func (t *trouble) restore(now time.Time, config string, b Backoff) failures {
	if t == nil || t.Config != config {
		return failures{}
	}
	return failures{
		inARow: max(0, t.InARow), last: notAfter(t.Last, now), since: notAfter(t.Since, now),
		retryAt: notAfter(t.RetryAt, now.Add(b.Max.Std())), kind: t.Kind, message: t.Message, restarts: t.Restarts,
	}
}

func notAfter(t, latest time.Time) time.Time {
	if t.After(latest) {
		return latest
	}
	return t
}
