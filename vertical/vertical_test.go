package vertical_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/vertical"
)

const mebibyte = 1 << 20

func at(d time.Duration) time.Time {
	return time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC).Add(d)
}

// play feeds a container with a sample a minute.
func play(t *testing.T, r *vertical.Recommender, container string, from, to time.Duration, milli, mebibytes vertical.Amount) {
	t.Helper()
	for now := from; now < to; now += time.Minute {
		for resource, amount := range []vertical.Amount{milli, mebibytes * mebibyte} {
			u := vertical.Usage{Replica: "web-1", Container: container, Resource: vertical.Resource(resource), Start: at(now), Amount: amount}
			if err := r.Add(u); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func estimate(t *testing.T, r *vertical.Recommender, container string, resource vertical.Resource) vertical.Estimate {
	t.Helper()
	for _, rec := range r.Recommend() {
		if e, ok := rec.Of(resource); ok && rec.Container == container {
			return e
		}
	}
	t.Fatalf("nothing for %s of %q in %+v", resource, container, r.Recommend())
	return vertical.Estimate{}
}

// Each number says which rule set it, and what the usage alone would have been.
func TestTheReasonNamesTheRule(t *testing.T) {
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		policies  vertical.Containers
		feed      func(r *vertical.Recommender)
		resource  vertical.Resource
		want      vertical.Amount
		code, why string
	}{
		"the floor is not a recommendation": {
			feed:     func(r *vertical.Recommender) { play(t, r, "web", 0, day, 100, 40) },
			resource: vertical.Memory, want: 250 * mebibyte, code: vertical.ByFloor,
			why: "250Mi is the floor of 250Mi for a replica, not what is used; p90 of the highest memory of 24h is 41.1Mi, with a margin of 15 % 47.3Mi",
		},
		"two containers share it": {
			feed: func(r *vertical.Recommender) {
				play(t, r, "proxy", 0, day, 1, 10)
				play(t, r, "web", 0, day, 100, 40)
			},
			resource: vertical.Memory, want: 125 * mebibyte, code: vertical.ByFloor,
			why: "125Mi is the floor of 250Mi for a replica, shared by 2 containers, not what is used",
		},
		"usage": {
			feed:     func(r *vertical.Recommender) { play(t, r, "web", 0, day, 100, 400) },
			resource: vertical.CPU, want: 126, code: vertical.ByUsage, why: "p90 of CPU is 110m, with a margin of 15 % 126m",
		},
		"at least": {
			policies: vertical.Containers{{Name: "web", Min: [2]vertical.Amount{200, 0}}},
			feed:     func(r *vertical.Recommender) { play(t, r, "web", 0, day, 100, 400) },
			resource: vertical.CPU, want: 200, code: vertical.ByMinAllowed, why: "minAllowed 200m; p90 of CPU is 110m",
		},
		"at most, of all containers": {
			policies: vertical.Containers{{Name: vertical.Every, Max: [2]vertical.Amount{100, 0}}},
			feed:     func(r *vertical.Recommender) { play(t, r, "web", 0, day, 100, 400) },
			resource: vertical.CPU, want: 100, code: vertical.ByMaxAllowed, why: "maxAllowed 100m; p90",
		},
		"out of memory": {
			feed: func(r *vertical.Recommender) {
				play(t, r, "web", 0, day, 100, 400)
				if err := r.AddOOM(vertical.OOM{Replica: "web-1", Container: "web", At: at(day), Requested: 512 * mebibyte}); err != nil {
					t.Fatal(err)
				}
			},
			resource: vertical.Memory, want: 764046746, code: vertical.ByOutOfMemory, why: "it ran out of memory: at least 20 % and 100Mi more; p90",
		},
		"nothing known": {
			feed: func(r *vertical.Recommender) {
				_ = r.Add(vertical.Usage{Replica: "web-1", Container: "web", Start: at(0), Amount: 100})
			},
			resource: vertical.Memory, want: 250 * mebibyte, code: vertical.ByNoUsage, why: "250Mi, the floor of a replica's memory: nothing was measured yet",
		},
	} {
		r := vertical.New(vertical.VPA(), tc.policies)
		tc.feed(r)
		e := estimate(t, r, "web", tc.resource)
		if e.Target != tc.want || e.Reason.Code != tc.code || !strings.HasPrefix(e.Reason.String(), tc.why) {
			t.Errorf("%s: got %d by %s: %s\nwant %d by %s: %s …", name, e.Target, e.Reason.Code, e.Reason, tc.want, tc.code, tc.why)
		}
	}
}

// The bounds near the usage with the history: an hour, a day, a week.
func TestBoundsNarrowWithHistory(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	last := time.Duration(0)
	width := 1e9
	for _, until := range []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		play(t, r, "web", last, until, 1000, 1000)
		last = until
		e := estimate(t, r, "web", vertical.CPU)
		if e.Lower > e.Target || e.Target > e.Upper || float64(e.Upper-e.Lower) >= width {
			t.Errorf("after %v: lower %d, target %d, upper %d; want them in order and nearer than %v", until, e.Lower, e.Target, e.Upper, width)
		}
		width = float64(e.Upper - e.Lower)
	}
	if e := estimate(t, r, "web", vertical.CPU); float64(e.Upper)/float64(e.Target) > 1.15 || float64(e.Lower)/float64(e.Target) < 0.999 {
		t.Errorf("after a week: lower %d, target %d, upper %d; want 1.14 and 1 of the target", e.Lower, e.Target, e.Upper)
	}
}

func TestContainersThatAreOffAreLeftOutAndShareNothing(t *testing.T) {
	r := vertical.New(vertical.VPA(), vertical.Containers{{Name: "proxy", Off: true}, {Name: "web", Controlled: []vertical.Resource{vertical.Memory}}})
	play(t, r, "proxy", 0, time.Hour, 1, 1)
	play(t, r, "web", 0, time.Hour, 1, 1)
	recs := r.Recommend()
	if len(recs) != 1 || len(recs[0].Estimates) != 1 || recs[0].Estimates[0].Target != 250*mebibyte {
		t.Errorf("got %+v, want web's memory alone, with the whole floor", recs)
	}
}

func TestWhatIsOldOrImpossibleIsRefused(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	play(t, r, "web", 0, 26*time.Hour, 100, 400)
	before := r.Recommend()
	of := func(resource vertical.Resource, start time.Time, amount vertical.Amount) error {
		return r.Add(vertical.Usage{Replica: "web-1", Container: "web", Resource: resource, Start: start, Amount: amount})
	}
	for what, err := range map[string]error{
		"the same CPU sample again": of(vertical.CPU, at(26*time.Hour-time.Minute), 9000),
		"memory of before":          of(vertical.Memory, at(0), 9000*mebibyte),
		"an old end":                r.AddOOM(vertical.OOM{Replica: "web-1", Container: "web", At: at(0), Requested: 9000 * mebibyte}),
	} {
		if !errors.Is(err, vertical.ErrOld) {
			t.Errorf("%s: got %v, want %v", what, err, vertical.ErrOld)
		}
	}
	if err := of(vertical.CPU, at(48*time.Hour), -1); !errors.Is(err, vertical.ErrNegative) {
		t.Errorf("below 0: got %v", err)
	}
	if diff := cmp.Diff(before, r.Recommend()); diff != "" {
		t.Errorf("what was refused changed the recommendation:\n%s", diff)
	}
}

// Eight days without a sample, and nothing is known any more.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	play(t, r, "web", 0, time.Hour, 100, 400)
	r.Forget(at(8*24*time.Hour + 58*time.Minute))
	if len(r.Recommend()) != 1 {
		t.Error("forgotten before eight days had gone by")
	}
	r.Forget(at(8*24*time.Hour + 59*time.Minute))
	if len(r.Recommend()) != 0 {
		t.Error("not forgotten after eight days")
	}
}

