package control_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
)

// A balancer that refuses to take in what was started is told of, with the
// replicas that get nothing, its words and since when, until it follows. The
// moment in which a balancer starts is not.
func TestABalancerThatRefusesReplicasIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b, log := newWorld(1), memory.New(), slog.New(slog.DiscardHandler)
		router := &control.Router{Name: "web", Balancer: w, Reports: control.Reports(b, "web"), Clock: clock.System, Log: log}
		runs(t, router.Run, (&control.Monitor{Name: "web", Target: w, Interval: time.Second, Reports: control.Reports(b, "web"),
			Conditions: router.Conditions, Clock: clock.System, Log: log}).Run)
		told := func(want int) []scale.Condition {
			t.Helper()
			reports, err := control.Reports(b, "web").Subscribe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			conditions := receive(t, reports).Status.Conditions
			if len(conditions) != want {
				t.Errorf("got %+v, want %d", conditions, want)
			}
			return conditions
		}
		pass(2500 * time.Millisecond)
		told(0)
		w.with(func(w *world) { w.routeErr = errors.New("nginx -t: unknown directive \"bogus\"") })
		_ = w.SetReplicas(t.Context(), 3)
		pass(1500 * time.Millisecond)
		told(0)
		began := time.Now()
		pass(12 * time.Second)
		for _, c := range told(1) {
			if early := began.Sub(c.Since); c.Type != scale.BalancerRefuses || early < time.Second || early > 3*time.Second ||
				!strings.Contains(c.Message, "r-001 and 1 more get no requests") || !strings.Contains(c.Message, `"bogus"`) {
				t.Errorf("got %+v, want that r-001 and another get nothing, and the balancer's words", c)
			}
		}
		w.with(func(w *world) { w.routeErr = nil })
		pass(2 * time.Second)
		told(0)
	})
}

// What the role of the balancer tells is with what the executor's target says,
// in every report; a role that is silent tells nothing.
func TestConditionsOfOtherRolesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts, whole := memory.New(), memory.New()
		heard, err := control.Reports(whole, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		runs(t, (&control.Gatherer{Parts: control.Reports(parts, "web"), Whole: control.Reports(whole, "web"), Log: slog.New(slog.DiscardHandler)}).Run)
		say := func(r control.Report) {
			r.Target, r.At = "web", scaletest.At(0)
			publish(t, control.Reports(parts, "web"), r)
			synctest.Wait()
		}
		counts := &target.Status{Conditions: []scale.Condition{{Type: scale.CountReset}}}
		executor := control.Report{By: "executor", Measured: true, Status: counts}
		types := func() (types []string) {
			t.Helper()
			for _, c := range receive(t, heard).Status.Conditions {
				types = append(types, c.Type)
			}
			return types
		}
		wants := func(when string, want ...string) {
			t.Helper()
			if got := types(); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", when, got, want)
			}
		}
		say(executor)
		wants("alone", scale.CountReset)
		say(control.Report{By: "balancer", Measured: true, Conditions: []scale.Condition{{Type: scale.BalancerRefuses}}})
		say(executor)
		wants("a round", scale.CountReset, scale.BalancerRefuses)
		say(control.Report{By: "executor", Status: counts})
		wants("between rounds", scale.CountReset, scale.BalancerRefuses)
		say(control.Report{By: "balancer", Measured: true})
		say(executor)
		wants("it follows", scale.CountReset)
		say(control.Report{By: "balancer", Measured: true, Conditions: []scale.Condition{{Type: scale.BalancerRefuses}}})
		say(executor)
		wants("again", scale.CountReset, scale.BalancerRefuses)
		for range 4 {
			say(executor)
		}
		for range 2 {
			types()
		}
		wants("the balancer is silent", scale.CountReset)
	})
}
