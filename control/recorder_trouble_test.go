package control_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
)

// said keeps what is logged.
type said struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func listener() *said { return &said{Handler: slog.DiscardHandler} }

func (s *said) Enabled(context.Context, slog.Level) bool { return true }

func (s *said) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	s.lines = append(s.lines, line)
	return nil
}

// with are the lines that contain a text.
func (s *said) with(text string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// hung is a disk that does not answer.
type hung struct {
	disk
	heeds   bool // ctx
	answers chan struct{}
}

func hanging(heeds bool) *hung {
	return &hung{disk: disk{values: map[string]string{}}, heeds: heeds, answers: make(chan struct{})}
}

func (h *hung) Write(ctx context.Context, b record.Batch) error {
	var done <-chan struct{}
	if h.heeds {
		done = ctx.Done()
	}
	select {
	case <-h.answers:
		return h.disk.Write(ctx, b)
	case <-done:
		return ctx.Err()
	}
}

func decideEach(t *testing.T, b bus.Bus, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		publish(t, control.Decisions(b, "shop"), decidedAt("shop", time.Now(), i))
		if i%100 == 0 {
			synctest.Wait() // those who listen have room for some
		}
	}
	synctest.Wait()
}

func (d *disk) counts() (all []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		all = append(all, e.Decided.Decision.DesiredReplicas)
	}
	return all
}

// What is lost at the end is not lost without a word.
func TestRecorderTellsWhatIsLeftAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := &disk{values: map[string]string{}}, listener()
		b, stop := recording(t, d, log)
		d.fill(true)
		decideEach(t, b, 0, 7)
		err := stop()
		if !errors.Is(err, record.ErrFull) || !strings.Contains(err.Error(), "7 entries") {
			t.Errorf("got %v, want ErrFull and 7 entries", err)
		}
		if lines := log.with("entries=7"); len(lines) != 1 {
			t.Errorf("log says %q, want one line with entries=7", log.lines)
		}
	})
}

// A disk that never answers holds neither the end up nor memory.
func TestRecorderEndsAndStaysBoundedWhileAWriteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := hanging(false), listener()
		b, stop := recording(t, d, log)
		decideEach(t, b, 0, 1)
		time.Sleep(2 * time.Second) // that one is being written
		decideEach(t, b, 1, 60_001)
		time.Sleep(2 * time.Minute)
		decideEach(t, b, 60_001, 60_011)
		began := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "50001 entries") {
			t.Errorf("got %v, want 50000 entries and the one under way", err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end took %s, want at most 10 s", took)
		}
		lost := log.with("oldest entries are lost")
		if len(lost) < 1 || len(lost) > 3 || !strings.Contains(strings.Join(lost, " "), "entries=10") {
			t.Errorf("lines about lost entries: %q, want one a minute and all counted", lost)
		}
		if len(log.with("does not answer")) != 1 {
			t.Errorf("log says %q, want that the store does not answer", log.lines)
		}
		close(d.answers)
		synctest.Wait()
	})
}

// A store that hangs for a while is tried again, and gets everything once.
func TestRecorderTriesAgainAfterAWriteThatHung(t *testing.T) {
	for name, heeds := range map[string]bool{"the store gives up when asked to": true, "the store goes on": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := hanging(heeds)
				b, stop := recording(t, d, slog.DiscardHandler)
				decideEach(t, b, 0, 10)
				time.Sleep(100 * time.Second)
				decideEach(t, b, 10, 20)
				close(d.answers)
				time.Sleep(5 * time.Second)
				if got := d.counts(); len(got) != 20 || got[0] != 0 || got[19] != 19 {
					t.Errorf("in the store: %v, want 0 to 19, each once", got)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Much that was kept is written in parts, each in its time.
func TestRecorderWritesMuchInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &parts{disk: disk{values: map[string]string{}}}
		d.fill(true)
		b, stop := recording(t, d, slog.DiscardHandler)
		decideEach(t, b, 0, 20_000)
		d.fill(false)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := d.counts(); len(got) != 20_000 || d.largest > 5000 {
			t.Errorf("%d entries, at most %d in one write; want 20000 and 5000", len(got), d.largest)
		}
	})
}

// parts remembers the largest batch.
type parts struct {
	disk
	largest int
}

func (p *parts) Write(ctx context.Context, b record.Batch) error {
	p.largest = max(p.largest, len(b.Entries))
	return p.disk.Write(ctx, b)
}
