package control_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// cooled is an HPA on 2 requests in progress per replica between 2 and 8, with
// a cooldown of ten minutes and a rate of 4 replicas in ten minutes.
func cooled(t *testing.T, mode scale.Mode) control.Plan {
	t.Helper()
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(2.0)}}
	p, err := hpa.New(cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	wait := scale.Duration(10 * time.Minute)
	rules := guard.NoRules()
	rules.Up.Rates = []guard.Rate{{Value: 4, Period: wait}}
	return control.Plan{Mode: mode, Sync: 15 * time.Second, MaxAge: 15 * time.Second,
		Decider: decide.New("hpa", p, &guard.Data{Signals: p.Signals()}, guard.NewBehavior(rules),
			guard.NewCooldown(guard.CooldownConfig{ScaleUp: wait}), guard.Bounds{Min: 2, Max: 8})}
}

// idle are the ways of deciding without applying, each with its end.
func idle() map[string]func(t *testing.T, plans chan<- control.Plan, overrides chan<- *record.Override) (end func()) {
	byHand := func(mode scale.Mode) func(t *testing.T, plans chan<- control.Plan, overrides chan<- *record.Override) func() {
		return func(_ *testing.T, _ chan<- control.Plan, overrides chan<- *record.Override) func() {
			overrides <- &record.Override{Mode: mode, By: "ann"}
			return func() { overrides <- nil }
		}
	}
	document := func(mode scale.Mode) func(t *testing.T, plans chan<- control.Plan, overrides chan<- *record.Override) func() {
		return func(t *testing.T, plans chan<- control.Plan, _ chan<- *record.Override) func() {
			plans <- cooled(t, mode)
			return func() { plans <- cooled(t, scale.Apply) }
		}
	}
	return map[string]func(t *testing.T, plans chan<- control.Plan, overrides chan<- *record.Override) func(){
		"paused": document(scale.Paused), "recommend": document(scale.Recommend),
		"paused by hand": byHand(scale.Paused), "recommend by hand": byHand(scale.Recommend),
		"paused until a time": func(t *testing.T, plans chan<- control.Plan, _ chan<- *record.Override) func() {
			until, p := time.Now().Add(20*time.Minute), cooled(t, scale.Paused)
			p.PausedUntil = &until
			plans <- p
			return func() {}
		},
	}
}

// What is only wished starts no cooldown and uses up no rate: when the pause
// ends the count follows the load at once, and that change starts both.
func TestAPauseStartsNoCooldown(t *testing.T) {
	for name, begin := range idle() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, overrides := newWorld(2), make(chan *record.Override, 1)
				w.concurrency = 4
				decisions, plans := startWith(t, w, cooled(t, scale.Apply), overrides)
				pass(time.Second)
				end := begin(t, plans, overrides)
				pass(time.Second)
				w.with(func(w *world) { w.concurrency = 10 })
				pass(20*time.Minute - time.Second - time.Millisecond)
				if got := w.orders(); len(got) != 0 {
					t.Fatalf("while only wishing: ordered %v", got)
				}
				if last := decisions()[len(decisions())-1]; last.Mode == scale.Apply || last.Decision.DesiredReplicas != 5 {
					t.Errorf("wish: got %s %d (%s), want 5", last.Mode, last.Decision.DesiredReplicas, last.Decision.Reason)
				}
				end()
				pass(16 * time.Second)
				if got := w.count(); got != 5 {
					t.Fatalf("16 s after it: %d replicas, want 5 at once", got)
				}
				w.with(func(w *world) { w.concurrency = 12 })
				pass(9 * time.Minute)
				if got := w.count(); got != 5 {
					t.Errorf("within the cooldown of the applied change: %d replicas, want 5", got)
				}
				pass(90 * time.Second)
				if got := w.count(); got != 6 {
					t.Errorf("after the cooldown: %d replicas, want 6", got)
				}
			})
		})
	}
}

// A wish lies within the bounds, and going on does not jump over them.
func TestAPauseBypassesNoBound(t *testing.T) {
	for name, begin := range idle() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, overrides := newWorld(6), make(chan *record.Override, 1)
				w.concurrency = 12
				decisions, plans := startWith(t, w, cooled(t, scale.Apply), overrides)
				pass(time.Second)
				end := begin(t, plans, overrides)
				pass(time.Second)
				w.with(func(w *world) { w.concurrency = 1000 })
				pass(10 * time.Minute)
				w.with(func(w *world) { w.concurrency, w.spec, w.ready = 0, 1, 1 })
				pass(9 * time.Minute)
				w.with(func(w *world) { w.concurrency, w.spec, w.ready = 1000, 6, 6 })
				pass(58*time.Second - time.Millisecond)
				for _, d := range decisions() {
					if n := d.Decision.DesiredReplicas; n < 2 || n > 8 {
						t.Errorf("at %v: wish for %d, want 2..8", d.Decision.At, n)
					}
				}
				end()
				pass(time.Minute)
				if got := w.orders(); len(got) != 1 || got[0] != 8 {
					t.Errorf("after it: ordered %v, want 8 once", got)
				}
			})
		})
	}
}
