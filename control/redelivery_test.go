package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// cut is a bus that can be kept from announcing changes.
type cut struct {
	*memory.Bus
	mu   sync.Mutex
	dead bool
}

func (c *cut) set(dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = dead
}

func (c *cut) Publish(ctx context.Context, subject string, message any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead && strings.HasPrefix(subject, "applied") {
		return errors.New("the network is cut")
	}
	return c.Bus.Publish(ctx, subject, message)
}

var _ bus.Durable = (*cut)(nil)

// An executor that ends after it told the target and before that is known to
// the others: the next one announces it, and tells the target nothing new.
func TestAChangeThatWasNotAnnouncedIsAnnouncedByTheNext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := &cut{Bus: memory.New()}, newWorld(2)
		run := func() (stop func()) { return fencedOn(t, b, w, file) }
		stop := run()
		b.set(true)
		publish(t, control.Decisions(b, "web"), order(1, 1, 2, 5))
		synctest.Wait()
		stop()
		b.set(false)
		answers, err := control.Changes(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stop = run()
		defer stop()
		if a := receive(t, answers); a.To != 5 || a.Error != "" || a.Seq != 1 {
			t.Errorf("announced %+v, want the change to 5", a)
		}
		if want := []int{5}; !slices.Equal(w.orders(), want) {
			t.Errorf("the target was told %v, want %v", w.orders(), want)
		}
	})
}

// dying is a target that is told a count by an executor that is killed then.
type dying struct {
	*world
	kill context.CancelFunc
}

func (d dying) SetReplicas(ctx context.Context, n int) error {
	_ = d.world.SetReplicas(ctx, n)
	d.kill()
	return ctx.Err()
}

// One that ends while it tells the target: the next tells it the same again.
func TestAnExecutorThatEndsInTheMiddle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := &cut{Bus: memory.New()}, newWorld(2)
		fence, err := control.OpenFence(file)
		if err != nil {
			t.Fatal(err)
		}
		ctx, kill := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- (&control.Executor{Name: "web", Target: dying{w, kill}, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
				Log: slog.New(slog.DiscardHandler), Fence: fence}).Run(ctx)
		}()
		synctest.Wait()
		publish(t, control.Decisions(b, "web"), order(1, 1, 2, 5))
		if err := <-ended; err != nil {
			t.Error(err)
		}
		answers, err := control.Changes(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stop := fencedOn(t, b, w, file)
		defer stop()
		if a := receive(t, answers); a.To != 5 || a.Error != "" {
			t.Errorf("announced %+v, want the change to 5", a)
		}
		if want := []int{5, 5}; !slices.Equal(w.orders(), want) {
			t.Errorf("the target was told %v, want %v: the same again", w.orders(), want)
		}
	})
}

// A measurement that is no number takes no report with it, and is believed by
// nobody afterwards either.
func TestAReportWithImpossibleNumbersTravels(t *testing.T) {
	samples := []scale.Sample{{Signal: "a", Value: math.NaN()}, {Signal: "b", Value: 2}}
	sent := control.Report{Target: "web", Samples: samples,
		Status: &target.Status{SpecReplicas: 3, Replicas: []scale.Replica{{ID: "r", Samples: []scale.Sample{{Signal: "c", Value: math.Inf(1)}}}}}}
	data, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got control.Report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Samples[0].Value >= 0 || got.Samples[1].Value != 2 || got.Status.Replicas[0].Samples[0].Value >= 0 || got.Status.SpecReplicas != 3 {
		t.Errorf("got %+v, want what was sent, the impossible below zero", got)
	}
	if !math.IsNaN(samples[0].Value) {
		t.Error("what was sent was changed")
	}
}
