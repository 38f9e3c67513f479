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
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Advisor answers questions about one target.
//
// Ask returns what is advised on what is seen: a count within the bounds, a
// direction or thresholds, with confidence and reason. Whatever comes from
// outside has been checked; its texts are short, of one line, and hold no secret.
// An error says why there is no advice; what was said all the same is told with
// it. Ask ends when ctx does; one goroutine calls it at a time. The question is
// the advisor's from then on.
type Advisor interface {
	Manners() Manners
	Ask(ctx context.Context, q Question) (Answer, error)
	// Close ends its connections. It is called once, after the last Ask.
	Close()
}

// Question is what somebody is asked about.
type Question struct {
	Seen scale.Observation
	// About is the policy's own question; nil: it is only time to ask.
	About *policy.Inquiry
}

// Answer is what was advised, and what it took.
type Answer struct {
	Advice scale.Advice
	// Asked and Said are the words exchanged, without secrets, for those who audit
	// them; empty where there are no words.
	Asked, Said string
	// Delay is how long an advisor that is simulated would have taken; one that is
	// asked in earnest takes its time.
	Delay time.Duration
	// In and Out are tokens read and written, Cost their price in US dollars.
	In, Out int
	Cost    float64
	// Cached says that an earlier answer to the same question was given again.
	Cached bool
}

// Exchange is a question with its answer, as it is told to those who listen.
type Exchange struct {
	Target   string
	From     string
	At       time.Time     // of the answer
	SeenAt   time.Time     // what was asked about
	Took     time.Duration // from question to answer
	Occasion string        // "": it was time
	Wanted   *int          // by the policy that asked, without advice; nil: it was time
	Answer   Answer        // its Advice is what policies get
	Error    string        // why there is none; "": there is
}

// Manners say how an advisor wants to be asked.
type Manners struct {
	// Every is the least time between two questions; 0: once before each decision.
	Every time.Duration
	// Timeout is how long an answer may take.
	Timeout time.Duration
	// MaxAge is how long an answer is valid after what it was based on was seen.
	MaxAge time.Duration
	// OnInquiry says that a policy's inquiry is waited for, and at most one in Every
	// is put; else it is asked by time.
	OnInquiry bool
	// Simulated says that nobody is really asked: its failures are part of the play.
	Simulated bool
}

// ErrNoOpinion is the error of somebody who is well and has no advice to give.
var ErrNoOpinion = errors.New("no opinion")

// ErrRefused is the error of a server that will not serve until somebody changes
// something: a wrong key, an unknown model.
var ErrRefused = errors.New("refused")

// Later is an error of somebody who says when to ask again.
type Later struct {
	After time.Duration
	Err   error
	// Unasked says that it is our own pace, budget or pause, and nobody was asked.
	Unasked bool
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
	// Simulation says that the service is simulated: nobody real is asked who need
	// not be.
	Simulation bool
	Clock      clock.Clock
	Log        *slog.Logger
	// Commons is what the advisors of all targets share; nil: nothing.
	Commons *Commons
	// Tell, if any, hears each exchange. It must not block.
	Tell func(Exchange)
}

// Commons keeps what advisors of many targets share: a pace, a budget, answers.
type Commons struct {
	mu  sync.Mutex
	all map[string]any
}

// Shared returns what is kept under a key, made the first time. Without commons
// each has its own.
func Shared[T any](c *Commons, key string, make func() T) T {
	if c == nil {
		return make()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, is := c.all[key].(T); is {
		return kept
	}
	if c.all == nil {
		c.all = map[string]any{}
	}
	made := make()
	c.all[key] = made
	return made
}
