package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// A decision is never made under a mode or a plan that is over, although the
// planner has not come to hear of it.
func TestADecisionKnowsWhatWasToldBeforeIt(t *testing.T) {
	planned := func(maximum int) Plan {
		p, err := hpa.New(hpa.Default(), policy.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return Plan{Mode: scale.Apply, Sync: time.Minute, MaxAge: time.Minute, Decider: decide.New("hpa", p, guard.Bounds{Min: maximum, Max: maximum})}
	}
	b, overrides, plans := memory.New(), make(chan *record.Override, 1), make(chan Plan, 1)
	decisions, err := Decisions(b, All).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := Planner{Name: "web", Decisions: Decisions(b, "web"), Memories: Memories(b, "web"), Clock: clock.System,
		Log: slog.New(slog.DiscardHandler), Plans: plans, Overrides: overrides, plan: planned(2)}
	p.seen = newAssembler("web", time.Minute)
	p.seen.take(Report{Target: "web", At: clock.System.Now(), Status: &target.Status{SpecReplicas: 2}})

	overrides <- &record.Override{Mode: scale.Paused}
	plans <- planned(5)
	if !p.decide(t.Context()) {
		t.Fatal("no decision")
	}
	if d := <-decisions; d.Mode != scale.Paused || d.Decision.DesiredReplicas != 5 {
		t.Errorf("got %s and %d replicas, want Paused and the 5 of the newest plan", d.Mode, d.Decision.DesiredReplicas)
	}
}

// Snapshots of a large memory are a minute apart, however often is decided, and
// the last one knows everything.
func TestMemoryIsPublishedAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, plans := memory.New(), make(chan Plan, 1)
		listening, deaf := context.WithCancel(t.Context())
		memories, err := Memories(b, All).Subscribe(listening)
		if err != nil {
			t.Fatal(err)
		}
		var taken []Memory
		var running sync.WaitGroup
		running.Go(func() {
			for m := range memories {
				taken = append(taken, m)
			}
		})
		learned := &forgetful{size: 40 << 10}
		plans <- Plan{Mode: scale.Apply, Sync: 5 * time.Second, MaxAge: time.Minute, Decider: decide.New("forgetful", learned)}
		p := Planner{Name: "web", Reports: Reports(b, "web"), Decisions: Decisions(b, "web"), Changes: Changes(b, "web"),
			Memories: Memories(b, "web"), Clock: clock.System, Log: slog.New(slog.DiscardHandler), Plans: plans}
		var planning sync.WaitGroup
		planning.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 600 {
			report := Report{Target: "web", At: time.Now(), Status: &target.Status{SpecReplicas: 2}, Samples: []scale.Sample{{Signal: "load", At: time.Now()}}}
			if err := Reports(b, "web").Publish(ctx, report); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := len(taken); n < 9 || n > 12 || learned.asked < 119 {
			t.Errorf("%d snapshots of %d decisions in ten minutes, want one a minute", n, learned.asked)
		}
		cancel()
		planning.Wait()
		synctest.Wait()
		deaf()
		running.Wait()
		last := taken[len(taken)-1]
		if want := fmt.Sprintf(`"asked":%d`, learned.asked); !strings.Contains(string(last.Data), want) {
			t.Errorf("the last snapshot lacks %s", want)
		}
		var remembers planMemory
		if err := json.Unmarshal(last.Data, &remembers); err != nil || !remembers.Decided.Equal(last.At) {
			t.Errorf("it says that it was decided at %v (%v), want %v", remembers.Decided, err, last.At)
		}
	})
}

// A small one costs nothing to speak of, and is published with each decision.
func TestASmallMemoryIsPublishedWithEachDecision(t *testing.T) {
	var r remembering
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	r.took(at, "web", 2000)
	r.took(at, "web", 2000)
	if r.due(at.Add(3*time.Second)) || !r.due(at.Add(4*time.Second)) || !r.due(at.Add(-time.Hour)) {
		t.Errorf("2 kB are followed after %v, want 3.9 s, and at once when the clock was set back", r.pause)
	}
}

// Targets that began together do not go on together.
func TestSnapshotsAreSpread(t *testing.T) {
	pauses := map[time.Duration]bool{}
	for i := range 100 {
		var r remembering
		r.took(time.Time{}.Add(1), fmt.Sprintf("web-%d", i), 40<<10)
		pauses[r.pause/(6*time.Second)] = true
	}
	if len(pauses) < 9 {
		t.Errorf("100 targets fall into %d tenths of a minute, want all", len(pauses))
	}
}

