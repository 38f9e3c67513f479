package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/telemetry"
	"github.com/flyball-io/flyball/web"
)

// following is a controller that follows what it is told, with one service that
// does not run, and the events that it told.
func following(t *testing.T, store record.Store, spec Spec) (c *Controller, told func() []record.Event, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b := busmemory.New()
	deps := testDeps(t, b, store)
	heard, err := control.Events(b, control.All).Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewService(ctx, spec, &stubborn{}, deps)
	if err != nil {
		t.Fatal(err)
	}
	c = &Controller{opts: Options{Deps: deps}, services: map[string]*running{spec.Name: newRunning(s)}, commands: make(chan command), ended: make(chan struct{}),
		dashboard: web.New(web.Options{Bus: b, Clock: deps.Clock}), metrics: telemetry.New(telemetry.Options{Bus: b, Clock: deps.Clock})}
	go c.follow(ctx)
	told = func() (all []record.Event) {
		synctest.Wait()
		for {
			select {
			case e, open := <-heard:
				if !open {
					return all
				}
				all = append(all, e)
			default:
				return all
			}
		}
	}
	return c, told, func() { cancel(); <-c.ended; synctest.Wait() }
}

func TestAPauseThatEndsByItselfIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		c, told, stop := following(t, store, testSpec("shop", "127.0.0.1:0"))
		until := time.Now().Add(90 * time.Minute)
		if err := c.SetMode(t.Context(), "shop", record.Override{Mode: scale.Paused, Until: &until, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90*time.Minute - time.Second)
		if events := told(); len(events) != 1 || events[0].By != "ann" {
			t.Errorf("before its end: %+v, want ann's alone", events)
		}
		time.Sleep(2 * time.Second)
		events := told()
		if len(events) != 1 || events[0].Type != control.ModeChanged || events[0].Target != "shop" || events[0].By != "" || events[0].Message != "pause ended: back to what the document says: Apply" {
			t.Errorf("at its end: %+v, want that it ended, by Flyball itself", events)
		}
		time.Sleep(24 * time.Hour)
		stop()
		if events := told(); len(events) > 0 {
			t.Errorf("later: %+v, want nothing", events)
		}
		_, told, stop = following(t, store, testSpec("shop", "127.0.0.1:0"))
		time.Sleep(time.Hour)
		if events := told(); len(events) > 0 {
			t.Errorf("after a restart: %+v, want nothing", events)
		}
		stop()
	})
}

func TestAPauseThatEndedWhileNobodyLookedIsToldAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		_, _, stop := following(t, store, testSpec("shop", "127.0.0.1:0"))
		stop()
		c, _, stop := following(t, store, testSpec("shop", "127.0.0.1:0"))
		until := time.Now().Add(time.Minute)
		if err := c.SetMode(t.Context(), "shop", record.Override{Mode: scale.Paused, Until: &until, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		stop()
		time.Sleep(time.Hour)
		_, told, stop := following(t, store, testSpec("shop", "127.0.0.1:0"))
		if events := told(); len(events) != 1 || events[0].Message != "pause ended: back to what the document says: Apply" {
			t.Errorf("%+v, want that it ended", events)
		}
		stop()
	})
}

func TestAPauseOfTheDocumentThatEndsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, until := testSpec("shop", "127.0.0.1:0"), time.Now().Add(time.Hour)
		spec.Mode, spec.PausedUntil = scale.Paused, &until
		_, told, stop := following(t, nil, spec)
		time.Sleep(2 * time.Hour)
		if events := told(); len(events) != 1 || events[0].Message != "pause ended" {
			t.Errorf("%+v, want that it ended", events)
		}
		stop()
		_, told, stop = following(t, nil, spec)
		time.Sleep(time.Hour)
		if events := told(); len(events) > 0 {
			t.Errorf("%+v of a pause that was over at the start, want nothing", events)
		}
		stop()
	})
}
