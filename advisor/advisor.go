// Package advisor holds the contract of who answers slowly about a target: a
// policy that is served over a network, a language model. They are asked beside
// the loop, one question at a time, and never waited for; what they said comes
// to policies as [scale.Advice].
//
//	observations ─► Desk ── question ──► Advisor (a network, seconds, failures)
//	                  ▲ ◄── answer ────────┘
//	decisions ◄── Advice: the newest answer until it expires, else why there is none
//
// Each advisor has a folder of its own below.
package advisor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Advisor answers questions about one target.
//
// Ask returns what is advised on what is seen: a count within the bounds, a
// direction or thresholds, with confidence and reason. Whatever comes from
// outside has been checked; its texts are short, of one line, and hold no secret.
// An error says why there is no advice. Ask ends when ctx does; one goroutine
// calls it at a time. obs is the caller's: it may be kept.
type Advisor interface {
	Manners() Manners
	Ask(ctx context.Context, obs scale.Observation) (scale.Advice, error)
	// Close ends its connections. It is called once, after the last Ask.
	Close()
}

// Manners say how an advisor wants to be asked.
type Manners struct {
	// Every is the least time between two questions; 0: once before each decision.
	Every time.Duration
	// Timeout is how long an answer may take.
	Timeout time.Duration
	// MaxAge is how long an answer is valid after what it was based on was seen.
	MaxAge time.Duration
}

// ErrNoOpinion is the error of somebody who is well and has no advice to give.
var ErrNoOpinion = errors.New("no opinion")

// Later is an error of somebody who says when to ask again.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap is the error itself.
func (l *Later) Unwrap() error { return l.Err }

// Env is what an advisor may know of its surroundings when it is made. Making one
// does no I/O.
type Env struct {
	Target    string
	Min, Max  int
	Objective *scale.Objective // nil: none stated
	Sync      time.Duration    // time between two decisions
	Topology  queueing.Topology
	Clock     clock.Clock
	Log       *slog.Logger
}
