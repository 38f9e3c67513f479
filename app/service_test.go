package app_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/google/go-cmp/cmp"
)

// Whoever is interrupted before anything has begun has not failed.
func TestAServiceThatIsOverAtOnceEndsWell(t *testing.T) {
	s := service(t, load(t, shop))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(over, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: t.Context()} }); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

// The dashboard finds the wishes of a shadow by its name: listed under another
// one, it would be shown twice.
func TestTheDashboardListsShadowsAsTheirDecisionsAreNamed(t *testing.T) {
	spec := load(t, strings.Replace(shop, "policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}", "policy: {predictive: {}}", 1))
	var decided []string
	for _, shadow := range spec.Shadows {
		decided = append(decided, shadow.Name)
	}
	listed := service(t, spec).Info("", 1).Shadows
	if diff := cmp.Diff(decided, listed); diff != "" || listed[0] != "hpa" {
		t.Errorf("got %q (-decided +listed):\n%s", listed, diff)
	}
}

// service is that of spec behind a balancer of its own, not yet running.
func service(t *testing.T, spec app.Spec) *app.Service {
	t.Helper()
	front := spec.Balancer.(*proxy.Config)
	front.Listen = "127.0.0.1:0"
	log := slog.New(slog.DiscardHandler)
	plane, err := proxy.OpenLocal(t.Context(), *front, clock.System, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.NewService(t.Context(), spec, plane, app.Deps{Bus: memory.New(), Clock: clock.System, Log: log, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
