package control_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
)

// An engine is away: the target still says what it knows, and cannot be
// measured. That is told once, and once when it is over, whatever they are
// called.
func TestWhatCannotBeReadIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(1)
		m := &control.Monitor{Name: "web", Target: w, Sources: map[string]source.Source{"target": w}, Interval: time.Second,
			Reports: control.Reports(memory.New(), "web"), Clock: clock.System, Log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		for _, away := range []error{nil, errors.New("engine away"), nil} {
			w.with(func(w *world) { w.sourceErr = away })
			pass(10 * time.Second)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, words := range []string{"cannot read", "can read again"} {
			if n := strings.Count(log.String(), words); n != 1 {
				t.Errorf("%q was told %d times, want once:\n%s", words, n, log.String())
			}
		}
	})
}
