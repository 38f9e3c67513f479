package llm

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/advisor"
)

const (
	// opensAfter is how many failures in a row open the breaker.
	opensAfter = 5
	// firstRest is how long it stays open at first, twice as long each time a probe
	// fails, up to mostRest; by chance up to a half shorter.
	firstRest = 30 * time.Second
	mostRest  = 10 * time.Minute
	// refusedRest is for a server that will not serve until somebody changes
	// something, which takes people minutes.
	refusedRest = 10 * time.Minute
	// mostLater bounds what a server may ask for.
	mostLater = time.Hour
)

// breaker leaves a model alone that does not work: an answer that is refused is a
// failure as well as none, for it is paid for too. It is no library's, for those
// read the machine's clock and do not know how long a server wants to rest.
//
//	closed ──5 failures, or one that says for how long──► open ──rest is over──► one probe
//	  ▲ ◄────────────────────────── answer ──────────────────────────────────────┘ │ failure
//	                                                        ▲ ◄── twice as long ───┘
type breaker struct {
	faults  int       // in a row
	opened  int       // how often in a row, not counting what the server asked for
	until   time.Time // when it may be probed; zero: closed
	probing bool
	last    error // why
	random  *rand.Rand
}

func newBreaker(name string) breaker {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	return breaker{random: rand.New(rand.NewPCG(h.Sum64(), 0xb4ea))}
}

// closed is nil where the model may be asked.
func (b *breaker) closed(now time.Time, name string) error {
	switch left := b.until.Sub(now); {
	case b.until.IsZero() || left > mostLater: // or the clock was set back
		return nil
	case left > 0:
		return &advisor.Later{Unasked: true, After: left, Err: fmt.Errorf("%s is left alone for %v: %w", name, left.Round(time.Second), b.last)}
	case b.probing:
		return &advisor.Later{Unasked: true, After: firstRest / 2, Err: fmt.Errorf("%s is being asked whether it works again: %w", name, b.last)}
	}
	return nil
}

// begin notes a question and reports whether it is the probe.
func (b *breaker) begin() bool {
	b.probing = !b.until.IsZero()
	return b.probing
}

// errLeft is how a question went that says nothing about a model: whoever asked
// has gone.
var errLeft = errors.New("nobody waits for the answer")

// outcome is how a question went, for the breaker.
func outcome(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return errLeft
	}
	return err
}

// end notes how a question went.
func (b *breaker) end(now time.Time, went error, probe bool) {
	b.probing = b.probing && !probe
	switch {
	case errors.Is(went, errLeft):
	case went == nil:
		b.faults, b.opened, b.until, b.last = 0, 0, time.Time{}, nil
	default:
		b.faults++
		rest := b.rest(now, went, probe)
		if until := now.Add(rest); rest > 0 && until.After(b.until) {
			b.until, b.last = until, went
		}
	}
}

// rest is for how long a failure opens it; 0: not at all. Questions that were on
// their way when it opened say nothing new, unless the server says for how long.
func (b *breaker) rest(now time.Time, went error, probe bool) time.Duration {
	var later *advisor.Later
	switch {
	case errors.As(went, &later) && later.After > 0:
		return min(later.After, mostLater)
	case errors.Is(went, advisor.ErrRefused):
		return b.shortened(refusedRest)
	case !probe && (b.faults < opensAfter || now.Before(b.until)):
		return 0
	}
	b.opened++
	return b.shortened(min(firstRest<<min(b.opened-1, 10), mostRest))
}

// shortened is d less up to a half, by chance: controllers that ask the same
// server do not come back together.
func (b *breaker) shortened(d time.Duration) time.Duration {
	return d - time.Duration(b.random.Float64()*float64(d)/2)
}
