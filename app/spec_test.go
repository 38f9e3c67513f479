package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target/process"
	"github.com/google/go-cmp/cmp"
)

const shop = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop-web}
spec:
  target: {process: {command: [sleep, "60"], port: 8123, readiness: {path: /healthz}}}
  replicas: {min: 2, max: 8}
  objective: {latency: {threshold: 400ms, target: 99%}}
  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}
  shadows:
    - hpa: {metrics: [{signal: requestRate, averageValue: 35}]}
    - hpa: {metrics: [{signal: requestRate, averageValue: 35}]}
  cooldown: {scaleDown: 1m}
`

func load(t *testing.T, text string) app.Spec {
	t.Helper()
	plugins := builtin.New()
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	specs, err := app.NewSpecs(docs, plugins)
	if err != nil {
		t.Fatal(err)
	}
	return specs[0]
}

func TestASignalNobodyMeasuresIsAFault(t *testing.T) {
	plugins := builtin.New()
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false },
		Stdin: strings.NewReader(strings.Replace(shop, "signal: concurrency", "signal: concurency", 1))}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.NewSpecs(docs, plugins)
	if err == nil || !strings.Contains(err.Error(), `nobody measures the signal "concurency"; measured here: concurrency, cpuUtilization`) {
		t.Errorf("got %v, want the signal and those that are measured", err)
	}
}

// What almost no replica has cannot be decided on by mistake: the policy would
// hold for ever.
func TestTheNetworkOfProcessesIsNotToBeReliedOn(t *testing.T) {
	plugins := builtin.New()
	specs := func(more string) error {
		loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false },
			Stdin: strings.NewReader(strings.Replace(shop, "signal: concurrency", "signal: networkReceiveRate", 1) + more)}
		docs, err := loader.Load([]string{"-"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.NewSpecs(docs, plugins)
		return err
	}
	err := specs("")
	if err == nil || !strings.Contains(err.Error(), `the signal "networkReceiveRate" is not to be relied on: processes measure it only where each has a network namespace`) ||
		strings.Contains(err.Error(), "networkTransmitRate") {
		t.Errorf("got %v, want why it cannot be decided on and what can", err)
	}
	if err := specs(`  signals: [{name: networkReceiveRate, prometheus: {server: "http://127.0.0.1:9090", query: up}}]` + "\n"); err != nil {
		t.Errorf("with a source of its own: got %v", err)
	}
}

const signals = shop + `
  signals:
    - {name: jobs, prometheus: {server: "http://127.0.0.1:9090", query: up}}
    - {name: rare, interval: 30s, maxAge: 3m, prometheus: {server: "http://127.0.0.1:9090", query: up}}
    - {name: seen, maxAge: 20s, probe: {url: "http://127.0.0.1:9/", interval: 2s}}
