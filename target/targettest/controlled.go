package targettest

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// patience is the longest wait for a status on a busy machine.
const patience = 90 * time.Second

// running is a target with work of its own.
type running interface {
	target.Target
	target.Runner
}

// Controlled is a real target in a test, and what a controller does with it.
type Controlled[M running] struct {
	T      *testing.T
	Target M
	// Leave ends the controller's work; the replicas stay.
	Leave func()
}

// Run starts the target's own work; it ends with the test at the latest.
func (c *Controlled[M]) Run() { c.Leave = run(c.T, c.Target) }

// run returns what ends the work and waits for it.
func run(t *testing.T, runner target.Runner) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(leave)
	return leave
}

// Set asks for n replicas.
func (c *Controlled[M]) Set(n int) {
	c.T.Helper()
	if err := c.Target.SetReplicas(c.T.Context(), n); err != nil {
		c.T.Fatal(err)
	}
}

// Status is that of the target.
func (c *Controlled[M]) Status() target.Status {
	c.T.Helper()
	s, err := c.Target.Status(c.T.Context())
	if err != nil {
		c.T.Fatal(err)
	}
	return s
}

// Until waits for a status in which the condition holds.
func (c *Controlled[M]) Until(what string, holds func(target.Status) bool) target.Status {
	c.T.Helper()
	return until(c.T, patience, what, c.Status, holds)
}

func until(t *testing.T, patience time.Duration, what string, status func() target.Status, holds func(target.Status) bool) target.Status {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		s := status()
		if holds(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until %s; last status: %+v", patience, what, s)
		}
	}
}

// Ready is a condition for Until: exactly n replicas, all of them ready.
func Ready(n int) func(target.Status) bool {
	return func(s target.Status) bool { return len(s.Replicas) == n && ReadyCount(s) == n }
}

// ReadyCount is how many replicas can take work.
func ReadyCount(s target.Status) int { return len(takingWork(s)) }

// Told is a condition for Until: a condition of this type is shown.
func Told(kind string) func(target.Status) bool {
	return func(s target.Status) bool { return Condition(s, kind).Type != "" }
}

// Says is a condition for Until: one of this type is shown, with these words.
func Says(kind, words string) func(target.Status) bool {
	return func(s target.Status) bool { return strings.Contains(Condition(s, kind).Message, words) }
}

// Condition is that of a type; one without a type where it is not shown.
func Condition(s target.Status, kind string) scale.Condition {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return scale.Condition{}
}

// Has reports whether there is a replica of that ID.
func Has(s target.Status, id string) bool {
	return slices.ContainsFunc(s.Replicas, func(r scale.Replica) bool { return r.ID == id })
}

// Log writes to the test's output.
func Log(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
