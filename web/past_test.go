package web_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	recordmemory "github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// written returns a store that holds entries.
func written(t *testing.T, entries ...record.Entry) *recordmemory.Store {
	t.Helper()
	store := recordmemory.New(recordmemory.Options{MaxEntries: 1 << 20})
	write(t, store, entries...)
	return store
}

func write(t *testing.T, store record.Store, entries ...record.Entry) {
	t.Helper()
	if err := store.Write(t.Context(), record.Batch{Entries: entries}); err != nil {
		t.Fatal(err)
	}
}

func decided(d record.Decided) record.Entry {
	return record.Entry{Target: d.Decision.Target, At: d.Decision.At, Decided: &d}
}

func happened(e record.Event) record.Entry {
	return record.Entry{Target: e.Target, At: e.At, Event: &e}
}

// recorded is a decision every 15 s from second 0 on, n of them: mostly 5 → 5,
// every 40th asks for 8. It had seen 35 requests a second per replica, one in
// a hundred of them bad.
func recorded(n int) []record.Entry {
	var entries []record.Entry
	for i := range n {
		at := second(15 * i)
		d := decision(at, 5, 5, 5)
		if i%40 == 39 {
			d = decision(at, 5, 8, 8)
		}
		d.Seen = record.Seen{Ready: 5, Starting: 1, Signals: []record.Measured{
			{Name: scale.Latency, Trust: scale.Fresh, Value: 0.2, At: at, Window: 30 * time.Second, P50: 0.1, P95: 0.2, P99: 0.3},
			{Name: scale.QueueDepth, Trust: scale.Stale, Value: 7, At: at.Add(-time.Minute)},
			{Name: scale.RequestRate, Trust: scale.Fresh, Value: 175, At: at, Window: 30 * time.Second},
			{Name: scale.ViolationRatio, Trust: scale.Fresh, Value: 0.01, At: at, Window: 30 * time.Second},
		}}
		entries = append(entries, decided(d))
		if d.Decision.Changes() {
			entries = append(entries, record.Entry{Target: "shop", At: at, Applied: &record.Applied{Target: "shop", At: at, From: 5, To: 8}})
		}
	}
	return entries
}

func TestRestartDoesNotEmptyTheDashboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := written(t, recorded(240)...) // an hour
		write(t, store, happened(record.Event{Type: "ModeChanged", Target: "shop", At: second(60), By: "ann", Message: "Paused"}),
			happened(record.Event{Type: "ControllerStarted", At: second(1), Message: "v1"}))
		time.Sleep(time.Hour)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		v := got.Target
		if v.Point == nil || v.Point.Rate != 175 || v.Point.P95 != 0.2 || v.Point.Ready != 5 || v.Point.Desired != 8 || v.Point.Queue.Known() {
			t.Errorf("point %+v: want what the newest decision had seen, the stale queue unknown", v.Point)
		}
		if v.Decision == nil || v.Decision.To != 8 || v.Decision.Applied == nil {
			t.Errorf("decision %+v, want the newest, applied", v.Decision)
		}
		if o := v.Objective; math.Abs(float64(o.Requests)-175*3600) > 175*30 || math.Abs(float64(o.Good)-0.99) > 1e-9 || o.Covered != 3600 {
			t.Errorf("objective %+v, want an hour of 175/s with 99 %% good", o)
		}
		if n := len(r.series("")); n != 240 {
			t.Errorf("%d points, want 240", n)
		}
		if lines := r.log(""); len(lines) != 12 || lines[1].Count != 39 {
			t.Errorf("%d lines, want 6 runs of 39 and 6 changes", len(lines))
		}
		if events := r.events(""); len(events) != 2 || events[0].By != "ann" || events[1].Target != "" {
			t.Errorf("events %+v, want ann's above the start", events)
		}
	})
}

func TestWhatIsHeardAndLoadedCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := recorded(20)
		store := &slow{Store: written(t, entries...), release: make(chan struct{})}
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		for _, e := range entries[15:] { // heard and recorded before the store answers
			r.report(seen(e.At, 175, 0.01))
			r.decide(*e.Decided)
		}
		r.decide(decision(second(300), 5, 6, 5)) // heard, not yet recorded
		r.decide(decision(second(315), 5, 9, 9))
		c := r.listen("/api/v1/stream", "", nil)
		defer c.cancel()
		close(store.release)
		contains(t, c.read(), "event: reset")
		lines := r.log("")
		if len(lines) != 3 || lines[2].Count != 20 || lines[2].ID != second(0).UnixMilli() || lines[2].Newest != second(285).UnixMilli() {
			t.Errorf("log %+v, want a run of 20 from second 0 to 285 below the two others", lines)
		}
		points := r.series("")
		for i := 1; i < len(points); i++ {
			if points[i].T <= points[i-1].T {
				t.Errorf("point %d at %v after one at %v", i, points[i].T, points[i-1].T)
			}
		}
		if len(points) != 20 {
			t.Errorf("%d points, want 15 loaded and 5 heard", len(points))
		}
	})
}

// slow is a store that answers when it is released.
type slow struct {
	record.Store
	release chan struct{}
}

func (s *slow) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	select {
	case <-s.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Read(ctx, q)
}

func TestPastWindowsComeFromTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := written(t, recorded(4*60*24)...) // a day
		time.Sleep(24 * time.Hour)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		for query, want := range map[string]struct {
			source string
			step   float64
			points int
			first  time.Time
		}{
			"":                            {"memory", 3, 720, second(21 * 3600)},
			"?since=2000-01-01T22:00:00Z": {"memory", 2, 480, second(22 * 3600)},
			"?since=2000-01-01T01:00:00Z&until=2000-01-01T02:00:00Z":         {"record", 1, 240, second(3600)},
			"?since=2000-01-01T00:00:00Z":                                    {"record", 30, 2880, second(15)},
			"?since=2000-01-01T00:00:00Z&step=1h":                            {"record", 3600, 24, second(3585)},
			"?since=1999-01-01T00:00:00Z&until=1999-06-01T00:00:00Z":         {"record", 1, 0, time.Time{}},
			"?since=1999-12-31T00:00:00Z&until=2000-01-01T00:00:01Z&step=7s": {"record", 7, 1, second(0)},
		} {
			var got seriesAnswer
			if code := r.get("/api/v1/targets/shop/series"+query, &got); code != http.StatusOK {
				t.Errorf("%q: %d %s", query, code, got.Error)
				continue
			}
			if got.Source != want.source || got.Step != want.step || len(got.Points) != want.points {
				t.Errorf("%q: %d points of %v s from %s, want %d of %v s from %s", query, len(got.Points), got.Step, got.Source, want.points, want.step, want.source)
			}
			if len(got.Points) > 0 && got.Points[0].T != float64(want.first.Unix()) {
				t.Errorf("%q begins at %v, want %v", query, got.Points[0].T, want.first.Unix())
			}
		}
	})
}

func TestPagesOfTheLogHoldEachDecisionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 4 * 60 * 5 // five hours
		store := written(t, recorded(n)...)
		time.Sleep(5 * time.Hour)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		for filter, want := range map[string]int{"all": n, "changes": n / 40, "held": 0} {
			decisions, before := 0, int64(0)
			for page := 0; ; page++ {
				query := fmt.Sprintf("?limit=7&filter=%s", filter)
				if before > 0 {
					query += fmt.Sprintf("&before=%d", before)
				}
				lines := r.log(query)
				if len(lines) == 0 {
					break
				}
				for _, line := range lines {
					if before > 0 && line.Newest >= before {
						t.Fatalf("%s page %d: line %d … %d is not older than %d", filter, page, line.ID, line.Newest, before)
					}
					if line.To == 8 && line.Applied == nil {
						t.Errorf("%s: %d was applied", filter, line.ID)
					}
					before = line.ID
					decisions += line.Count
				}
			}
			if decisions != want {
				t.Errorf("%s: %d decisions on all pages, want %d", filter, decisions, want)
			}
		}
		window := r.log("?from=2000-01-01T00:10:00Z&to=2000-01-01T00:25:00Z")
		sum := 0
		for _, line := range window {
			sum += line.Count
		}
		if sum != 60 {
			t.Errorf("%d decisions in 15 minutes of the past, want 60", sum)
		}
	})
}

