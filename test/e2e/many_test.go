package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/sqlite"
	"github.com/flyball-io/flyball/scale"
)

// manyDocument is one of many autoscalers: no replica until requests come, a
// policy and two shadows.
const manyDocument = `apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop-%04[1]d}
spec:
  target: {process: {command: [%[2]q, sample-app]}}
  balancer: {builtin: {listen: "127.0.0.1:0"}}
  replicas: {min: 0, max: %[3]d}
  cooldown: {scaleDown: %[3]dm}
  objective: {latency: {threshold: 500ms, target: 99%%}}
  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 2}]}}
  shadows: [{hpa: {metrics: [{signal: requestRate, averageValue: 35}]}}, {hpa: {cpuUtilization: 70}}]
  sync: 5s
%[4]s`

// probed is a source more.
const probed = "  signals: [{name: home, probe: {url: 'http://127.0.0.1:9/'}}]\n"

// many runs a controller with that many documents in the test's process.
type many struct {
	t         *testing.T
	program   string
	dir       string
	documents int
	bus       *memory.Bus
	store     record.Store
	reloads   chan struct{}
	decisions <-chan record.Decided
	stop      func()
}

func runMany(t *testing.T, documents int) *many {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	m := &many{t: t, program: newPlace(t).program, dir: t.TempDir(), documents: documents, bus: memory.New(), reloads: make(chan struct{})}
	m.write(3, "")
	log := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	m.store = store
	specs, err := m.specs()
	if err != nil {
		t.Fatal(err)
	}
	dashboard, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	deps := app.Deps{Bus: m.bus, Clock: clock.System, Log: log, StateDir: t.TempDir(), Store: store, DieWithController: true}
	c, err := app.NewController(ctx, app.Options{
		Deps: deps, Specs: specs, Dashboard: dashboard, Reload: m.specs, Reloads: m.reloads,
		Open:   app.Opener(deps, nil),
		Ending: app.Ending{StopReplicas: true, Hurry: context.Background()},
	})
	if err != nil {
		t.Fatal(err)
	}
	hearing, deaf := context.WithCancel(context.Background())
	if m.decisions, err = control.Decisions(m.bus, control.All).Subscribe(hearing); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	m.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		deaf()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, leaks)
	}
	t.Cleanup(m.stop) // after a failure too: others must not feel it
	return m
}

// write writes all documents with that maximum, and a cooldown of as many
// minutes.
func (m *many) write(maximum int, more string) {
	m.t.Helper()
	var all strings.Builder
	for i := range m.documents {
		fmt.Fprintf(&all, manyDocument+"---\n", i, m.program, maximum, more)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "many.yaml"), []byte(all.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *many) specs() ([]app.Spec, error) {
	plugins := builtin.New()
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: os.LookupEnv}.Load([]string{m.dir})
	if err != nil {
		return nil, err
	}
	return app.NewSpecs(docs, plugins)
}

// until reads decisions until each target has had as many. A decision for
// another count than none is wrong where nothing was asked of the service:
// flyball init, run elsewhere on the machine, asks whatever listens.
func (m *many) until(each int, within time.Duration) error {
	m.t.Helper()
	counts, ready := map[string]int{}, 0
	deadline := time.After(within)
	for ready < m.documents {
		select {
		case d := <-m.decisions:
			if d.Decision.DesiredReplicas != 0 && !asked(d.Seen) {
				m.t.Errorf("%s: %d replicas for no request at all (%s)", d.Decision.Target, d.Decision.DesiredReplicas, d.Decision.Reason)
			}
			if counts[d.Decision.Target]++; counts[d.Decision.Target] == each {
				ready++
			}
		case <-deadline:
			return fmt.Errorf("after %v only %d of %d targets had %d decisions", within, ready, m.documents, each)
		}
	}
	return nil
}

// asked reports whether requests came.
func asked(seen record.Seen) bool {
	return slices.ContainsFunc(seen.Signals, func(m record.Measured) bool {
		return (m.Name == scale.Concurrency || m.Name == scale.QueueDepth || m.Name == scale.RequestRate) && m.Value > 0
	})
}

// must is until that has to come to its end.
func (m *many) must(each int, within time.Duration) {
	m.t.Helper()
	if err := m.until(each, within); err != nil {
		m.t.Fatal(err)
	}
}

// resident is the memory this process holds, in MiB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib >> 10
		}
	}
	t.Fatal("/proc/self/status has no VmRSS")
	return 0
}

// A thousand documents run in one controller: each decides, every decision is
// recorded, memory is bounded and nothing is left behind.
func TestAThousandDocuments(t *testing.T) {
	testenv.Long(t)
	before := resident(t)
	m := runMany(t, 1000)
	m.must(2, 2*time.Minute)
	runtime.GC()
	early := resident(t)
	m.must(3, 2*time.Minute)
	late := resident(t)
	dropped := m.bus.Dropped()
	count := m.count()
	m.stop()
	t.Logf("memory: %d MiB before, %d MiB after 2 decisions each, %d MiB after 5; %d decisions recorded, %d messages dropped", before, early, late, count, dropped)
	if late > 1024 || late > early+early/2 {
		t.Errorf("%d MiB for %d documents after %d before, want at most 1 GiB and no growth", late, m.documents, early)
	}
	if count < 4*m.documents || dropped > 0 {
		t.Errorf("%d decisions recorded and %d messages dropped, want at least %d and none", count, dropped, 4*m.documents)
	}
}

// count is how many decisions are in the record.
func (m *many) count() int {
	m.t.Helper()
	entries, err := m.store.Read(m.t.Context(), record.Query{Kind: record.DecidedKind, Brief: true})
	if err != nil {
		m.t.Fatal(err)
	}
	return len(entries)
}

// Documents that change a hundred times a minute (limits, rules, sources)
// change nothing else: all targets go on deciding on time, none scales, no
// decision is missing from the record.
func TestDocumentsThatChangeAllTheTime(t *testing.T) {
	testenv.Long(t)
	m := runMany(t, 20)
	m.must(1, time.Minute)
	heard := make(chan error, 1)
	go func() { heard <- m.until(5, 2*time.Minute) }() // 25 s at one in 5 s
	for i := range 45 {
		m.write(3+i%2, []string{"", probed}[i/2%2])
		m.reloads <- struct{}{}
		time.Sleep(600 * time.Millisecond)
	}
	if err := <-heard; err != nil {
		t.Error(err)
	}
	gaps := m.gaps()
	m.stop()
	slices.Sort(gaps)
	t.Logf("%d decisions of %d targets, the longest gap between two %v, half of them below %v", len(gaps), m.documents, gaps[len(gaps)-1], gaps[len(gaps)/2])
	if longest := gaps[len(gaps)-1]; longest > 8*time.Second {
		t.Errorf("no decision recorded for %v, want one in 5 s", longest)
	}
}

// gaps are the times between the recorded decisions of each target.
func (m *many) gaps() []time.Duration {
	m.t.Helper()
	entries, err := m.store.Read(m.t.Context(), record.Query{Kind: record.DecidedKind, Brief: true, OldestFirst: true})
	if err != nil {
		m.t.Fatal(err)
	}
	var gaps []time.Duration
	last := map[string]time.Time{}
	for _, e := range entries {
		if before, ok := last[e.Target]; ok {
			gaps = append(gaps, e.At.Sub(before))
		}
		last[e.Target] = e.At
	}
	return gaps
}
