package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/web"
)

// A page may end short of its limit, because what is read for it is bounded:
// only where it names no next one is the end.
func TestTheNextPageIsNamedUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 45_000
		var entries []record.Entry
		for i := range n {
			count := 5 + i/900%2 // runs of 900
			entries = append(entries, decided(decision(second(15*i), count, count, count)))
		}
		store := written(t, entries...)
		time.Sleep(15 * n * time.Second)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		pages, decisions, short := 0, 0, 0
		for query := ""; pages < 20; pages++ {
			var page web.LogAnswer
			r.get("/api/v1/targets/shop/decisions"+query, &page)
			for _, line := range page.Decisions {
				decisions += line.Count
			}
			if page.NextBefore == 0 {
				break
			}
			if len(page.Decisions) < 100 {
				short++
			}
			query = fmt.Sprintf("?before=%d", page.NextBefore)
		}
		if decisions != n || pages >= 20 || short == 0 {
			t.Errorf("%d decisions on %d pages, %d of them short; want %d decisions and an end", decisions, pages+1, short, n)
		}
	})
}

func TestTheLastPageOfEventsNamesNoNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for i := range 6 {
			r.tell(record.Event{Type: control.FaultBegan, Target: "shop", At: second(i), Message: fmt.Sprint(i)})
		}
		var first, last, all web.EventsAnswer
		r.get("/api/v1/events?limit=3", &first)
		r.get(fmt.Sprintf("/api/v1/events?limit=3&before=%d", first.NextBefore), &last)
		r.get("/api/v1/events", &all)
		if first.NextBefore == 0 || first.NextBefore != first.Events[2].ID || len(last.Events) != 3 || last.NextBefore != 0 || all.NextBefore != 0 {
			t.Errorf("pages %+v, %+v and %+v: want a next one after the first three alone", first, last, all)
		}
	})
}

// fragile is a store that breaks and counts how often it is read.
type fragile struct {
	record.Store
	broken atomic.Bool
	reads  atomic.Int64
}

func (f *fragile) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	f.reads.Add(1)
	if f.broken.Load() {
		return nil, errors.New("disk gone")
	}
	return f.Store.Read(ctx, q)
}

func TestWhatMemoryHasIsShownWhileTheRecordIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fragile{Store: written(t)}
		store.broken.Store(true)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		r.decide(decision(second(15), 5, 5, 5))
		r.tell(record.Event{Type: control.FaultBegan, Target: "shop", At: second(15), Message: "disk"})
		var log web.LogAnswer
		if code := r.get("/api/v1/targets/shop/decisions", &log); code != http.StatusOK || len(log.Decisions) != 1 || !strings.Contains(log.Incomplete, "disk gone") || log.NextBefore == 0 {
			t.Errorf("log: %d %+v, want the line that is in memory, why there are no more, and where to go on", code, log)
		}
		var events web.EventsAnswer
		if code := r.get("/api/v1/events", &events); code != http.StatusOK || len(events.Events) != 1 || !strings.Contains(events.Incomplete, "disk gone") {
			t.Errorf("events: %d %+v, want the one in memory and why there are no more", code, events)
		}
		var one web.DecisionAnswer
		if code := r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", second(15).UnixMilli()), &one); code != http.StatusOK || one.Decision.Seen == nil || !strings.Contains(one.Incomplete, "disk gone") {
			t.Errorf("the newest decision: %d %+v, want it from memory", code, one)
		}
		if code := r.get("/api/v1/events?type=Reloaded", &struct{}{}); code != http.StatusServiceUnavailable {
			t.Errorf("events of which memory has none: %d, want 503", code)
		}
	})
}

func TestEventsOfTheControllerOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		var entries []record.Entry
		for i := range 4 {
			entries = append(entries, happened(record.Event{Type: control.ControllerStarted, At: second(3000 + i), Message: "v1"}),
				happened(record.Event{Type: control.FaultBegan, Target: "shop", At: second(3000 + i), Message: "disk"}))
		}
		store := &fragile{Store: written(t, entries...)}
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		if got := r.events("?limit=4"); len(got) != 4 || (got[0].Target == "") == (got[1].Target == "") {
			t.Errorf("at once: %+v, want those of the controller among those of shop", got)
		}
		time.Sleep(time.Minute)
		before := store.reads.Load()
		if got := r.events("?limit=4"); len(got) != 4 || (got[0].Target == "") == (got[1].Target == "") || store.reads.Load() != before {
			t.Errorf("a minute later: %+v after %d reads, want the same from memory", got, store.reads.Load()-before)
		}
		if got := r.events("?limit=100&from=2000-01-01T00:30:00Z"); len(got) != 8 || store.reads.Load() != before {
			t.Errorf("half an hour: %d events after %d reads, want 8 from memory", len(got), store.reads.Load()-before)
		}
	})
}

func TestEventsAreChosenByTypeBeforeTheyAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []record.Entry
		for i := range 30 {
			kind := control.ScaledUp
			switch i % 10 {
			case 0:
				kind = control.ModeChanged
			case 1:
				kind = control.Reloaded
			}
			entries = append(entries, happened(record.Event{Type: kind, At: second(i), Message: fmt.Sprint(i)}))
		}
		store := written(t, entries...)
		time.Sleep(24 * time.Hour) // none of it is in memory
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		for i := range 30 {
			r.tell(*entries[i].Event)
		}
		for query, want := range map[string]int{"type=ModeChanged": 3, "type=ModeChanged,Reloaded": 6, "exclude=ScaledUp&limit=5": 5, "exclude=ScaledUp,ModeChanged": 3,
			"type=ModeChanged&exclude=ModeChanged": 0, "type=Nothing": 0} {
			got := r.events("?" + query)
			if len(got) != want {
				t.Errorf("%s: %d events, want %d", query, len(got), want)
			}
			for _, e := range got {
				if e.Type == control.ScaledUp {
					t.Errorf("%s: %+v", query, e)
				}
			}
		}
	})
}