// However long this machine thinks about a decision, a simulation misses none.
func TestADecisionTakesNoSimulatedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewFast(time.Now(), 60)
		p := Planner{Name: "web", Decisions: Decisions(memory.New(), "web"), Memories: Memories(memory.New(), "web"), Clock: clk, Log: slog.New(slog.DiscardHandler),
			plan: Plan{Mode: scale.Apply, Sync: time.Minute, MaxAge: time.Minute, Decider: decide.New("thoughtful", thoughtful{})}}
		p.seen = newAssembler("web", time.Minute)
		p.seen.take(Report{Target: "web", At: clk.Now(), Status: &target.Status{SpecReplicas: 2}})
		before := clk.Now()
		if !p.decide(t.Context()) {
			t.Fatal("no decision")
		}
		if took := clk.Now().Sub(before); took != 0 {
			t.Errorf("it took %v, want nothing", took)
		}
		<-clk.After(time.Minute)
		if took := clk.Now().Sub(before); took != time.Minute {
			t.Errorf("a minute later it is %v later", took)
		}
	})
}

// thoughtful is a policy that takes its time.
type thoughtful struct{}

func (thoughtful) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	time.Sleep(10 * time.Second)
	return scale.Recommendation{Replicas: obs.CurrentReplicas, Confidence: 1}, nil
}
func (thoughtful) Signals() []string         { return nil }
func (thoughtful) Snapshot() ([]byte, error) { return []byte("{}"), nil }
func (thoughtful) Restore([]byte) error      { return nil }

// forgetful is a policy with a large memory.
type forgetful struct{ asked, size int }

func (f *forgetful) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	f.asked++
	return scale.Recommendation{Replicas: obs.CurrentReplicas, Confidence: 1}, nil
}
func (*forgetful) Signals() []string { return nil }
func (f *forgetful) Snapshot() ([]byte, error) {
	return fmt.Appendf(nil, `{"asked":%d,"rest":%q}`, f.asked, strings.Repeat("x", f.size)), nil
}
func (*forgetful) Restore([]byte) error { return nil }

// Measurements come a moment after decisions are due: each decision waits that
// moment, and decides on what was just measured. Where none comes it does not wait
// for long.
func TestADecisionWaitsForAReportThatIsAboutToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, plans := memory.New(), make(chan Plan, 1)
		ages := &agesSeen{}
		plans <- Plan{Mode: scale.Apply, Sync: 16 * time.Second, MaxAge: time.Minute, Decider: decide.New("ages", ages)}
		p := Planner{Name: "web", Reports: Reports(b, "web"), Decisions: Decisions(b, "web"), Changes: Changes(b, "web"),
			Memories: Memories(b, "web"), Clock: clock.System, Log: slog.New(slog.DiscardHandler), Plans: plans}
		var planning sync.WaitGroup
		planning.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		for i := range 25 {
			report := Report{Target: "web", At: time.Now(), Measured: true, Status: &target.Status{SpecReplicas: 2}, Samples: []scale.Sample{{Signal: "load", At: time.Now(), Value: 1}}}
			if err := Reports(b, "web").Publish(ctx, report); err != nil {
				t.Fatal(err)
			}
			// The clocks drift apart by a tenth of a second per decision, and together again.
			time.Sleep(8*time.Second + time.Duration(50-i/12*100)*time.Millisecond)
		}
		synctest.Wait()
		if n := len(ages.all()); n < 12 || n > 14 {
			t.Fatalf("%d decisions in %v, want one in 16 s", n, time.Since(start))
		}
		for i, age := range ages.all() {
			if age > time.Second {
				t.Errorf("decision %d sees what was measured %v ago", i, age)
			}
		}
		time.Sleep(48 * time.Second)
		synctest.Wait()
		if n := len(ages.all()); n < 15 {
			t.Errorf("%d decisions: none without a report", n)
		}
		cancel()
		planning.Wait()
	})
}

// agesSeen notes how old the newest measurement is, at each decision.
type agesSeen struct {
	forgetful
	mu   sync.Mutex // guards seen
	seen []time.Duration
}

func (a *agesSeen) all() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen)
}

func (a *agesSeen) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	points := obs.Signal("load").Points
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, obs.At.Sub(points[len(points)-1].At))
	return scale.Recommendation{Replicas: 2}, nil
}

// Reports that come often are not worth waiting for: only one that is due at
// this very moment is.
func TestAReportIsWaitedForOnlyWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Planner{Clock: clock.System, plan: Plan{Sync: 30 * time.Second}, pause: time.Second}
		for _, tc := range []struct {
			age  time.Duration
			soon bool
		}{{0, false}, {500 * time.Millisecond, false}, {900 * time.Millisecond, true}, {1100 * time.Millisecond, true}, {2 * time.Second, false}} {
			p.reported = time.Now().Add(-tc.age)
			if patience, soon := p.coming(); soon != tc.soon || patience != time.Second/8 {
				t.Errorf("the newest is %v old: soon %v within %v, want %v within an eighth of a second", tc.age, soon, patience, tc.soon)
			}
		}
	})
}