`

// A source measures three times between two decisions, unless the document says
// how often or, as a probe, it does so itself; and how old a value may be holds
// for all that the source delivers.
func TestHowOftenASourceMeasures(t *testing.T) {
	s := load(t, signals)
	var got []time.Duration
	for _, src := range s.Sources {
		got = append(got, src.Interval.Std())
	}
	if diff := cmp.Diff([]time.Duration{5 * time.Second, 30 * time.Second, 0}, got); diff != "" {
		t.Errorf("intervals (-want +got):\n%s", diff)
	}
	for sync, want := range map[string]time.Duration{"1s": time.Second, "30s": 10 * time.Second, "5m": 15 * time.Second} {
		if got := load(t, signals+"  sync: "+sync+"\n").Sources[0].Interval.Std(); got != want {
			t.Errorf("sync %s: got %v, want %v", sync, got, want)
		}
	}
	plan, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Duration{"rare": 3 * time.Minute, "seen": 20 * time.Second, "seenAverage": 20 * time.Second, "seenP50": 20 * time.Second, "seenSuccessRatio": 20 * time.Second}
	if diff := cmp.Diff(want, plan.MaxAges); diff != "" {
		t.Errorf("greatest ages (-want +got):\n%s", diff)
	}
	changes := fmt.Sprint(s.Compress(10))
	if s.Sources[1].Interval.Std() != 3*time.Second || s.Sources[1].MaxAge.Std() != 18*time.Second || !strings.Contains(changes, "signals[1].maxAge 3m -> 18s") {
		t.Errorf("compressed: got interval %v, maxAge %v and %s", s.Sources[1].Interval, s.Sources[1].MaxAge, changes)
	}
}

func TestAnIntervalThatCannotBe(t *testing.T) {
	plugins := builtin.New()
	for was, tc := range map[string]struct{ is, want string }{
		"name: jobs,":  {"name: jobs, maxAge: 4s,", "-:16: spec.signals[0].maxAge: must be at least the interval (5s), got 4s"},
		"maxAge: 20s,": {"maxAge: 1s,", "-:18: spec.signals[2].maxAge: must be at least the interval (2s), got 1s"},
		"name: seen,":  {"name: seen, interval: 1s,", "-:18: spec.signals[2].probe.interval: probe has one of its own: state it here, and not beside name"},
	} {
		loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(strings.Replace(signals, was, tc.is, 1))}
		docs, err := loader.Load([]string{"-"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.NewSpecs(docs, plugins); err == nil || err.Error() != tc.want {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

func TestTrustInASignalNobodyDecidesOnIsAFault(t *testing.T) {
	plugins := builtin.New()
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false },
		Stdin: strings.NewReader(shop + "  trust: {signals: [{name: concurency, stale: Hold}]}\n")}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.NewSpecs(docs, plugins)
	if err == nil || !strings.Contains(err.Error(), `spec.trust.signals[0].name: no policy decides on "concurency"; they decide on: concurrency, requestRate`) {
		t.Errorf("got %v, want the signal and those that are decided on", err)
	}
}

func TestTwoServicesCannotTakeRequestsAtOneAddress(t *testing.T) {
	plugins := builtin.New()
	both := shop + "---" + strings.Replace(shop, "shop-web", "shop-cart", 1)
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(both)}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.NewSpecs(docs, plugins)
	if err == nil || !strings.Contains(err.Error(), "shop-cart takes requests at 127.0.0.1:8123, and so does shop-web") {
		t.Errorf("got %v, want the address named", err)
	}
}

func TestTheBalancerLearnsFromTheRestOfTheDocument(t *testing.T) {
	s := load(t, shop)
	if front := s.Balancer.(*proxy.Config); front.Listen != "127.0.0.1:8123" || front.Health.Path != "/healthz" || front.Threshold.Std() != 400*time.Millisecond {
		t.Errorf("got listen %s, health path %s, threshold %v", front.Listen, front.Health.Path, front.Threshold)
	}
	stated := load(t, strings.Replace(shop, "  cooldown:", "  balancer: {builtin: {listen: \"127.0.0.1:9000\", health: {path: /alive}}}\n  cooldown:", 1))
	if front := stated.Balancer.(*proxy.Config); front.Listen != "127.0.0.1:9000" || front.Health.Path != "/alive" {
		t.Errorf("what the document states was overridden: %+v", front)
	}
}

func TestShadowsHaveNamesOfTheirOwn(t *testing.T) {
	s := load(t, shop)
	got := []string{s.Policy.Name, s.Shadows[0].Name, s.Shadows[1].Name}
	want := []string{"hpa", "hpa (requestRate 35 per replica)", "hpa (requestRate 35 per replica) #2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// With a budget its guard stands before the bounds, which hold last.
func TestABudgetStandsBeforeTheBounds(t *testing.T) {
	s := load(t, strings.Replace(shop, "target: 99%}}", "target: 99%}, cost: {perReplicaHour: 1, budgetPerDay: 48.01, hard: true, timeZone: Europe/Berlin}}", 1))
	plan, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := plan.Decider.Decide(scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 100)))
	if last := d.Steps[len(d.Steps)-2:]; last[0].Guard != "budget" || last[0].To != 8 || last[1].Guard != "bounds" {
		t.Errorf("got %+v, want budget and bounds; 17 h of the day have no cost yet", last)
	}
	later := scaletest.At(22 * time.Hour)
	d = plan.Decider.Decide(scaletest.Observation(22*time.Hour, 40, scaletest.Fresh(scale.Concurrency, later, 100), scaletest.Fresh(scale.ViolationRatio, later, 0)))
	if d.SetBy != "budget" || d.DesiredReplicas != 2 || len(d.Conditions) != 1 || d.Conditions[0].Reason.Code != "BudgetReached" {
		t.Errorf("got %d set by %s (%s), conditions %+v, want 2 set by the budget", d.DesiredReplicas, d.SetBy, d.Reason, d.Conditions)
	}
}

func TestThePlanWalksTheGuardsInTheOrderOfTheDesign(t *testing.T) {
	s := load(t, shop)
	plan, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := plan.Decider.Decide(scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 100)))
	var order []string
	for _, step := range d.Steps {
		order = append(order, step.Guard)
	}
	if diff := cmp.Diff([]string{"health", "rollout", "data", "behavior", "cooldown", "objective floor", "wake", "bounds"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(plan.Shadows) != 2 || d.DesiredReplicas != 8 {
		t.Errorf("got %d shadows and %d replicas, want 2 and 4 + 100 %%", len(plan.Shadows), d.DesiredReplicas)
	}
}

// The tolerance of a behaviour is the policy's: a fifth more than the target is
// not worth a change here, any less is.
func TestTheToleranceOfTheBehaviourReachesThePolicy(t *testing.T) {
	s := load(t, shop+"  behavior: {scaleUp: {tolerance: 0.2}, scaleDown: {tolerance: 0}}\n")
	plan, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	for load, want := range map[float64]int{14.3: 4, 14.5: 5, 11.9: 4, 8.9: 3} {
		d := plan.Decider.Decide(scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), load)))
		if d.Recommendation.Replicas != want {
			t.Errorf("%v in progress at 3 per replica: got %d (%s), want %d", load, d.Recommendation.Replicas, d.Recommendation.Reason, want)
		}
	}
}

// Compression divides the time constants of policies and rules; a latency and
// what the service needs to start or end are facts and stay.
func TestCompress(t *testing.T) {
	s := load(t, shop)
	changes := s.Compress(10)
	if s.Sync.Std() != 1500*time.Millisecond || s.Policy.Cooldown.ScaleDown.Std() != 6*time.Second ||
		s.Policy.Rules.Down.StabilizationWindow.Std() != 30*time.Second || s.Policy.Rules.Up.Rates[0].Period.Std() != 1500*time.Millisecond ||
		s.Shadows[1].Rules.Up.Rates[1].Period.Std() != 1500*time.Millisecond || s.Shadows[1].Rules.Down.StabilizationWindow.Std() != 30*time.Second ||
		s.Objective.Window.Std() != 6*time.Minute || s.Balancer.Facts().Window.Std() != time.Second {
		t.Errorf("not all was divided by 10: %+v", s)
	}
	if grace := s.Target.(*process.Config).TerminationGracePeriod; s.Objective.Threshold.Std() != 400*time.Millisecond || grace.Std() != 10*time.Second {
		t.Errorf("facts were divided: threshold %v, grace %v", s.Objective.Threshold, grace)
	}
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	for _, want := range []string{"sync", "cooldown.scaleDown", "behavior.scaleDown.stabilizationWindowSeconds", "objective.window"} {
		if !strings.Contains(strings.Join(paths, " "), want) {
			t.Errorf("%s is not in the list of changes: %v", want, paths)
		}
	}
}

// What only this machine can tell is told with the line of the document.
func TestCheckNamesWhatIsNotHere(t *testing.T) {
	good := load(t, shop)
	if err := good.Check(); err != nil {
		t.Errorf("sleep is here, got %v", err)
	}
	for _, tc := range []struct{ was, is, want string }{
		{"[sleep, ", "[no-such-program, ", `-:6: spec.target.process.command: exec: "no-such-program": executable file not found`},
		{"port: 8123", "workingDirectory: /nowhere", "-:6: spec.target.process.workingDirectory: stat /nowhere: no such file"},
		{"  cooldown:", "  balancer: {builtin: {tls: {certFile: /no.crt, keyFile: /no.key}}}\n  cooldown:", "-:13: spec.balancer.builtin.tls: open /no.crt: no such file"},
	} {
		bad := load(t, strings.Replace(shop, tc.was, tc.is, 1))
		if err := bad.Check(); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}
