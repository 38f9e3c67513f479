package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// A replica that is refused never was: its end is no news, and neither is the
// same refusal again.
func TestARefusalIsToldOnce(t *testing.T) {
	for name, refusal := range map[string]error{"named": fmt.Errorf("%w: web:1", docker.ErrNoImage), "in its own words": errors.New("no space left")} {
		t.Run(name, func(t *testing.T) {
			tell(t, nil, func(s *story) {
				s.engine.set(func() { s.engine.refuse = refusal })
				s.ask(3)
				s.after(4 * time.Second)
				if s.said("\n") != 1 || s.said("replica failed") != 1 {
					t.Errorf("four tries, told is\n%s", s.log.String())
				}
				s.engine.set(func() { s.engine.refuse = errors.New("another reason") })
				s.after(10 * time.Second)
				if n := s.said("another reason"); n != 1 {
					t.Errorf("another reason is told %d times, want once", n)
				}
				s.engine.set(func() { s.engine.refuse = nil })
				if n := working(s.after(31 * time.Second)); n != 3 || s.said("replica started") != 3 {
					t.Errorf("%d take work; told is\n%s", n, s.log.String())
				}
				s.engine.set(func() { s.engine.refuse = errors.New("another reason") })
				s.ask(4)
				s.after(10 * time.Second)
				if n := s.said("another reason"); n != 2 {
					t.Errorf("the reason of new trouble is told %d times, want once more", n)
				}
			})
		})
	}
}

// Whoever asks what there is, before the target is run, finds the same each
// time. The controller tells what it takes over, once.
func TestWhatIsTakenOverIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &story{t: t, engine: newFakeEngine()}
		s.engine.found("web-1", docker.Running)
		s.engine.found("web-2", docker.Running)
		cfg := Default()
		cfg.From = "web"
		var err error
		s.target, err = New("web", cfg, Options{
			Clock: clock.System, Log: slog.New(slog.NewTextHandler(&s.log, nil)), StateDir: dir, Engine: projectEngine{s.engine}, Project: shop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s.after(0)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.target.Run(ctx) }()
		for range 3 {
			s.after(time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, words := range []string{"replica adopted", "replica started", "readiness changed"} {
			if n := s.said(words); n != 2 {
				t.Errorf("%q of two replicas is told %d times", words, n)
			}
		}
		t.Log(s.log.String())
	})
}