func TestARunTooLongForOnePageGoesOnOnTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 25_000
		var entries []record.Entry
		for i := range n {
			entries = append(entries, decided(decision(second(15*i), 5, 5, 5)))
		}
		store := written(t, entries...)
		time.Sleep(15 * n * time.Second)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		first := r.log("")
		rest := r.log(fmt.Sprintf("?before=%d", first[len(first)-1].ID))
		sum := 0
		for _, line := range append(first, rest...) {
			sum += line.Count
		}
		if sum != n {
			t.Errorf("%d decisions on two pages, want %d", sum, n)
		}
	})
}

type decisionAnswer struct {
	Decision       web.DecisionView
	Previous, Next *int64
	Error          string
}

func TestOneDecisionWithWhatItHadSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := written(t, recorded(4*60*24)...)
		time.Sleep(24 * time.Hour)
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		fresh := decision(second(86400), 5, 8, 8)
		fresh.Seen = record.Seen{Ready: 3}
		r.decide(fresh)
		for name, c := range map[string]struct {
			at, previous, next time.Time
			ready              int
			applied            bool
		}{
			"long past":               {second(15 * 39), second(15 * 38), second(15 * 40), 5, true},
			"first of all":            {second(0), time.Time{}, second(15), 5, false},
			"loaded at the start":     {second(86400 - 60), second(86400 - 75), second(86400 - 45), 5, false},
			"not yet recorded":        {second(86400), second(86400 - 15), time.Time{}, 3, false},
			"before the one just now": {second(86400 - 15), second(86400 - 30), second(86400), 5, true},
		} {
			var got decisionAnswer
			if code := r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", c.at.UnixMilli()), &got); code != http.StatusOK {
				t.Errorf("%s: %d %s", name, code, got.Error)
				continue
			}
			if got.Decision.ID != c.at.UnixMilli() || got.Decision.Count != 1 || got.Decision.Seen == nil || got.Decision.Seen.Ready != c.ready {
				t.Errorf("%s: %+v, want the decision alone with what it had seen", name, got.Decision)
			}
			if (got.Decision.Applied != nil) != c.applied {
				t.Errorf("%s: applied %v, want %v", name, got.Decision.Applied, c.applied)
			}
			if diff := cmp.Diff([]int64{millis(c.previous), millis(c.next)}, []int64{value(got.Previous), value(got.Next)}); diff != "" {
				t.Errorf("%s: neighbours (-want +got):\n%s", name, diff)
			}
		}
		var got decisionAnswer
		if code := r.get("/api/v1/targets/shop/decisions/77", &got); code != http.StatusNotFound || !strings.Contains(got.Error, "no decision 77") {
			t.Errorf("unknown decision: %d %s", code, got.Error)
		}
	})
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func value(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

func TestOneDecisionWithoutARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for i := range 300 {
			r.decide(decision(second(15*i), 5, 5, 5))
		}
		r.decide(decision(second(4500), 5, 8, 8))
		var recent, old, run decisionAnswer
		r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", second(4485).UnixMilli()), &recent)
		if recent.Decision.Seen == nil || value(recent.Next) != second(4500).UnixMilli() || value(recent.Previous) != second(4470).UnixMilli() {
			t.Errorf("recent %+v, want it whole between its neighbours", recent)
		}
		if code := r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", second(15).UnixMilli()), &old); code != http.StatusNotFound {
			t.Errorf("in the middle of a run and not recorded: %d, want 404", code)
		}
		if r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", r.log("")[1].Newest), &run); run.Decision.Count != 1 {
			t.Errorf("newest of a run: %+v", run)
		}
	})
}

type eventsAnswer struct {
	Events []web.EventView
	Error  string
}

func (r *rig) events(query string) []web.EventView {
	r.t.Helper()
	var got eventsAnswer
	if code := r.get("/api/v1/events"+query, &got); code != http.StatusOK {
		r.t.Fatalf("events%s: %d %s", query, code, got.Error)
	}
	return got.Events
}

