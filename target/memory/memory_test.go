package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/memory"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Harness{
		New: func(_ *testing.T, traffic target.Traffic) target.Target {
			cfg := memory.Config{StartupDelay: 10 * time.Millisecond, TerminationDelay: 5 * time.Millisecond}
			return memory.New(cfg, clock.System, traffic)
		},
		Reopen: func(_ *testing.T, predecessor target.Target) target.Target { return predecessor },
	})
}

// story runs a target in a bubble of its own time.
func story(t *testing.T, cfg memory.Config, tell func(t *testing.T, tgt *memory.Target)) {
	synctest.Test(t, func(t *testing.T) {
		tgt := memory.New(cfg, clock.System, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tgt.Run(ctx) }()
		tell(t, tgt)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func replicas(t *testing.T, tgt *memory.Target) []scale.Replica {
	t.Helper()
	synctest.Wait()
	status, err := tgt.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.Replicas
}

func TestReadyAfterTheStartupDelay(t *testing.T) {
	story(t, memory.Config{StartupDelay: 30 * time.Second}, func(t *testing.T, tgt *memory.Target) {
		if err := tgt.SetReplicas(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*time.Second - time.Nanosecond)
		if r := replicas(t, tgt)[0]; r.TakesWork() {
			t.Errorf("ready before the start-up delay: %+v", r)
		}
		time.Sleep(time.Nanosecond)
		if r := replicas(t, tgt)[0]; !r.TakesWork() {
			t.Errorf("not ready after the start-up delay: %+v", r)
		}
	})
}

func TestReplicasWithoutRoomStayPending(t *testing.T) {
	story(t, memory.Config{Capacity: 2}, func(t *testing.T, tgt *memory.Target) {
		if err := tgt.SetReplicas(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		if r := replicas(t, tgt)[2]; r.Phase != scale.Pending || !r.StartedAt.IsZero() {
			t.Errorf("the third of two: %+v, want it pending", r)
		}
		tgt.SetCapacity(0)
		if r := replicas(t, tgt)[2]; !r.TakesWork() {
			t.Errorf("with room again: %+v", r)
		}
	})
}

func TestCrashedReplicaIsReplaced(t *testing.T) {
	story(t, memory.Config{}, func(t *testing.T, tgt *memory.Target) {
		if err := tgt.SetReplicas(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		first := replicas(t, tgt)[0].ID
		if err := tgt.Crash(first); err != nil {
			t.Fatal(err)
		}
		if got := replicas(t, tgt); len(got) != 1 || got[0].ID == first || !got[0].TakesWork() {
			t.Errorf("after the crash of %s: %+v", first, got)
		}
	})
}

func TestSickReplicaTakesNoWork(t *testing.T) {
	story(t, memory.Config{}, func(t *testing.T, tgt *memory.Target) {
		if err := tgt.SetReplicas(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		id := replicas(t, tgt)[0].ID
		for _, ready := range []bool{false, true} {
			if err := tgt.SetReady(id, ready); err != nil {
				t.Fatal(err)
			}
			if r := replicas(t, tgt)[0]; r.TakesWork() != ready {
				t.Errorf("SetReady(%v): %+v", ready, r)
			}
		}
	})
}

func TestFaultsAreReturned(t *testing.T) {
	broken := errors.New("the world is on fire")
	tgt := memory.New(memory.Config{}, clock.System, nil)
	tgt.FailStatus(broken)
	tgt.FailSetReplicas(broken)
	if _, err := tgt.Status(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Status: %v", err)
	}
	if err := tgt.SetReplicas(t.Context(), 1); !errors.Is(err, broken) {
		t.Errorf("SetReplicas: %v", err)
	}
	if err := tgt.Crash("nobody"); err == nil {
		t.Error("crashing a replica that does not exist gave no error")
	}
}
