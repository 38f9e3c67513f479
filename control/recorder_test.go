package control_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
)

// disk is a store that may be full.
type disk struct {
	record.Store
	mu      sync.Mutex
	full    bool
	entries []record.Entry
	values  map[string]string
}

func (d *disk) Write(_ context.Context, b record.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return record.ErrFull
	}
	d.entries = append(d.entries, b.Entries...)
	for _, v := range b.Values {
		d.values[v.Target] = string(v.Data)
	}
	return nil
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// recording runs a recorder on a bus until stop is called, which returns what
// Run returned.
func recording(t *testing.T, d record.Store, log slog.Handler) (b bus.Bus, stop func() error) {
	t.Helper()
	b = memory.New()
	ctx, cancel := context.WithCancel(t.Context())
	ended, listening := make(chan error), make(chan struct{})
	go func() {
		r := control.Recorder{Bus: b, Store: d, Clock: clock.System, Log: slog.New(log), Every: time.Second, Listening: func() { close(listening) }}
		ended <- r.Run(ctx)
	}()
	<-listening
	return b, func() error { cancel(); return <-ended }
}

func publish[T any](t *testing.T, topic bus.Topic[T], message T) {
	t.Helper()
	if err := topic.Publish(t.Context(), message); err != nil {
		t.Fatal(err)
	}
}

func decidedAt(target string, at time.Time, n int) record.Decided {
	return record.Decided{Mode: scale.Apply, Decision: scale.Decision{Target: target, At: at, DesiredReplicas: n}}
}

// A full disk must not cost a decision: they are kept until there is room.
func TestRecorderLosesNothingWhileTheStoreIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{values: map[string]string{}}
		b, stop := recording(t, d, slog.DiscardHandler)
		var want []int
		for i := range 100 {
			d.fill(i >= 20 && i < 60)
			publish(t, control.Decisions(b, "shop"), decidedAt("shop", time.Now(), i))
			publish(t, control.Memories(b, "shop"), control.Memory{Target: "shop", Data: fmt.Appendf(nil, "memory %d", i)})
			want = append(want, i)
			time.Sleep(300 * time.Millisecond)
		}
		if err := stop(); err != nil {
			t.Errorf("everything could be written in the end: got %v", err)
		}
		var got []int
		for _, e := range d.entries {
			got = append(got, e.Decided.Decision.DesiredReplicas)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("decisions in the store (-want +got):\n%s", diff)
		}
		if d.values["shop"] != "memory 99" {
			t.Errorf("memory: got %q, want the newest", d.values["shop"])
		}
	})
}

// What was published just before the end is written at the end.
func TestRecorderWritesWhatIsLeftAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{values: map[string]string{}}
		b, stop := recording(t, d, slog.DiscardHandler)
		const targets = 3000
		for i := range targets {
			name := fmt.Sprintf("shop-%d", i)
			d := decidedAt(name, time.Now(), i)
			d.Outlook, d.Budget = &record.Outlook{Load: 1}, &record.Budget{Spent: 1}
			publish(t, control.Decisions(b, name), d)
		}
		publish(t, control.Changes(b, "shop-1"), record.Applied{Target: "shop-1", From: 1, To: 2})
		publish(t, control.Events(b, "shop-1"), record.Event{Target: "shop-1", Type: control.ModeChanged, By: "ann"})
		if err := stop(); err != nil {
			t.Error(err)
		}
		count := map[record.Kind]int{}
		for _, e := range d.entries {
			count[e.Kind()]++
			if e.Decided != nil && (e.Decided.Outlook != nil || e.Decided.Budget != nil) {
				t.Fatalf("the record keeps what only who listens is told: %+v", e.Decided)
			}
		}
		want := map[record.Kind]int{record.DecidedKind: targets, record.AppliedKind: 1, record.EventKind: 1}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("entries by kind (-want +got):\n%s", diff)
		}
	})
}

func TestChroniclerTellsWhatBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		ctx, cancel := context.WithCancel(t.Context())
		events, err := control.Events(b, control.All).Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var running sync.WaitGroup
		running.Go(func() {
			for e := range events {
				got = append(got, e.Type+" "+e.Message)
			}
		})
		running.Go(func() {
			_ = (&control.Chronicler{Bus: b, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
		})
		synctest.Wait()
		status := scaletestStatus(scale.Condition{Type: scale.CrashLoop, Message: "3 failed starts"})
		fault := []control.Fault{{From: "balancer", Error: "no answer"}}
		for _, r := range []control.Report{
			{Measured: true, Status: scaletestStatus()},
			{Measured: true, Status: status, Faults: fault},
			{Measured: true, Status: status, Faults: fault}, // nothing new
			{Status: status},                // sources were not read: the fault may last
			{Measured: true, Faults: fault}, // the target was not read: the condition may last
			{Measured: true, Status: scaletestStatus()},
			{Status: &target.Status{Replicas: scaletest.Replicas(3, 0)}},
			{Status: &target.Status{Replicas: leaving(scaletest.Replicas(3, 0), 1)}},
			{Status: &target.Status{Replicas: scaletest.Replicas(1, 0)}}, // r-001 was told to, r-002 was not
			{Status: &target.Status{Replicas: scaletest.Replicas(3, 0), SpecReplicas: 3}},
			{Status: &target.Status{Replicas: scaletest.Replicas(2, 0), SpecReplicas: 2}},                      // told to, and gone at once
			{Status: &target.Status{Replicas: dead(leaving(scaletest.Replicas(2, 0), 1), 1), SpecReplicas: 2}}, // killed, and being taken away
			{Status: &target.Status{Replicas: scaletest.Replicas(1, 0), SpecReplicas: 2}},
		} {
			r.Target = "shop"
			publish(t, control.Reports(b, "shop"), r)
		}
		publish(t, control.Changes(b, "shop"), record.Applied{Target: "shop", From: 3, To: 5})
		publish(t, control.Changes(b, "shop"), record.Applied{Target: "shop", From: 5, To: 4, Error: "refused"})
		synctest.Wait()
		cancel()
		running.Wait()
		want := []string{
			"ConditionBegan CrashLoop: 3 failed starts", "FaultBegan balancer cannot be read: no answer",
			"ConditionEnded CrashLoop is over", "FaultEnded balancer can be read again",
			"ReplicaEnded r-002 ended without having been told to", "ReplicaEnded r-001 ended without having been told to",
			"ScaledUp 3 → 5 replicas", "ScaleFailed 5 → 4 replicas: refused",
		}
		slices.Sort(want) // reports and changes come over two topics
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// dead has one replica end.
func dead(all []scale.Replica, i int) []scale.Replica {
	all[i].Phase = scale.Failed
	return all
}

// leaving tells one replica to end.
func leaving(all []scale.Replica, i int) []scale.Replica {
	all[i].DeletedAt = scaletest.At(0)
	return all
}
