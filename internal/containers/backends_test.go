package containers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("engine away")

// engine is one in memory: every container uses a tenth of a core.
type engine struct {
	mu     sync.Mutex
	away   bool
	gone   string // the ID of a container that has ended
	names  []docker.Name
	vitals docker.Vitals
	asked  map[string]int // what it was asked for, how often
	open   int            // streams
}

func (e *engine) ask(what string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked == nil {
		e.asked = map[string]int{}
	}
	e.asked[what]++
	if e.away {
		return errAway
	}
	return nil
}

func (e *engine) setAway(away bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = away
}

func (e *engine) end(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = id
}

func (e *engine) isGone(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone == id
}

func (e *engine) count(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[what]
}

func (e *engine) streams() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open
}

func (e *engine) Machine(context.Context) (cgroups.Machine, error) {
	return machine, e.ask("machine")
}

func (e *engine) Running(context.Context) ([]docker.Name, error) { return e.names, e.ask("running") }

func (e *engine) Stats(ctx context.Context, id string, report func(docker.Stats)) error {
	e.mu.Lock()
	e.open++
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.open--
		e.mu.Unlock()
	}()
	for {
		if err := e.ask("stats"); err != nil {
			return err
		}
		if e.isGone(id) {
			return fmt.Errorf("measure: %w", docker.ErrGone)
		}
		now := clock.System.Now()
		report(docker.Stats{At: now, Usage: cgroups.Usage{CPU: time.Duration(now.UnixNano() / 10), Memory: 10 * mi}})
		select {
		case <-clock.System.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *engine) Vitals(_ context.Context, _ string, withSize bool) (docker.Vitals, error) {
	what, v := "vitals", e.vitals
	if withSize {
		size := int64(70)
		what, v.Size = "size", &size
	}
	return v, e.ask(what)
}

// running runs what blocks until ctx is done, and returns what ends it.
func running(t *testing.T, runs ...func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, run := range runs {
		all.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

func pass(d time.Duration) {
	<-clock.System.After(d)
	synctest.Wait()
}

func ready(ids ...string) func(context.Context) ([]scale.Replica, error) {
	return func(context.Context) ([]scale.Replica, error) {
		var all []scale.Replica
		for _, id := range ids {
			all = append(all, scale.Replica{ID: id, Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}})
		}
		return all, nil
	}
}

func TestTheEngineIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{names: []docker.Name{{ID: "1", Name: "web-a"}, {ID: "2", Name: "web-b"}, {ID: "3", Name: "other"}}, vitals: docker.Vitals{CPULimit: 0.5, MemoryLimit: 100 * mi, Health: docker.Healthy}}
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, Measured{Meter: m, Engine: e, Replicas: ready("web-a", "web-b")}.Run)
		pass(125 * time.Second)
		got, err := values(t, m, "")
		if err != nil {
			t.Error(err)
		}
		expect(t, got, map[string]float64{scale.CPUUtilization: 0.2, CPUCores: 0.2, scale.MemoryUtilization: 0.1, WritableLayerBytes: 140, HealthyRatio: 1})
		if n, sizes := e.streams(), e.count("size"); n != 2 || sizes != 6 {
			t.Errorf("%d streams and %d sizes, want 2 and for each of them one a minute", n, sizes)
		}

		e.setAway(true)
		pass(2 * time.Second)
		if got, err := values(t, m, ""); !errors.Is(err, errAway) || len(got) > 0 {
			t.Errorf("without the engine: %v, %v", got, err)
		}
		e.setAway(false)
		pass(20 * time.Second)
		if got, err := values(t, m, ""); err != nil || got[scale.CPUUtilization] != 0.2 {
			t.Errorf("with the engine again: %v, %v", got, err)
		}
		m.Follow(map[string]Subject{})
		synctest.Wait()
		if n := e.streams(); n != 0 {
			t.Errorf("%d streams are open although nobody is followed", n)
		}
		stop()
	})
}

