// Package sourcetest holds the promises of source.Source as tests that every
// source runs.
package sourcetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/source"
)

// Harness makes a source and says what it must deliver.
type Harness struct {
	// New returns a source that measures something alive.
	New func(t *testing.T) source.Source
	// Now is the clock the source dates its samples with.
	Now func() time.Time
	// Signals must be among what it delivers for the whole target.
	Signals []string
	// Break makes what the source measures fail; nil when it cannot fail.
	Break func(t *testing.T, s source.Source)
}

// Run checks the source of the harness.
func Run(t *testing.T, h Harness) {
	t.Run("samples are named, dated and plausible", func(t *testing.T) {
		for _, s := range collect(t, h.New(t)) {
			if s.Signal == "" {
				t.Errorf("a sample without a name: %+v", s)
			}
			if s.At.IsZero() || s.At.After(h.Now().Add(time.Second)) {
				t.Errorf("%s is dated %v, now is %v", s.Signal, s.At, h.Now())
			}
			if s.Window < 0 || !series.Finite(s.Value) {
				t.Errorf("%s: value %v over %v", s.Signal, s.Value, s.Window)
			}
		}
	})
	t.Run("it delivers what it is there for", func(t *testing.T) {
		delivered := map[string]bool{}
		for _, s := range collect(t, h.New(t)) {
			if s.Replica == "" {
				delivered[s.Signal] = true
			}
		}
		for _, name := range h.Signals {
			if !delivered[name] {
				t.Errorf("no sample of %s for the target", name)
			}
		}
	})
	t.Run("it delivers nothing that it does not name", func(t *testing.T) {
		made := h.New(t)
		names := made.Signals()
		for _, s := range collect(t, made) {
			if !slices.Contains(names, s.Signal) {
				t.Errorf("%s (replica %q) is not among its signals %v", s.Signal, s.Replica, names)
			}
		}
	})
	t.Run("each moment of a value is delivered once per look, in its order", func(t *testing.T) {
		type key struct{ signal, replica, container string }
		newest := map[key]time.Time{}
		for _, s := range collect(t, h.New(t)) {
			k := key{s.Signal, s.Replica, s.Container}
			if before, seen := newest[k]; seen && !s.At.After(before) {
				t.Errorf("%+v of %v comes after that of %v", k, s.At, before)
			}
			newest[k] = s.At
		}
	})
	t.Run("several may look at the same time", func(t *testing.T) {
		s := h.New(t)
		var looking sync.WaitGroup
		for range 8 {
			looking.Go(func() {
				for range 20 {
					if _, err := s.Collect(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		looking.Wait()
	})
	if h.Break == nil {
		return
	}
	t.Run("what cannot be measured is an error, never a zero", func(t *testing.T) {
		s := h.New(t)
		h.Break(t, s)
		samples, err := s.Collect(t.Context())
		if err == nil {
			t.Errorf("no error, and %d samples", len(samples))
		}
		for _, sample := range samples {
			if sample.Value == 0 && sample.Replica == "" {
				t.Errorf("%s is 0 although it could not be measured", sample.Signal)
			}
		}
	})
	t.Run("a look ends with its context", func(t *testing.T) {
		s := h.New(t)
		h.Break(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Collect(ctx); err == nil {
			t.Error("no error although the context had ended")
		}
	})
}

func collect(t *testing.T, s source.Source) []scale.Sample {
	t.Helper()
	samples, err := s.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return samples
}
