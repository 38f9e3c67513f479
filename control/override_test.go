package control_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

func scaletestStatus(conditions ...scale.Condition) *target.Status {
	return &target.Status{Conditions: conditions}
}

// orders are the counts that were ordered so far.
func (w *world) orders() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sets)
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spec
}

// A pause set by hand ends by itself; what the load asked for meanwhile is then
// applied, and the pause has started no cooldown and used up no rate.
func TestPauseByHandEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		overrides := make(chan *record.Override, 1)
		decisions, _ := startWith(t, w, plan(t, scale.Apply, 2), overrides)
		until := time.Now().Add(10 * time.Minute)
		overrides <- &record.Override{Mode: scale.Paused, Until: &until, By: "ann"}
		synctest.Wait()
		w.with(func(w *world) { w.concurrency = 16 })
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if len(w.orders()) != 0 {
			t.Fatalf("paused, but applied %v", w.orders())
		}
		if last := decisions()[len(decisions())-1]; last.Mode != scale.Paused || last.Decision.DesiredReplicas <= 2 {
			t.Errorf("while paused: %s %d, want it shown as Paused with the wish for more", last.Mode, last.Decision.DesiredReplicas)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(w.orders()) == 0 || w.count() != 8 {
			t.Errorf("after the pause: applied %v, want 8 replicas in the end", w.orders())
		}
	})
}

// Taking the override back returns to what the document says.
func TestOverrideGivesWayToTheDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.with(func(w *world) { w.concurrency = 16 })
		overrides := make(chan *record.Override, 1)
		decisions, _ := startWith(t, w, plan(t, scale.Recommend, 2), overrides)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.orders()) != 0 {
			t.Fatalf("the document says Recommend, but applied %v", w.orders())
		}
		overrides <- &record.Override{Mode: scale.Apply}
		time.Sleep(time.Minute)
		synctest.Wait()
		applied := len(w.orders())
		if applied == 0 {
			t.Fatal("set to Apply by hand, but nothing was applied")
		}
		overrides <- nil
		synctest.Wait()
		w.with(func(w *world) { w.concurrency = 20 })
		time.Sleep(time.Minute)
		synctest.Wait()
		if last := decisions()[len(decisions())-1]; len(w.orders()) != applied || last.Mode != scale.Recommend {
			t.Errorf("taken back: %d changes, mode %s; want %d and Recommend", len(w.orders()), last.Mode, applied)
		}
	})
}