// Who only tells others what an engine knows asks it for that and follows no
// stream.
func TestVitalsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{vitals: docker.Vitals{Health: docker.Healthy}}
		m := NewMeter(Requested{}, clock.System, nil)
		m.Follow(map[string]Subject{"a": {Container: "1"}})
		stop := running(t, (&Vitals{Meter: m, Ask: e.Vitals}).Run)
		pass(25 * time.Second)
		known := m.Roll("web").Replicas["a"]
		if known.Vitals == nil || known.Vitals.Health != docker.Healthy || known.Vitals.Size == nil || *known.Vitals.Size != 70 {
			t.Errorf("known is %+v", known)
		}
		if asked, sizes := e.count("vitals"), e.count("size"); asked != 3 || sizes != 1 || e.count("stats") != 0 {
			t.Errorf("asked %d times, %d for a size; want each 10 s, and one size a minute", asked, sizes)
		}
		m.Follow(map[string]Subject{})
		pass(time.Minute)
		if again := e.count("vitals"); again != 3 {
			t.Errorf("asked about nobody, %d times", again-3)
		}
		stop()
	})
}

// Who works on a target measures meanwhile, and not longer.
func TestMeasuringBesideWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{names: []docker.Name{{ID: "1", Name: "web-a"}}}
		m := Measured{Meter: NewMeter(Requested{}, clock.System, nil), Engine: e, Replicas: ready("web-a")}
		err := m.Beside(t.Context(), func(context.Context) error {
			pass(15 * time.Second)
			if got, err := values(t, m.Meter, ""); err != nil || got[CPUCores] != 0.1 {
				t.Errorf("while it works: %v, %v", got, err)
			}
			return errAway
		})
		if n := e.streams(); !errors.Is(err, errAway) || n != 0 {
			t.Errorf("the work ended with %v, and %d streams are open", err, n)
		}
	})
}

func TestAnEngineThatIsAwayAtTheBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{away: true, names: []docker.Name{{ID: "1", Name: "web-a"}}}
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, Measured{Meter: m, Engine: e, Replicas: ready("web-a", "gone")}.Run)
		pass(5 * time.Second)
		if _, err := m.Collect(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("got %v", err)
		}
		e.setAway(false)
		pass(15 * time.Second)
		got, err := values(t, m, "")
		if err == nil || !strings.Contains(err.Error(), "1 of 2 replicas are not measured (gone)") {
			t.Errorf("a replica without a container: %v", err)
		}
		expect(t, got, map[string]float64{scale.CPUUtilization: 0.025, CPUCores: absent})
		stop()
	})
}

// A container that has ended is no fault of the engine, and the rest of the
// replicas are all there are. One that stays on the list all the same is told.
func TestAContainerThatHasEndedIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{names: []docker.Name{{ID: "1", Name: "web-a"}, {ID: "2", Name: "web-b"}}}
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, Measured{Meter: m, Engine: e, Replicas: ready("web-a", "web-b")}.Run)
		defer stop()
		pass(15 * time.Second)
		e.end("2")
		for range 5 {
			pass(time.Second)
			got, err := values(t, m, "")
			if err != nil {
				t.Errorf("a container has ended, the engine is fine: %v", err)
			}
			expect(t, got, map[string]float64{CPUCores: 0.1})
		}
		pass(10 * time.Second)
		if _, err := values(t, m, ""); err == nil || !strings.Contains(err.Error(), "1 of 2 replicas are not measured (web-b)") {
			t.Errorf("still a replica after 15 s without a reading: %v", err)
		}
	})
}

