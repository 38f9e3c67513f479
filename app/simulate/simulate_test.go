package simulate_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/simulate"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

const shop = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop-web}
spec:
  target: {process: {command: [/nowhere/shop], port: 8123}}
  replicas: {min: 1, max: 20}
  objective: {latency: {threshold: 500ms, target: 99.9%}}
  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 2}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
`

func specs(t *testing.T, text string) []app.Spec {
	t.Helper()
	plugins := builtin.New()
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := app.NewSpecs(docs, plugins)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// waves is an hour between 50 and 500 requests per second.
func waves(int) (workload.Shape, error) {
	return workload.Diurnal{Base: 50, Peak: 500, Period: 20 * time.Minute, For: time.Hour}, nil
}

func options(clk *clock.Fast) simulate.Options {
	base := sim.Default()
	base.Metrics = sim.Metrics{}
	return simulate.Options{Scenario: base, Load: waves, Clock: clk}
}

// live runs a document through the live loop for so long, and returns the
// decisions too.
func live(t *testing.T, spec app.Spec, clk *clock.Fast, length time.Duration) (simulate.Scorecard, []scale.Decision) {
	t.Helper()
	services := simulate.New(options(clk))
	parts, err := services.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b := memory.New()
	s, err := app.NewServiceOf(t.Context(), spec, parts, app.Deps{Bus: b, Clock: clk, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	heard, err := control.Decisions(b, spec.Name).Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var decisions []scale.Decision
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for d := range heard {
			decisions = append(decisions, d.Decision)
		}
	}()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: context.Background()} })
	}()
	<-clk.After(length)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-listened
	return services.Result("waves").Services[0], decisions
}

// The same hour through the live loop and through the simulator, with the same
// arrivals and the same decider. They differ in when they measure and decide:
// by the phases of the simulator's clocks, and the loop by up to a second.
func TestTheLiveLoopDecidesAsTheSimulator(t *testing.T) {
	spec := specs(t, shop)[0]
	if _, err := simulate.Prepare([]app.Spec{spec}); err != nil {
		t.Fatal(err)
	}
	var got simulate.Scorecard
	var decisions []scale.Decision
	synctest.Test(t, func(t *testing.T) { got, decisions = live(t, spec, clock.NewFast(time.Now(), 60), time.Hour) })

	scenario := spec.Scenario(options(nil).Scenario)
	scenario.Load, _ = waves(0)
	scenario.Replicas.Initial = 2
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	most, wanted := 0, []int{}
	want := sim.Run(&scenario, sim.NewEvents(&scenario), plan.Decider, sim.Options{Decided: func(_ scale.Observation, d scale.Decision) {
		most, wanted = max(most, d.DesiredReplicas), append(wanted, d.DesiredReplicas)
	}})

	t.Logf("live: %d decisions, %d actions, %.3f replica-hours, %.3f %% bad; simulated: %d, %d, %.3f, %.3f %%", len(decisions), got.ScalingActions, got.ReplicaHours,
		100*got.ViolationRatio, want.Decisions, want.Actions, want.ReplicaHours(), 100*want.ViolationRatio())
	if float64(got.Requests) != want.Requests {
		t.Errorf("%d requests, want the same as the simulator's %v", got.Requests, want.Requests)
	}
	if math.Abs(got.ReplicaHours/want.ReplicaHours()-1) > 0.03 {
		t.Errorf("%v replica-hours, want within 3 %% of %v", got.ReplicaHours, want.ReplicaHours())
	}
	if math.Abs(float64(len(decisions)-want.Decisions)) > 2 || got.MaxReplicas < most-1 || got.MaxReplicas > most+1 {
		t.Errorf("%d decisions, %d replicas at most; want about %d, %d", len(decisions), got.MaxReplicas, want.Decisions, most)
	}
	apart := 0
	for i := 1; i < min(len(decisions), len(wanted)); i++ {
		// A live decision lies between two of the simulator's.
		n := decisions[i].DesiredReplicas
		if n < min(wanted[i-1], wanted[i])-1 || n > max(wanted[i-1], wanted[i])+1 {
			apart++
		}
	}
	if apart > len(wanted)/20 {
		t.Errorf("%d of %d decisions are more than one replica off, want at most a twentieth", apart, len(wanted))
	}
}

func TestWhatCannotBeSimulatedIsSaid(t *testing.T) {
	const sources = `
  signals:
    - {name: jobs, prometheus: {server: "http://127.0.0.1:9090", query: up}}
    - {name: requestRate, prometheus: {server: "http://127.0.0.1:9090", query: up}}
  shadows: [{hpa: {metrics: [{signal: jobs, averageValue: 10}]}}]
