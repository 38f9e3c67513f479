package app

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/flyball-io/flyball/internal/clock"
)

// turns is a lease that the test gives and takes.
type turns struct {
	mu   sync.Mutex // guards what follows
	term int64
	have bool
}

func (l *turns) Term() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.have
}

func (*turns) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (l *turns) set(term int64, have bool) {
	l.mu.Lock()
	l.term, l.have = term, have
	l.mu.Unlock()
	<-clock.System.After(2 * dutyLooked)
	synctest.Wait()
}

// One of two executors waits; it goes on looking after its replicas while the
// bus is away, and leaves them alone once another has the lease.
func TestWhoIsNotTheExecutorDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := &turns{}
		d := &duty{lease: lease, clock: clock.System, log: slog.New(slog.DiscardHandler), target: "web"}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		now := map[string]bool{}
		part := func(name string) func(context.Context) error {
			return func(ctx context.Context) error {
				mu.Lock()
				now[name] = true
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				now[name] = false
				mu.Unlock()
				return ctx.Err() // a part may say that it was cancelled
			}
		}
		var running sync.WaitGroup
		for _, run := range []func() error{
			func() error { return d.while(ctx, part("replicas")) },
			func() error { return d.whileHeld(ctx, part("decisions")) },
			func() error {
				return d.during(ctx, d.held, func(ctx context.Context, held bool) error {
					if !held {
						return part("silence")(ctx)
					}
					return part("reports")(ctx)
				})
			},
		} {
			running.Go(func() {
				if err := run(); err != nil {
					t.Error(err)
				}
			})
		}
		for _, tc := range []struct {
			when      string
			term      int64
			have      bool
			replicas  bool
			decisions bool
		}{
			{"another has it from the start", 0, false, false, false},
			{"it ends", 7, true, true, true},
			{"the bus is away", 7, false, true, false},
			{"the bus is back", 7, true, true, true},
			{"another has taken it", 0, false, false, false},
			{"that ends too", 9, true, true, true},
		} {
			lease.set(tc.term, tc.have)
			mu.Lock()
			if now["replicas"] != tc.replicas || now["decisions"] != tc.decisions || now["reports"] != tc.decisions || now["silence"] == tc.decisions {
				t.Errorf("%s: %v", tc.when, now)
			}
			mu.Unlock()
		}
		cancel()
		running.Wait()
	})
}