// A replica is remembered for as long as its highest memory is looked for: what
// came before is refused until then.
func TestReplicasAreForgottenAfterADay(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	play(t, r, "web", 0, time.Hour, 100, 400)
	again := vertical.Usage{Replica: "web-1", Container: "web", Start: at(0), Amount: 100}
	r.Forget(at(24 * time.Hour))
	if err := r.Add(again); !errors.Is(err, vertical.ErrOld) {
		t.Errorf("within a day: got %v, want %v", err, vertical.ErrOld)
	}
	r.Forget(at(25 * time.Hour))
	if err := r.Add(again); err != nil {
		t.Errorf("after a day: %v", err)
	}
}

// Restored before every sample it recommends what one does that never stopped.
func TestRestoredItGoesOnAsIfNeverStopped(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	whole, parts := vertical.New(vertical.VPA(), nil), vertical.New(vertical.VPA(), nil)
	for n := range 400 {
		now := at(time.Duration(n) * 37 * time.Minute)
		u := vertical.Usage{Replica: fmt.Sprint("web-", rng.IntN(3)), Container: fmt.Sprint("c", rng.IntN(2)), Resource: vertical.Resource(rng.IntN(2)),
			Start: now, Amount: vertical.Amount(rng.ExpFloat64() * 5e8)}
		oom := vertical.OOM{Replica: u.Replica, Container: u.Container, At: now, Requested: u.Amount}
		for _, r := range []*vertical.Recommender{whole, parts} {
			if err := r.Add(u); err != nil {
				t.Fatal(err)
			}
			if n%50 == 7 {
				if err := r.AddOOM(oom); err != nil {
					t.Fatal(err)
				}
			}
		}
		snapshot, err := parts.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		parts = vertical.New(vertical.VPA(), nil)
		if err := parts.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Recommend(), parts.Recommend()); diff != "" {
			t.Fatalf("after sample %d:\n%s", n, diff)
		}
	}
}

