//go:build linux

package containers

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// crew is a target behind a balancer and the stages between them, all but the
// one that decides: the test does.
type crew struct {
	t      *testing.T
	cfg    target.Config
	dir    string // what outlives a controller
	target target.Managed
	front  front
	log    *complaints
	parts  []func() // end what runs, in the order of its beginning
}

// interval is the time between two looks, that of a live loop.
const interval = time.Second

func assemble(t *testing.T, kind, balancer string) *crew {
	t.Helper()
	return put(t, kinds[kind](t, behaviour(kind)), fronts[balancer])
}

// put is a service behind a balancer, running.
func put(t *testing.T, cfg target.Config, before func(*testing.T, *slog.Logger) front) *crew {
	t.Helper()
	c := &crew{t: t, cfg: cfg, dir: t.TempDir(), log: &complaints{Handler: slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})}}
	c.front = before(t, slog.New(c.log))
	c.begin()
	return c
}

// begin is how a controller begins.
func (c *crew) begin() {
	c.t.Helper()
	log := slog.New(c.log)
	opened, err := c.cfg.Open("web", target.Options{Clock: clock.System, Log: log, Traffic: c.front.plane, StateDir: c.dir, DieWithController: true})
	must(c.t, err)
	c.target = opened
	c.run(log)
}

// replace ends the controller, not the replicas nor the program before them, and
// begins another one. Replicas that are processes end with it all the same.
func (c *crew) replace() {
	c.t.Helper()
	for _, end := range slices.Backward(c.parts) {
		end()
	}
	c.front.plane, c.parts = c.front.open(), nil
	c.begin()
}

// run starts all parts. They end with the test: the loop first, the replicas
// next, and the balancer last.
func (c *crew) run(log *slog.Logger) {
	b := memory.New()
	c.part("balancer", c.front.plane.Run)
	c.part("target", c.target.Run)
	mine := c.target
	if ours, ok := mine.(target.Stopper); ok {
		c.t.Cleanup(func() {
			if c.target != mine {
				return // another one looks after the replicas
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := ours.Stop(ctx); err != nil {
				c.t.Errorf("stop: %v", err)
			}
		})
	}
	router := &control.Router{Name: "web", Balancer: c.front.plane, Reports: control.Reports(b, "web"), Clock: clock.System, Log: log}
	monitor := &control.Monitor{Name: "web", Target: c.target, Sources: map[string]source.Source{"balancer": c.front.plane},
		Interval: interval, Reports: control.Reports(b, "web"), Clock: clock.System, Log: log}
	c.part("router", router.Run)
	c.part("monitor", monitor.Run)
}

func (c *crew) part(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			c.t.Errorf("%s ended: %v", name, err)
		}
	})
	end := func() { cancel(); running.Wait() }
	c.parts = append(c.parts, end)
	c.t.Cleanup(end)
}

// scale sets the count, and waits until so many are ready and the balancer sends
// to exactly these; it returns how long the second took after the first.
func (c *crew) scale(n int) (late time.Duration) {
	c.t.Helper()
	must(c.t, c.target.SetReplicas(c.t.Context(), n))
	var ready []string
	eventually(c.t, "so many are ready", func() bool {
		ready = c.ready()
		return len(ready) == n
	})
	began := time.Now()
	eventually(c.t, "the balancer sends to them", func() bool {
		ready = c.ready()
		return slices.Equal(c.backends(), ready)
	})
	return time.Since(began)
}

// ready are the replicas that take work, sorted.
func (c *crew) ready() []string {
	status, err := c.target.Status(c.t.Context())
	must(c.t, err)
	var ids []string
	for i := range status.Replicas {
		if status.Replicas[i].TakesWork() {
			ids = append(ids, status.Replicas[i].ID)
		}
	}
	return ids
}

// backends are those that the balancer sends to, sorted.
func (c *crew) backends() []string {
	all, err := c.front.plane.Backends(c.t.Context())
	must(c.t, err)
	var ids []string
	for _, b := range all {
		if b.State == "active" {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// complaints counts what is logged as a warning or worse.
type complaints struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

// Handle notes the message and passes it on.
func (l *complaints) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		l.mu.Lock()
		l.said = append(l.said, r.Message)
		l.mu.Unlock()
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup keep counting in one place.
func (l *complaints) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *complaints) WithGroup(string) slog.Handler      { return l }

// about returns what was said with one of these messages.
func (l *complaints) about(messages ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, said := range l.said {
		if slices.Contains(messages, said) {
			found = append(found, said)
		}
	}
	return found
}
