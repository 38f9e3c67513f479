package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
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

// common is a target that others see too.
type common struct {
	target.Managed
	mu      sync.Mutex // guards what follows
	running bool
	told    []bool
	ended   []bool // each end of Run: another has taken over
}

func (c *common) Alone(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, yes)
}

func (c *common) Run(ctx context.Context) error {
	c.run(true)
	<-ctx.Done()
	c.run(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, errors.Is(context.Cause(ctx), target.ErrReplaced))
	return context.Cause(ctx)
}

func (c *common) run(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = now
}

// A service of a swarm or of Compose may be another executor's once the lease
// was not renewed for its time: its target then changes nothing, and goes on to
// look. Also in a dry run, which is told no counts and starts what has died.
func TestATargetThatOthersSeeIsToldWhetherOthersMayHaveIt(t *testing.T) {
	for _, dry := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			lease, b := &turns{}, memory.New()
			spec := testSpec("web", "127.0.0.1:8080")
			s, err := NewService(t.Context(), spec, spec.elsewherePlane(), Deps{Bus: b, Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir(),
				Split: &Split{Roles: roles.Set{roles.Executor}, Far: b, ExecutorLease: func(string) RunningLease { return lease }}})
			if err != nil {
				t.Fatal(err)
			}
			seen := &common{Managed: s.target}
			s.target = seen
			if dry {
				s.target = roles.Dry{Managed: seen}
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx, func() Ending { return Ending{} }) }()
			for _, tc := range []struct {
				when    string
				term    int64
				have    bool
				running bool
				told    []bool
			}{
				{"another has it", 0, false, false, []bool{false}},
				{"it is ours", 7, true, true, []bool{false, true}},
				{"nobody can tell", 7, false, true, []bool{false, true, false}},
				{"it is ours still", 8, true, true, []bool{false, true, false, true}},
				{"another has taken it", 0, false, false, []bool{false, true, false, true, false}},
				{"that ends too", 9, true, true, []bool{false, true, false, true, false, true}},
			} {
				lease.set(tc.term, tc.have)
				seen.mu.Lock()
				if seen.running != tc.running || !slices.Equal(seen.told, tc.told) {
					t.Errorf("dry %v, %s: runs %v, told %v; want %v, %v", dry, tc.when, seen.running, seen.told, tc.running, tc.told)
				}
				seen.mu.Unlock()
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if want := []bool{true, false}; !slices.Equal(seen.ended, want) {
				t.Errorf("dry %v: another has it at the ends of its work: %v, want %v", dry, seen.ended, want)
			}
		})
	}
}