func TestSnapshotsThatDoNotFitChangeNothing(t *testing.T) {
	full := vertical.New(vertical.VPA(), nil)
	play(t, full, "web", 0, time.Hour, 100, 400)
	good, err := full.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := vertical.VPA()
	other.Resources[vertical.CPU].HalfLife = time.Hour
	strange, err := vertical.New(other, nil).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, snapshot := range map[string]string{
		"other half-life":     string(strange),
		"garbage":             "{",
		"no histogram":        strings.Replace(string(good), `"usage":[`, `"usage":[null,`, 1),
		"one histogram alone": strings.Replace(string(good), `"usage"`, `"used"`, 1),
		"bucket out of range": strings.Replace(string(good), `"n":`, `"n":9999`, 1),
		"negative weight":     strings.Replace(string(good), `"w":`, `"w":-`, 1),
		"unknown container":   strings.Replace(string(good), `"container":"web"`, `"container":"weg"`, 1),
	} {
		r := vertical.New(vertical.VPA(), nil)
		play(t, r, "db", 0, time.Hour, 100, 400)
		if err := r.Restore([]byte(snapshot)); name != "one histogram alone" && !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("%s: got %v, want %v", name, err, scale.ErrSnapshot)
		}
		if recs := r.Recommend(); name != "one histogram alone" && (len(recs) != 1 || recs[0].Container != "db") {
			t.Errorf("%s: the memory became %+v", name, recs)
		}
	}
}

// A wider quantile or another bound is a change that keeps the memory.
func TestAnotherQuantileKeepsTheMemory(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	play(t, r, "web", 0, time.Hour, 100, 400)
	snapshot, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := vertical.VPA()
	other.Resources[vertical.CPU].Target, other.Margin = 0.99, 0.5
	next := vertical.New(other, vertical.Containers{{Name: "web", Max: [2]vertical.Amount{90, 0}}})
	if err := next.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if e := estimate(t, next, "web", vertical.CPU); e.Target != 90 || e.Uncapped != 165 {
		t.Errorf("got %+v, want 110m and half of it, at most 90m", e)
	}
}