`
	all := specs(t, shop+sources)
	notes, err := simulate.Prepare(all)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"shop-web: signal jobs: prometheus is not asked: it cannot be simulated, and is absent",
		"shop-web: signal requestRate: prometheus is not asked: it is measured of the simulated service",
		"shop-web: shadow hpa (jobs 10 per replica) decides on jobs, which cannot be simulated; a simulation has: concurrency, cpuUtilization, errorRate, latency, queueDepth, requestRate, violationRatio",
	}
	if got := strings.Join(notes, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if len(all[0].Sources) != 0 {
		t.Errorf("sources that would be asked: %v", all[0].Sources)
	}

	_, err = simulate.Prepare(specs(t, strings.Replace(shop, "signal: concurrency", "signal: jobs", 1)+sources))
	if err == nil || !strings.Contains(err.Error(), "-:9: spec.policy: hpa decides on jobs, which cannot be simulated") {
		t.Errorf("got %v, want where, and that the policy would hold for ever", err)
	}
}

func TestTheScorecardSaysWhatWasPlayed(t *testing.T) {
	var got simulate.Scorecard
	synctest.Test(t, func(t *testing.T) { got, _ = live(t, specs(t, shop)[0], clock.NewFast(time.Now(), 600), 5*time.Minute) })
	text := &strings.Builder{}
	simulate.Result{Workload: "waves", Services: []simulate.Scorecard{got}}.Print(text)
	for _, want := range []string{"Scorecard  shop-web, simulated, waves, 5m", "failed or over 500 ms", "allowed by the objective           0.100 %", "replica-hours"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// Two documents are compared under the same arrivals and service times.
func TestServicesMeetTheSameRequests(t *testing.T) {
	all := specs(t, shop+"---"+strings.NewReplacer("shop-web", "shop-two", "8123", "8124").Replace(shop))
	var got []simulate.Scorecard
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewFast(time.Now(), 60)
		services := simulate.New(options(clk))
		for _, spec := range all {
			if _, err := services.Open(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
		}
		<-clk.After(time.Minute)
		got = services.Result("waves").Services
	})
	if got[0].Target != "shop-web" || got[1].Target != "shop-two" || got[0].Requests == 0 || got[0].Mean != got[1].Mean || got[0].Requests != got[1].Requests {
		t.Errorf("got %+v\nand %+v, want the same of both", got[0], got[1])
	}
}

// A reload may change what is decided, not what is simulated.
func TestWhatARunningSimulationTakesOver(t *testing.T) {
	services := simulate.New(options(clock.NewFast(clock.System.Now(), 60)))
	parts, err := services.Open(t.Context(), specs(t, shop)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		was, is string
		taken   bool
	}{
		{"max: 20", "max: 10", true},
		{"averageValue: 2", "averageValue: 3", true},
		{"target: 99.9%", "target: 99%", true},
		{"threshold: 500ms", "threshold: 300ms", false},
		{"port: 8123", "port: 8123, usageWindow: 1m", false},
		{"port: 8123", "port: 8123, drainTimeout: 1m", false},
	} {
		err := parts.Accept(specs(t, strings.Replace(shop, tc.was, tc.is, 1))[0])
		if (err == nil) != tc.taken {
			t.Errorf("%s instead of %s: got %v, want it taken over: %v", tc.is, tc.was, err, tc.taken)
		}
	}
}

// A promise that the service alone breaks is played all the same, and said:
// others run beside it.
func TestAPromiseThatNobodyCanKeepIsPlayed(t *testing.T) {
	text := strings.Replace(shop, "threshold: 500ms", "threshold: 10ms", 1)
	text = strings.Replace(text, "policy: {hpa: {metrics: [{signal: concurrency, averageValue: 2}]}}", "policy: {predictive: {}}", 1)
	spec := specs(t, text)[0]
	if _, err := simulate.Prepare([]app.Spec{spec}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o := options(clock.NewFast(time.Now(), 60))
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := simulate.New(o).Open(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"cannot keep the objective", "target=shop-web", "--service-mean", "take longer than 0.01 s"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("logged %q, want %q", log.String(), word)
		}
	}
	var decisions []scale.Decision
	synctest.Test(t, func(t *testing.T) { _, decisions = live(t, spec, clock.NewFast(time.Now(), 60), 5*time.Minute) })
	last := decisions[len(decisions)-1]
	if !slices.ContainsFunc(last.Conditions, func(c scale.GuardCondition) bool { return c.Reason.Code == "ObjectiveInfeasible" }) {
		t.Errorf("the last decision has the conditions %v, want ObjectiveInfeasible", last.Conditions)
	}
}

// No language model is asked about a service that is played: that one stands in is
// said, unless the document names one that is simulated.
func TestNoModelIsAskedInASimulation(t *testing.T) {
	for by, want := range map[string]int{``: 1, `openai: {url: "http://127.0.0.1:1/v1"}`: 1, `simulated: {}`: 0} {
		notes, err := simulate.Prepare(specs(t, shop+"\n  shadows: [{advised: {advisor: {"+by+"}}}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(strings.Join(notes, "\n"), "no language model is asked: a simulated one that advises well stands in"); got != want {
			t.Errorf("advised by %q: got %v, want %d notes", by, notes, want)
		}
	}
}