// host is a machine of files, which a test may change.
func host(t *testing.T) (*cgroups.Host, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../cgroups/testdata/v2")); err != nil {
		t.Fatal(err)
	}
	h, err := cgroups.Open(os.DirFS(dir+"/proc"), os.DirFS(dir+"/cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	return h, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The containers of the host.
var (
	limited = "3f4e" + strings.Repeat("0a", 30)
	free    = "b7c1" + strings.Repeat("1b", 30)
)

func agent(h *cgroups.Host, b bus.Bus) *Agent {
	topic := bus.Topic[NodeReport]{Bus: b, Subject: NodeSubject("n1")}
	return &Agent{Node: "n1", Host: h, Interval: time.Second, Publish: topic.Publish, Clock: clock.System, Log: slog.New(slog.DiscardHandler)}
}

func TestAgentsAreHeardOverTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, dir := host(t)
		b := memory.New()
		m := NewMeter(Requested{}, clock.System, nil)
		roll := Roll{Target: "web", Replicas: map[string]Entry{"web-a": {Container: limited,
			Vitals: &docker.Vitals{Health: docker.Healthy, Restarts: 3}, At: clock.System.Now(), SizeAt: clock.System.Now()}}}
		size := int64(70)
		roll.Replicas["web-a"].Vitals.Size = &size
		stop := running(t, (&Agents{Meter: m, Target: "web", Subscribe: b.Subscribe, Replicas: ready("web-a", free[:12])}).Run,
			agent(h, b).Run, func(ctx context.Context) error {
				return Announce(ctx, clock.System, bus.Topic[Roll]{Bus: b, Subject: RollSubject("web")}.Publish, told(roll))
			})
		pass(4500 * time.Millisecond)
		// A second more within the window.
		must(t, os.WriteFile(dir+"/cgroup/system.slice/docker-"+limited+".scope/cpu.stat", []byte("usage_usec 13345678\n"), 0o644))
		pass(2 * time.Second)
		got, err := values(t, m, "web-a")
		if err != nil {
			t.Error(err)
		}
		expect(t, got, map[string]float64{scale.MemoryUtilization: 0.195313, Processes: 7, Restarts: 3, HealthyRatio: 1, WritableLayerBytes: 70,
			scale.NetworkReceiveRate: 0, scale.DiskReadRate: 0})
		if cores := got[CPUCores]; cores < 0.15 || cores > 0.35 || got[scale.CPUUtilization] < 1.9*cores {
			t.Errorf("a second of CPU in about 4 is %v cores, %v of the limit", cores, got[scale.CPUUtilization])
		}
		got, _ = values(t, m, free[:12])
		expect(t, got, map[string]float64{CPUCores: 0, scale.DiskReadRate: absent, scale.NetworkReceiveRate: absent, Restarts: absent})
		stop()
	})
}

// told is a target whose replicas are known.
type told Roll

func (t told) Roll(context.Context) (Roll, error) { return Roll(t), nil }

func TestAgentsThatFallSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := host(t)
		b := memory.New()
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, (&Agents{Meter: m, Target: "web", Subscribe: b.Subscribe, Replicas: ready(limited)}).Run)
		quiet := running(t, agent(h, b).Run)
		pass(5 * time.Second)
		quiet()
		pass(5 * time.Second)
		if got, err := values(t, m, ""); err != nil || len(got) == 0 {
			t.Errorf("while the last report is new: %v, %v", got, err)
		}
		pass(10 * time.Second)
		got, err := values(t, m, "")
		if err == nil || !strings.Contains(err.Error(), "no reading of their containers for 10s") || len(got) > 0 {
			t.Errorf("got %v, %v", got, err)
		}
		stop()
	})
}

// Nodes come and go, and those of a cloud under a new name each time: what is
// gone for long is not searched for replicas any more.
func TestANodeThatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		a := &Agents{Meter: NewMeter(Requested{}, clock.System, nil), Target: "web", Subscribe: b.Subscribe, Replicas: ready(limited)}
		stop := running(t, a.Run)
		pass(time.Second)
		tell := func(node string) {
			behind := clock.System.Now().Add(-time.Hour) // a clock that differs is none of ours
			if err := b.Publish(t.Context(), NodeSubject(node), NodeReport{Node: node, At: behind}); err != nil {
				t.Fatal(err)
			}
		}
		tell("goes")
		for range 10 {
			tell("stays")
			pass(time.Minute)
		}
		stop()
		if _, known := a.nodes["goes"]; known || len(a.nodes) != 1 {
			t.Errorf("known are %v, want the node alone that is heard", slices.Collect(maps.Keys(a.nodes)))
		}
	})
}

