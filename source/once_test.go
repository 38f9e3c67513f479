package source_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// worker is a source that must run for some time before it has a value.
type worker struct {
	takes   time.Duration
	fault   error // why it has none yet
	ready   atomic.Bool
	running atomic.Bool
}

func (w *worker) Signals() []string { return []string{"x"} }

func (w *worker) Collect(context.Context) ([]scale.Sample, error) {
	if !w.ready.Load() {
		return nil, w.fault
	}
	return []scale.Sample{{Signal: "x", Value: 1}}, nil
}

func (w *worker) Run(ctx context.Context) error {
	w.running.Store(true)
	defer w.running.Store(false)
	select {
	case <-time.After(w.takes):
		w.ready.Store(true)
		<-ctx.Done()
	case <-ctx.Done():
	}
	return nil
}

func TestOnceRunsASourceUntilItDelivers(t *testing.T) {
	fault := errors.New("refused")
	for name, tc := range map[string]struct {
		takes   time.Duration
		fault   error
		samples int
		says    string
	}{
		"in time":          {3 * time.Second, nil, 1, ""},
		"too late":         {time.Hour, nil, 0, "nothing was measured in time"},
		"and it knows why": {time.Hour, fault, 0, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &worker{takes: tc.takes, fault: tc.fault}
				samples, err := source.Once(t.Context(), w, clock.System, 5*time.Second)
				if len(samples) != tc.samples || (err == nil) != (tc.says == "") || err != nil && err.Error() != tc.says {
					t.Errorf("got %d samples and %v, want %d and %q", len(samples), err, tc.samples, tc.says)
				}
				if w.running.Load() {
					t.Error("it still runs")
				}
			})
		})
	}
}

// slow answers each question, after a while.
type slow struct{ takes time.Duration }

func (slow) Signals() []string { return []string{"x"} }

func (s slow) Collect(ctx context.Context) ([]scale.Sample, error) {
	select {
	case <-time.After(s.takes):
		return []scale.Sample{{Signal: "x", Value: 1}}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A source that does not work between calls has the time it has when it runs.
func TestOnceWaitsForASlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if samples, err := source.Once(t.Context(), slow{8 * time.Second}, clock.System, time.Second); len(samples) != 1 || err != nil {
			t.Errorf("after 8 s: got %d samples and %v, want one", len(samples), err)
		}
		if _, err := source.Once(t.Context(), slow{time.Hour}, clock.System, time.Second); !errors.Is(err, source.ErrPatience) {
			t.Errorf("after an hour: got %v, want that patience ended", err)
		}
	})
}
