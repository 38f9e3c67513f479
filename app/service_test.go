package app_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
)

// Whoever is interrupted before anything has begun has not failed.
func TestAServiceThatIsOverAtOnceEndsWell(t *testing.T) {
	spec := load(t, shop)
	spec.Balancer.Listen = "127.0.0.1:0"
	log := slog.New(slog.DiscardHandler)
	plane, err := app.NewLocalPlane(t.Context(), spec.Balancer, clock.System, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.NewService(t.Context(), spec, plane, app.Deps{Bus: memory.New(), Clock: clock.System, Log: log, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(over, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: t.Context()} }); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}
