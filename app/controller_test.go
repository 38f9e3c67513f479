package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// stubborn is a data plane that refuses one address.
type stubborn struct {
	balancer.Plane
	refuse string
	listen []string // addresses it was given
}

func (s *stubborn) Reconfigure(_ context.Context, changed balancer.Config) error {
	cfg := changed.(*proxy.Config)
	if cfg.Listen == s.refuse {
		return errors.New("address already in use")
	}
	s.listen = append(s.listen, cfg.Listen)
	return nil
}

func testSpec(name, listen string) Spec {
	sleep, front := process.Default(), proxy.Default()
	sleep.Command, front.Listen = []string{"sleep", "60"}, listen
	s := Spec{Name: name, Mode: scale.Apply, Min: 1, Max: 2, Sync: scale.Duration(1e9), Target: &sleep, Balancer: &front}
	s.Policy = CustomPolicy("hpa", guard.HPADefaults(), func(env policy.Env) (policy.Policy, error) { return hpa.New(hpa.Default(), env) })
	return s
}

// A reload that one service refuses is taken back from all.
func TestAnUpdateThatIsRefusedIsTakenBack(t *testing.T) {
	c := &Controller{services: map[string]*running{}}
	planes := map[string]*stubborn{}
	for _, name := range []string{"a", "b"} {
		planes[name] = &stubborn{refuse: "127.0.0.1:1"}
		s, err := NewService(t.Context(), testSpec(name, "127.0.0.1:8080"), planes[name],
			Deps{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		c.services[name] = &running{Service: s}
		done := make(chan struct{})
		go func() { // stands for the planner
			for {
				select {
				case <-s.plans:
				case <-done:
					return
				}
			}
		}()
		t.Cleanup(func() { close(done) })
	}
	err := c.update(t.Context(), []Spec{testSpec("a", "127.0.0.1:9090"), testSpec("b", "127.0.0.1:1")})
	if err == nil || !strings.Contains(err.Error(), "b: address already in use") {
		t.Errorf("got %v, want who refused and why", err)
	}
	if got := strings.Join(planes["a"].listen, " "); got != "127.0.0.1:9090 127.0.0.1:8080" {
		t.Errorf("a was given %s, want the new address and the old one again", got)
	}
	if got := c.services["a"].spec.Balancer.Facts().Listen; got != "127.0.0.1:8080" {
		t.Errorf("a is left with %s, want the old address", got)
	}
}

// hanging is a target that takes over nothing, as where its engine does not answer.
type hanging struct{ target.Managed }

func (hanging) Update(ctx context.Context, _ target.Config) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-clock.System.After(time.Hour):
		return errors.New("nobody lost patience")
	}
}

// A target that does not answer holds up a reload for a while, and not the
// controller for ever.
func TestAReloadWaitsForNoTargetForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := &stubborn{}
		s, err := NewService(t.Context(), testSpec("a", "127.0.0.1:8080"), plane,
			Deps{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s.target = hanging{s.target}
		c := &Controller{services: map[string]*running{"a": {Service: s}}}
		began := clock.System.Now()
		err = c.update(t.Context(), []Spec{testSpec("a", "127.0.0.1:9090")})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "a: ") {
			t.Errorf("got %v, want who does not answer", err)
		}
		if took := clock.System.Now().Sub(began); took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		if got := strings.Join(plane.listen, " "); got != "127.0.0.1:9090 127.0.0.1:8080" {
			t.Errorf("the balancer was given %s, want the new address and the old one again", got)
		}
	})
}