func TestWhenAReplicaIsDue(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	play(t, r, "web", 0, 24*time.Hour, 1000, 1000)
	recs := r.Recommend()
	now := at(24 * time.Hour)
	cpu, _ := recs[0].Of(vertical.CPU)
	memory, _ := recs[0].Of(vertical.Memory)
	for name, tc := range map[string]struct {
		age       time.Duration
		requests  [2]vertical.Amount
		ranFor    time.Duration // until it ran out of memory
		ended     time.Duration // ago
		want      bool
		code, why string
	}{
		"as recommended":             {age: 13 * time.Hour, requests: [2]vertical.Amount{cpu.Target, memory.Target}, code: "SmallChange"},
		"young, a fifth off":         {age: 11 * time.Hour, requests: [2]vertical.Amount{cpu.Target * 12 / 10, memory.Target}, code: "Young"},
		"old, a fifth off":           {age: 12 * time.Hour, requests: [2]vertical.Amount{cpu.Target * 12 / 10, memory.Target}, want: true, code: "Settled"},
		"less than the lower bound":  {requests: [2]vertical.Amount{cpu.Target, memory.Lower - 1}, want: true, code: "BelowLower", why: "memory, less than"},
		"more than the upper bound":  {requests: [2]vertical.Amount{cpu.Upper + 1, memory.Target}, want: true, code: "AboveUpper", why: "cpu, more than"},
		"asks for nothing":           {requests: [2]vertical.Amount{cpu.Target, -1}, want: true, code: "NoRequest", why: "asks for no memory"},
		"ran out soon":               {requests: [2]vertical.Amount{cpu.Target, memory.Target - 1}, ranFor: time.Minute, want: true, code: "QuickOutOfMemory"},
		"ran out soon, long ago":     {requests: [2]vertical.Amount{cpu.Target, memory.Target - 1}, ranFor: time.Minute, ended: time.Hour, code: "Young"},
		"ran out late":               {requests: [2]vertical.Amount{cpu.Target, memory.Target - 1}, ranFor: time.Hour, code: "Young"},
		"ran out, and nothing helps": {requests: [2]vertical.Amount{cpu.Target, memory.Target}, ranFor: time.Minute, code: "Young"},
	} {
		s := vertical.Sized{StartedAt: now.Add(-tc.age), Containers: []vertical.SizedContainer{{Name: "web", Requests: tc.requests}}}
		if tc.ranFor > 0 {
			s.Containers[0].OOMAt = now.Add(-tc.ended)
			s.Containers[0].OOMStarted = s.Containers[0].OOMAt.Add(-tc.ranFor)
		}
		why, due := vertical.Due(recs, s, now)
		if due != tc.want || why.Code != tc.code || !strings.Contains(why.String(), tc.why) {
			t.Errorf("%s: got %v, %s: %s; want %v, %s", name, due, why.Code, why, tc.want, tc.code)
		}
	}
}

// What was never measured moves nobody, whatever it asks for.
func TestNothingMeasuredIsNoReasonToChange(t *testing.T) {
	r := vertical.New(vertical.VPA(), nil)
	_ = r.Add(vertical.Usage{Replica: "web-1", Container: "web", Start: at(0), Amount: 100})
	s := vertical.Sized{StartedAt: at(0), Containers: []vertical.SizedContainer{{Name: "web", Requests: [2]vertical.Amount{125, 8 << 30}}}}
	if why, due := vertical.Due(r.Recommend(), s, at(48*time.Hour)); due {
		t.Errorf("changed: %s", why)
	}
}

func TestAmountsInWords(t *testing.T) {
	for want, got := range map[string]string{
		"25m": vertical.CPU.Words(25), "1.5": vertical.CPU.Words(1500), "250Mi": vertical.Memory.Words(250 * mebibyte),
		"1.25Gi": vertical.Memory.Words(1280 * mebibyte), "12": vertical.Memory.Words(12), "1000Ki": vertical.Memory.Words(1000 * 1024),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