// What an agent said long ago, and a bus tells to whoever comes, is old.
func TestAnOldReportIsNotNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, (&Agents{Meter: m, Target: "web", Subscribe: b.Subscribe, Replicas: ready(limited)}).Run)
		pass(2 * time.Second)
		tell := func(at time.Time) {
			r := NodeReport{Node: "n", At: at, Machine: machine, Containers: map[string]cgroups.Usage{limited: {Processes: 5}}}
			if err := b.Publish(t.Context(), NodeSubject("n"), r); err != nil {
				t.Fatal(err)
			}
			pass(2 * time.Second)
		}
		old, ahead := clock.System.Now().Add(-time.Minute), clock.System.Now().Add(time.Hour)
		tell(old)
		tell(old)
		samples, err := m.Collect(t.Context())
		if err == nil || len(samples) != 1 || !samples[0].At.Equal(old) {
			t.Errorf("got %+v, %v", samples, err)
		}
		tell(ahead) // a node whose clock is ahead
		if samples, err = m.Collect(t.Context()); err != nil || len(samples) < 2 || samples[0].At.After(clock.System.Now()) {
			t.Errorf("got %+v, %v", samples, err)
		}
		stop()
	})
}

func TestWithoutABusAgentsCannotBeHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{}, clock.System, nil)
		stop := running(t, (&Agents{Meter: m, Target: "web", Replicas: ready("a")}).Run)
		pass(time.Second)
		if _, err := m.Collect(t.Context()); !errors.Is(err, ErrNoBus) {
			t.Errorf("got %v", err)
		}
		stop()
	})
}

// What a roll tells of a replica goes round: who is told tells the same.
func TestARollHoldsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{}, clock.System, nil)
		m.Follow(map[string]Subject{"a": {Container: "1"}, "b": {Container: "2"}})
		at, sizeAt, size := clock.System.Now(), clock.System.Now().Add(-time.Second), int64(9)
		m.learn("1", docker.Vitals{Health: docker.Healthy, Size: &size}, at, sizeAt)
		roll := m.Roll("web")
		a, b := roll.Replicas["a"], roll.Replicas["b"]
		if a.Container != "1" || a.Vitals == nil || *a.Vitals.Size != 9 || !a.At.Equal(at) || !a.SizeAt.Equal(sizeAt) || b.Container != "2" || b.Vitals != nil {
			t.Errorf("got %+v", roll)
		}
	})
}

func TestAnAgentGoesOnWhateverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, dir := host(t)
		var mu sync.Mutex // guards what follows
		var reports []NodeReport
		var refuse error
		var log strings.Builder
		a := agent(h, memory.New())
		a.Log = slog.New(slog.NewTextHandler(&log, nil))
		a.Publish = func(_ context.Context, r NodeReport) error {
			mu.Lock()
			defer mu.Unlock()
			if refuse == nil {
				reports = append(reports, r)
			}
			return refuse
		}
		last := func() NodeReport {
			mu.Lock()
			defer mu.Unlock()
			return reports[len(reports)-1]
		}
		setRefuse := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			refuse = err
		}
		stop := running(t, a.Run)
		pass(1500 * time.Millisecond)
		if r := last(); len(r.Containers) != 2 || r.Containers[limited].Network == nil || r.Machine.Cores != 4 {
			t.Fatalf("got %+v", r)
		}
		setRefuse(errAway)
		pass(3 * time.Second)
		setRefuse(nil)
		// One container ends, and another process of the other stands for it.
		must(t, os.RemoveAll(dir+"/cgroup/system.slice/docker-"+free+".scope"))
		must(t, os.Rename(dir+"/proc/812", dir+"/proc/900"))
		pass(4 * time.Second)
		if r := last(); len(r.Containers) != 1 || r.Containers[limited].Network == nil {
			t.Errorf("got %+v", r)
		}
		must(t, os.Remove(dir+"/proc/stat"))
		pass(2 * time.Second)
		stop()
		if said := strings.Count(log.String(), "no report"); said != 2 || strings.Count(log.String(), "reports again") != 1 {
			t.Errorf("said:\n%s", log.String())
		}
	})
}
