package control_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus"
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

// deafBus is one whose server is away now and then.
type deafBus struct {
	bus.Bus
	away atomic.Bool
}

func (b *deafBus) Publish(ctx context.Context, subject string, message any) error {
	if b.away.Load() {
		return errors.New("no server")
	}
	return b.Bus.Publish(ctx, subject, message)
}

func TestReportsThatNobodyHearsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &deafBus{Bus: memory.New()}
		m := &control.Monitor{Name: "web", Target: newWorld(1), Interval: time.Second,
			Reports: control.Reports(b, "web"), Clock: clock.System, Log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		for _, away := range []bool{false, true, false} {
			b.away.Store(away)
			pass(10 * time.Second)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, words := range []string{"reports are lost", "reports are heard again"} {
			if n := strings.Count(log.String(), words); n != 1 {
				t.Errorf("%q was told %d times, want once:\n%s", words, n, log.String())
			}
		}
	})
}