func (r *rig) series(query string) []web.Point {
	r.t.Helper()
	var got seriesAnswer
	if code := r.get("/api/v1/targets/shop/series"+query, &got); code != http.StatusOK {
		r.t.Fatalf("series%s: %d %s", query, code, got.Error)
	}
	return got.Points
}

// Changes are written when they are done but carry the time of their decision:
// the record does not hold events in the order of their times.
func TestPagesOfEventsHoldEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zoo := shop()
		zoo.Name = "zoo"
		var entries []record.Entry
		for i := range 100 {
			at := second(600 + 60*i)
			entries = append(entries, happened(record.Event{Type: control.FaultBegan, Target: "shop", At: at, Message: "a"}),
				happened(record.Event{Type: control.FaultBegan, Target: "shop", At: at, Message: "b"}),
				happened(record.Event{Type: control.ScaledUp, Target: "zoo", At: at.Add(-40 * time.Second), Message: "4 → 5 replicas"}))
		}
		store := written(t, entries...)
		time.Sleep(24 * time.Hour) // none of it is in memory
		r := newRigWith(t, web.Options{Store: store, Targets: []web.TargetInfo{shop(), zoo}})
		defer r.stop()
		for query, want := range map[string]int{"": 300, "&target=shop": 200, "&target=zoo": 100, "&from=2000-01-01T00:10:00Z&to=2000-01-01T00:20:00Z": 30} {
			seen, before := map[int64]bool{}, int64(0)
			for {
				page := "?limit=7" + query
				if before > 0 {
					page += fmt.Sprintf("&before=%d", before)
				}
				events := r.events(page)
				if len(events) == 0 {
					break
				}
				for _, e := range events {
					if seen[e.ID] || before > 0 && e.ID >= before {
						t.Fatalf("%q: event %+v came twice or out of order", query, e)
					}
					seen[e.ID], before = true, e.ID
				}
			}
			if len(seen) != want {
				t.Errorf("%q: %d events on all pages, want %d", query, len(seen), want)
			}
		}
	})
}

func TestEventsAreToldAndListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		c := r.listen("/api/v1/stream?target=shop", "", nil)
		defer c.cancel()
		c.read()
		r.tell(record.Event{Type: control.ModeChanged, Target: "shop", At: second(1), By: "ann", Message: "Paused"})
		told := c.read()
		contains(t, told, "event: event\n", `"type":"ModeChanged"`, `"by":"ann"`)
		r.tell(record.Event{Type: control.Reloaded, At: second(2), Message: "2 documents"})
		contains(t, c.read(), "Reloaded")
		r.tell(record.Event{Type: control.ScaledUp, Target: "another instance's", At: second(3)})
		events := r.events("")
		if len(events) != 2 || events[0].Type != "Reloaded" || !strings.Contains(told, fmt.Sprintf(`"id":%d`, events[1].ID)) {
			t.Errorf("events %+v, want the reload above the mode, with the ID that was told", events)
		}
		if own := r.events("?target=shop"); len(own) != 1 || own[0].Message != "Paused" {
			t.Errorf("events of shop: %+v", own)
		}
	})
}

// broken is a store that cannot be read.
type broken struct{ record.Store }

func (broken) Read(context.Context, record.Query) ([]record.Entry, error) {
	return nil, errors.New("disk gone")
}

func TestABrokenRecordSaysSoAndLeavesTheRestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigWith(t, web.Options{Store: broken{}, Targets: []web.TargetInfo{shop()}})
		defer r.stop()
		r.report(seen(second(1), 7, 0))
		r.decide(decision(second(1), 5, 5, 5))
		for path, code := range map[string]int{
			"":                                     200,
			"/series":                              200,
			"/decisions":                           200, // what memory has
			"/series?since=1999-01-01T00:00:00Z":   503,
			"/decisions/77":                        503,
			"/decisions?limit=1":                   200,
			"/decisions?from=2000-01-01T00:00:01Z": 200,
			"/decisions?filter=changes&before=99999999": 503,
		} {
			var got struct{ Error string }
			if c := r.get("/api/v1/targets/shop"+path, &got); c != code || (code == 503) != strings.Contains(got.Error, "disk gone") {
				t.Errorf("%s: %d %q, want %d", path, c, got.Error, code)
			}
		}
	})
}
