package kubernetes

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// lookups answers a question that many ask with one request: who asks while
// another does waits for that answer, and an answer serves for a moment. The
// zero value is ready for use.
//
//	Autoscaler 1  asks ──► request ──► answer
//	Autoscaler 2     waits ───────────► the same
//	Autoscaler 3                          the same, a second later
type lookups[T any] struct {
	mu  sync.Mutex // guards all; nobody does I/O under it
	all map[string]*lookup[T]
}

// lookup is one question with its newest answer.
type lookup[T any] struct {
	turn  chan struct{} // whose turn it is to ask or to read holds the one token
	used  time.Time     // under the mutex of all
	at    time.Time     // zero: nobody has been answered yet
	value T
	err   error
}

// forgotten is how long a question is remembered that nobody asks any more.
const forgotten = time.Minute

// get returns the answer to a question that is not older than fresh, an error
// included: what fails for one fails for the others.
func (l *lookups[T]) get(ctx context.Context, question string, fresh time.Duration, ask func(context.Context) (T, error)) (T, error) {
	one := l.of(question, clock.System.Now())
	var none T
	select {
	case one.turn <- struct{}{}:
		defer func() { <-one.turn }()
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	if age := clock.System.Now().Sub(one.at); !one.at.IsZero() && age >= 0 && age < fresh {
		return one.value, one.err
	}
	value, err := ask(ctx)
	if err != nil && ctx.Err() != nil {
		return none, err // that one had no more patience says nothing to the others
	}
	one.value, one.err, one.at = value, err, clock.System.Now()
	return value, err
}

func (l *lookups[T]) of(question string, now time.Time) *lookup[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[question]
	if !known {
		if l.all == nil {
			l.all = map[string]*lookup[T]{}
		}
		maps.DeleteFunc(l.all, func(_ string, old *lookup[T]) bool { return now.Sub(old.used) > forgotten })
		one = &lookup[T]{turn: make(chan struct{}, 1)}
		l.all[question] = one
	}
	one.used = now
	return one
}
