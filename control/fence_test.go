package control_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// order is a decision by the planner of a term.
func order(term, seq int64, from, to int) record.Decided {
	return record.Decided{Mode: scale.Apply, Mark: record.Mark{Term: term, Seq: seq},
		Decision: scale.Decision{Target: "web", CurrentReplicas: from, DesiredReplicas: to}}
}

// fencedOn runs an executor whose fence is in a file; stop ends it.
func fencedOn(t *testing.T, b bus.Bus, w *world, file string) (stop func()) {
	t.Helper()
	return executes(t, b, file, &control.Executor{Target: w, Log: slog.New(slog.DiscardHandler)})
}

// executes runs an executor of web whose fence is in a file; stop ends it.
func executes(t *testing.T, b bus.Bus, file string, e *control.Executor) (stop func()) {
	t.Helper()
	fence, err := control.OpenFence(file)
	if err != nil {
		t.Fatal(err)
	}
	e.Name, e.Decisions, e.Changes, e.Fence = "web", control.Decisions(b, "web"), control.Changes(b, "web"), fence
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return func() { cancel(); running.Wait() }
}

func TestTwoPlannersCannotFight(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := memory.New(), newWorld(2)
		answers, err := control.Changes(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		decide := func(d record.Decided) { publish(t, control.Decisions(b, "web"), d); synctest.Wait() }
		stop := fencedOn(t, b, w, file)
		decide(order(1, 1, 2, 3))
		decide(order(2, 1, 3, 5)) // somebody else has taken over
		decide(order(1, 2, 3, 1)) // and the first does not know yet
		stop()
		stop = fencedOn(t, b, w, file)
		defer stop()
		decide(order(1, 3, 3, 1)) // nor after a restart of the executor
		decide(order(2, 2, 5, 4))
		decide(order(2, 2, 5, 4)) // comes again: it was done
		decide(order(2, 1, 3, 5)) // comes again late: it is over
		if want := []int{3, 5, 4}; !slices.Equal(w.orders(), want) {
			t.Errorf("the target was told %v, want %v", w.orders(), want)
		}
		var refused, done []record.Mark
		for len(answers) > 0 || len(refused)+len(done) < 6 {
			a := <-answers
			if strings.Contains(a.Error, "refused") {
				refused = append(refused, a.Mark)
			} else {
				done = append(done, a.Mark)
			}
		}
		if want := []record.Mark{{Term: 1, Seq: 2}, {Term: 1, Seq: 3}}; !slices.Equal(refused, want) {
			t.Errorf("refused %v, want %v", refused, want)
		}
		if want := []record.Mark{{Term: 1, Seq: 1}, {Term: 2, Seq: 1}, {Term: 2, Seq: 2}, {Term: 2, Seq: 2}}; !slices.Equal(done, want) {
			t.Errorf("answered %v, want %v: what comes again is answered again", done, want)
		}
	})
}

// Decisions that were made while no executor ran: the newest alone is obeyed.
func TestAnExecutorThatComesBackObeysTheNewest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := memory.New(), newWorld(2)
		fencedOn(t, b, w, file)()
		for seq, to := range []int{3, 9, 4} {
			publish(t, control.Decisions(b, "web"), order(1, int64(seq+1), 2, to))
		}
		stop := fencedOn(t, b, w, file)
		defer stop()
		if want := []int{4}; !slices.Equal(w.orders(), want) {
			t.Errorf("the target was told %v, want %v", w.orders(), want)
		}
	})
}

func TestAFenceThatCannotBeReadIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.OpenFence(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// turns is a lease that the test gives and takes.
type turns struct {
	mu   sync.Mutex
	term int64
	held bool
}

func (l *turns) Term() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.held
}

func (l *turns) set(term int64, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term, l.held = term, held
}

// A planner speaks in its turn alone, and numbers what it says.
func TestAPlannerWithoutItsLeaseIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := newWorld(2), &turns{}
		w.with(func(w *world) { w.concurrency = 4 })
		decisions := startLeased(t, w, plan(t, scale.Apply, 2), lease)
		pass(time.Minute)
		if got := decisions(); len(got) != 0 {
			t.Fatalf("%d decisions without the lease, want none", len(got))
		}
		lease.set(7, true)
		pass(time.Minute)
		lease.set(7, false)
		pass(time.Minute)
		lease.set(9, true)
		pass(15 * time.Second)
		var marks []record.Mark
		for _, d := range decisions() {
			marks = append(marks, d.Mark)
		}
		want := []record.Mark{{Term: 7, Seq: 1}, {Term: 7, Seq: 2}, {Term: 7, Seq: 3}, {Term: 7, Seq: 4}, {Term: 9, Seq: 1}}
		if !slices.Equal(marks, want) {
			t.Errorf("decisions %v, want %v", marks, want)
		}
	})
}
