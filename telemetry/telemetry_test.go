package telemetry_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/telemetry"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

// rig is running metrics with the bus they listen to, in a bubble of synctest.
type rig struct {
	t       *testing.T
	bus     *memory.Bus
	metrics *telemetry.Metrics
	stop    func()
}

// named are targets of which a document says little.
func named(names ...string) (all []telemetry.Target) {
	for _, name := range names {
		all = append(all, telemetry.Target{Name: name, Min: 1, Max: 20, PerReplicaHour: 3.6,
			Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}})
	}
	return all
}

func newRig(t *testing.T, targets ...string) *rig {
	t.Helper()
	b := memory.New()
	r := &rig{t: t, bus: b, metrics: telemetry.New(telemetry.Options{Bus: b, Clock: clock.System, Version: "v1.2.3", Targets: named(targets...)})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.metrics.Run(ctx) }()
	synctest.Wait()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		synctest.Wait()
	}
	return r
}

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) report(m control.Report) {
	r.t.Helper()
	r.do(control.Reports(r.bus, m.Target).Publish(r.t.Context(), m))
}

func (r *rig) decide(m record.Decided) {
	r.t.Helper()
	r.do(control.Decisions(r.bus, m.Decision.Target).Publish(r.t.Context(), m))
}

func (r *rig) apply(m record.Applied) {
	r.t.Helper()
	r.do(control.Changes(r.bus, m.Target).Publish(r.t.Context(), m))
}

func (r *rig) tell(m record.Event) {
	r.t.Helper()
	r.do(control.Events(r.bus, m.Target).Publish(r.t.Context(), m))
}

func (r *rig) text() []byte {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		r.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// families parses what a scrape brings.
func (r *rig) families() map[string]*dto.MetricFamily {
	r.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(r.text()))
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// values returns the series of a family by their labels, "a=1,b=2".
func (r *rig) values(name string) map[string]float64 {
	r.t.Helper()
	values := map[string]float64{}
	f := r.families()[name]
	if f == nil {
		return values
	}
	for _, m := range f.Metric {
		var labels []string
		for _, l := range m.Label {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		values[strings.Join(labels, ",")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return values
}

func (r *rig) want(name string, want map[string]float64) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.values(name)); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func decision(target string, from, wanted, to int, setBy string) record.Decided {
	return record.Decided{Mode: scale.Apply, Decision: scale.Decision{
		Target: target, Policy: "hpa", At: time.Now(), CurrentReplicas: from, DesiredReplicas: to, SetBy: setBy,
		Recommendation: scale.Recommendation{Replicas: wanted},
	}}
}

// outlook expects 100, at most 120 and hardly ever 130 within ten seconds.
func outlook(load float64) *record.Outlook {
	return &record.Outlook{Signal: "requestRate", Load: load, Peak: [3]float64{100, 120, 130}, Horizon: 10 * time.Second}
}

// life makes everything happen once that is counted.
func life(r *rig) {
	d := decision("shop", 5, 9, 8, "bounds")
	d.Decision.Reason = scale.Because("TooManyReplicas", "")
	d.Decision.Steps = []scale.Step{{Guard: "data", From: 9, To: 9}, {Guard: "bounds", From: 9, To: 8}}
	d.Decision.Conditions = []scale.GuardCondition{{Guard: "budget", Reason: scale.Because("BudgetAtRisk", "")}}
	d.Seen = record.Seen{Starting: 2, Terminating: 1, Signals: []record.Measured{
		{Name: "cpuUtilization", Trust: scale.Stale, Value: 0.7, At: time.Now().Add(-time.Minute)},
		{Name: "latency", Trust: scale.Fresh, Value: 0.2, P50: 0.1, P95: 0.2, P99: 0.3, At: time.Now()},
		{Name: "requestRate", Trust: scale.Fresh, Value: 110, At: time.Now()}}}
	d.Shadows = []scale.Decision{{Policy: "kpa", DesiredReplicas: 11, Recommendation: scale.Recommendation{Replicas: 12}}}
	d.Outlook, d.Budget = outlook(110), &record.Budget{Spent: 2.5, PerDay: 20}
	time.Sleep(20 * time.Millisecond)
	r.decide(d)
	r.decide(decision("shop", 8, 8, 8, "policy"))
	d.Decision.Recommendation.Proposals = []scale.Proposal{{Signal: "advisor", Replicas: 4, Reason: scale.Because("Advice", "weighs {0%}", 0.5)}, {Signal: "silent", Missing: true}}
	r.do(control.Exchanges(r.bus, "shop").Publish(r.t.Context(), control.Exchange{Target: "shop", Advised: record.Advised{Asked: "x", Said: "y", In: 3, Cost: 1}}))
	time.Sleep(10 * time.Second)
	d.Decision.At, d.Outlook = time.Now(), outlook(125)
	r.decide(d)
	r.apply(record.Applied{Target: "shop", From: 5, To: 8})
	r.apply(record.Applied{Target: "shop", From: 8, To: 6, Error: "no"})
	for _, answered := range []uint64{100, 130} {
		r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: "prometheus", Error: "timed out"}},
			Carried: &control.Carried{Active: 3, Unhealthy: 1, InFlight: 7, Requests: answered, Failures: answered / 10},
			Status: &target.Status{Conditions: []scale.Condition{{Type: scale.CrashLoop}, {Type: scale.CrashLoop}},
				Replicas: []scale.Replica{{Phase: scale.Running, Readiness: scale.Readiness{Ready: true}}, {Phase: scale.Running}}}})
	}
	r.tell(record.Event{Type: control.Reloaded})
	r.tell(record.Event{Type: control.ReloadRefused})
	r.tell(record.Event{Type: "FromTheFuture", Target: "shop"})
	r.metrics.JudgedBy(func(name string) (telemetry.Kept, bool) {
		return telemetry.Kept{Violations: 0.002, Met: true, Requests: 1000, Bad: 2}, name == "shop"
	})
	store := r.metrics.Store(&store{})
	r.do(store.Write(r.t.Context(), record.Batch{}))
	took := 30 * time.Millisecond
	r.metrics.Answered("/api/v1/targets/{name}", 404, &took)
	r.metrics.Answered("/api/v1/stream", 200, nil)
	calls.Process().Begin(calls.Docker)(nil, false)
}

func TestWhatHappensIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		life(r)
		time.Sleep(7 * time.Second)
		r.want(telemetry.DecisionsTotal, map[string]float64{"direction=up,policy=hpa,set_by=bounds,target=shop": 2, "direction=hold,policy=hpa,set_by=policy,target=shop": 1})
		r.want(telemetry.DecisionDelay, map[string]float64{"target=shop": 3})
		r.want(telemetry.DesiredReplicas, map[string]float64{"target=shop": 8})
		r.want(telemetry.CurrentReplicas, map[string]float64{"target=shop": 5})
		r.want(telemetry.ReadyReplicas, map[string]float64{"target=shop": 1})
		r.want(telemetry.RecommendedCount, map[string]float64{"target=shop": 9})
		r.want(telemetry.ShadowReplicas, map[string]float64{"policy=kpa,target=shop": 11})
		r.want(telemetry.ModeState, map[string]float64{"mode=Apply,target=shop": 1, "mode=Paused,target=shop": 0, "mode=Recommend,target=shop": 0})
		r.want(telemetry.ChangesTotal, map[string]float64{"direction=up,outcome=ok,target=shop": 1, "direction=up,outcome=error,target=shop": 0,
			"direction=down,outcome=ok,target=shop": 0, "direction=down,outcome=error,target=shop": 1})
		r.want(telemetry.ReportAge, map[string]float64{"target=shop": 7.03}) // writing to the record took 30 ms
		r.want(telemetry.SourceErrorsTotal, map[string]float64{"source=prometheus,target=shop": 2})
		r.want(telemetry.ViolationRatio, map[string]float64{"target=shop": 0.002})
		r.want(telemetry.ObjectiveMet, map[string]float64{"target=shop": 1})
		r.want(telemetry.ReloadsTotal, map[string]float64{"outcome=loaded": 1, "outcome=refused": 1})
		r.want(telemetry.BusDroppedTotal, map[string]float64{"": 0})
		if trust := r.values(telemetry.SignalTrust); len(trust) != 4 || trust["signal=cpuUtilization,state=stale,target=shop"] != 1 || trust["signal=requestRate,state=fresh,target=shop"] != 1 {
			t.Errorf("trust %v, want fresh of three signals and stale of one", trust)
		}
		if events := r.values(telemetry.EventsTotal); events["type=other"] != 1 || events["type=Reloaded"] != 1 || events["type=ScaleFailed"] != 0 {
			t.Errorf("events %v", events)
		}
	})
}

func TestWhyAndHowWellIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		life(r)
		time.Sleep(7 * time.Second)
		r.want(telemetry.MinReplicas, map[string]float64{"target=shop": 1})
		r.want(telemetry.MaxReplicas, map[string]float64{"target=shop": 20})
		r.want(telemetry.StartingReplicas, map[string]float64{"target=shop": 2})
		r.want(telemetry.TerminatingReplicas, map[string]float64{"target=shop": 1})
		r.want(telemetry.PolicyReplicas, map[string]float64{"policy=hpa,role=active,target=shop": 9, "policy=kpa,role=shadow,target=shop": 12})
		r.want(telemetry.ProposedReplicas, map[string]float64{"signal=advisor,target=shop": 4})
		r.want(telemetry.GuardInterventions, map[string]float64{"guard=bounds,target=shop": 2, "guard=data,target=shop": 0})
		r.want(telemetry.ScalingDecisions, map[string]float64{"direction=up,reason=TooManyReplicas,set_by=bounds,target=shop": 2})
		r.want(telemetry.ConditionState, map[string]float64{"target=shop,type=BudgetAtRisk": 1, "target=shop,type=CrashLoop": 1})
		r.want(telemetry.SignalValue, map[string]float64{"signal=latency,target=shop": 0.2, "signal=requestRate,target=shop": 110})
		r.want(telemetry.SignalAge, map[string]float64{"signal=cpuUtilization,target=shop": 77.05, "signal=latency,target=shop": 17.05, "signal=requestRate,target=shop": 17.05})
		r.want(telemetry.LatencySeconds, map[string]float64{"percentile=50,target=shop": 0.1, "percentile=95,target=shop": 0.2, "percentile=99,target=shop": 0.3})
		r.want(telemetry.ObjectiveTarget, map[string]float64{"target=shop": 0.999})
		r.want(telemetry.ObjectiveThreshold, map[string]float64{"target=shop": 0.5})
		r.want(telemetry.ObjectiveRequests, map[string]float64{"target=shop": 1000})
		r.want(telemetry.ObjectiveBad, map[string]float64{"target=shop": 2})
		r.want(telemetry.Backends, map[string]float64{"state=active,target=shop": 3, "state=draining,target=shop": 0, "state=unhealthy,target=shop": 1})
		r.want(telemetry.BalancerRequests, map[string]float64{"target=shop": 30})
		r.want(telemetry.BalancerFailures, map[string]float64{"target=shop": 3})
		r.want(telemetry.BudgetSpent, map[string]float64{"target=shop": 2.5})
		r.want(telemetry.BudgetPerDay, map[string]float64{"target=shop": 20})
		// Eight replicas for ten seconds and 20 ms at 3.6 an hour, a thousandth each second.
		if cost := r.values(telemetry.CostTotal)["target=shop"]; math.Abs(cost-0.08) > 0.001 {
			t.Errorf("cost %v, want 0.08", cost)
		}
		r.want(telemetry.HTTPRequests, map[string]float64{"code=200,route=/api/v1/stream": 1, "code=404,route=/api/v1/targets/{name}": 1})
		r.want(telemetry.HTTPDuration, map[string]float64{"route=/api/v1/targets/{name}": 1})
	})
}

// The median of the first forecast was 100, and 125 came: an error of 25, above
// 120 and within 130.
func TestForecastsAreHeldAgainstWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		say := func(load float64) {
			d := decision("shop", 5, 5, 5, "policy")
			d.Outlook = outlook(load)
			r.decide(d)
			time.Sleep(5 * time.Second)
		}
		for _, load := range []float64{110, 125, 90} {
			say(load)
		}
		r.want(telemetry.ForecastLoad, map[string]float64{"level=0.5,target=shop": 100, "level=0.9,target=shop": 120, "level=0.99,target=shop": 130})
		r.want(telemetry.ForecastHorizon, map[string]float64{"target=shop": 10})
		r.want(telemetry.ForecastsTotal, map[string]float64{"target=shop": 1})
		r.want(telemetry.ForecastActual, map[string]float64{"target=shop": 125})
		r.want(telemetry.ForecastError, map[string]float64{"target=shop": 25})
		r.want(telemetry.ForecastCovered, map[string]float64{"level=0.5,target=shop": 0, "level=0.9,target=shop": 0, "level=0.99,target=shop": 1})
		for level, want := range map[string]float64{"0.5": 12.5, "0.9": 4.5, "0.99": 0.05} {
			if got := r.values(telemetry.ForecastLoss)["level="+level+",target=shop"]; math.Abs(got-want) > 1e-9 {
				t.Errorf("pinball loss at %s is %v, want %v", level, got, want)
			}
		}
		time.Sleep(10 * time.Minute) // what came in a gap nobody knows
		say(500)
		r.want(telemetry.ForecastsTotal, map[string]float64{"target=shop": 1})
		r.decide(decision("shop", 5, 5, 5, "policy"))
		r.want(telemetry.ForecastLoad, map[string]float64{})
	})
}

// A balancer's counts begin anew with it, and those from before our time are not
// ours.
func TestABalancerThatBeginsAnewIsCountedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		for _, answered := range []uint64{1000, 1010, 4} {
			r.report(control.Report{Target: "shop", At: time.Now(), Carried: &control.Carried{Requests: answered}})
		}
		r.want(telemetry.BalancerRequests, map[string]float64{"target=shop": 14})
	})
}

// What is paid for from one decision to the next is what there was at the first.
func TestCostIsThatOfTheReplicasThereWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		for _, current := range []int{2, 5, 9} {
			r.decide(decision("shop", current, 20, 20, "policy"))
			time.Sleep(time.Hour)
		}
		if cost := r.values(telemetry.CostTotal)["target=shop"]; math.Abs(cost-(2+5)*3.6) > 1e-9 {
			t.Errorf("cost %v, want two hours of 2 and 5 replicas: 25.2", cost)
		}
	})
}

// The target of a big change is asked for at each decision until it is there.
func TestWhatIsAskedForAgainIsOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		for _, n := range []int{8, 8, 8, 9} {
			r.decide(decision("shop", 5, n, n, "policy"))
		}
		watched := decision("shop", 5, 12, 12, "policy")
		watched.Mode = scale.Recommend
		r.decide(watched)
		r.want(telemetry.ScalingDecisions, map[string]float64{"direction=up,reason=,set_by=policy,target=shop": 2})
	})
}

func TestASilentPolicyHasNoRecommendation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		r.decide(decision("shop", 5, 9, 8, "bounds"))
		d := decision("shop", 5, 5, 5, "policy")
		d.Decision.NoData = true
		r.decide(d)
		r.want(telemetry.RecommendedCount, map[string]float64{})
		r.want(telemetry.DesiredReplicas, map[string]float64{"target=shop": 5})
	})
}

func TestWithoutRequestsThereIsNoViolationRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		r.metrics.JudgedBy(func(string) (telemetry.Kept, bool) { return telemetry.Kept{Violations: math.NaN(), Met: true}, true })
		r.want(telemetry.ViolationRatio, map[string]float64{})
		r.want(telemetry.ObjectiveMet, map[string]float64{"target=shop": 1})
	})
}

// An engine that is away is told of at each look: a report without a count is no
// reading. Of a target that was never read it counts from when it was added.
func TestATargetThatCannotBeReadAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop", "zoo")
		defer r.stop()
		r.report(control.Report{Target: "shop", At: time.Now(), Status: &target.Status{}})
		for range 12 {
			time.Sleep(15 * time.Second)
			r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: "target", Error: "the engine is away"}}})
		}
		r.want(telemetry.ReportAge, map[string]float64{"target=shop": 180, "target=zoo": 180})
		r.report(control.Report{Target: "zoo", At: time.Now(), Status: &target.Status{}})
		r.want(telemetry.ReportAge, map[string]float64{"target=shop": 180, "target=zoo": 0})
	})
}

// Without requests nobody knows a latency, without replicas no utilization: that
// is no fault of who measures.
func TestWhatCannotBeMeasuredIsNotDoubted(t *testing.T) {
	signal := func(name string, trust scale.Trust, value float64) scale.Signal {
		return scale.Signal{Name: name, Trust: trust, Points: []series.Point{{At: time.Now(), Value: value}}}
	}
	latency, violations := signal(scale.Latency, scale.Absent, 1), signal(scale.ViolationRatio, scale.Stale, 1)
	for name, test := range map[string]struct {
		replicas int
		signals  []scale.Signal
		doubted  []string
	}{
		"idle":                   {2, []scale.Signal{latency, signal(scale.RequestRate, scale.Fresh, 0), violations}, nil},
		"requests come":          {2, []scale.Signal{latency, signal(scale.RequestRate, scale.Fresh, 3), violations}, []string{scale.Latency, scale.ViolationRatio}},
		"requests are worked on": {2, []scale.Signal{signal(scale.Concurrency, scale.Fresh, 1), latency, signal(scale.RequestRate, scale.Fresh, 0)}, []string{scale.Latency}},
		"requests wait":          {2, []scale.Signal{latency, signal(scale.QueueDepth, scale.Fresh, 1), signal(scale.RequestRate, scale.Fresh, 0)}, []string{scale.Latency}},
		"nobody counts requests": {2, []scale.Signal{latency}, []string{scale.Latency}},
		"an idle model":          {1, []scale.Signal{signal(scale.RunningRequests, scale.Fresh, 0), signal(scale.TimeToFirstToken, scale.Absent, 0)}, nil},
		"an impossible latency":  {2, []scale.Signal{signal(scale.Latency, scale.Implausible, 1), signal(scale.RequestRate, scale.Fresh, 0)}, []string{scale.Latency}},
		"at zero":                {0, []scale.Signal{signal(scale.CPUUtilization, scale.Absent, 1), latency}, nil},
		"a queue away at zero":   {0, []scale.Signal{signal(scale.QueueDepth, scale.Absent, 1)}, []string{scale.QueueDepth}},
		"CPU of what runs":       {1, []scale.Signal{signal(scale.CPUUtilization, scale.Absent, 1)}, []string{scale.CPUUtilization}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "shop")
				defer r.stop()
				d := decision("shop", test.replicas, test.replicas, test.replicas, "policy")
				d.Seen = record.See(&scale.Observation{Target: "shop", At: time.Now(), CurrentReplicas: test.replicas, Signals: test.signals})
				r.decide(d)
				var doubted []string
				for labels, fresh := range r.values(telemetry.SignalTrust) {
					if name, is := strings.CutSuffix(strings.TrimPrefix(labels, "signal="), ",state=fresh,target=shop"); is && fresh == 0 {
						doubted = append(doubted, name)
					}
				}
				slices.Sort(doubted)
				if diff := cmp.Diff(test.doubted, doubted); diff != "" {
					t.Errorf("signals in doubt (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A refusal lasts until documents are loaded, however long that takes.
func TestARefusedReloadLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.stop()
		r.want(telemetry.ReloadSuccessful, map[string]float64{"": 1})
		r.tell(record.Event{Type: control.ReloadRefused})
		time.Sleep(24 * time.Hour)
		r.want(telemetry.ReloadSuccessful, map[string]float64{"": 0})
		r.tell(record.Event{Type: control.ModeChanged})
		r.want(telemetry.ReloadSuccessful, map[string]float64{"": 0})
		r.tell(record.Event{Type: control.Reloaded})
		r.want(telemetry.ReloadSuccessful, map[string]float64{"": 1})
	})
}

// A name may have the whole configuration in it.
func TestAPolicyIsCountedByItsKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop", "zoo")
		defer r.stop()
		for i := range 500 {
			for name, policy := range map[string]string{"shop": fmt.Sprintf("hpa (cpuUtilization, %d%%)", i), "zoo": fmt.Sprint("policy", i)} {
				d := decision(name, 5, 5, 5, "policy")
				d.Decision.Policy = policy
				r.decide(d)
			}
		}
		counts := r.values(telemetry.DecisionsTotal)
		if n := counts["direction=hold,policy=hpa,set_by=policy,target=shop"]; n != 500 {
			t.Errorf("%v decisions of hpa, want 500", n)
		}
		if len(counts) != 1+65 {
			t.Errorf("%d series, want one of shop and 65 of zoo", len(counts))
		}
	})
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop", "zoo")
		defer r.stop()
		life(r)
		r.decide(decision("zoo", 1, 1, 1, "policy"))
		r.metrics.SetTargets(named("zoo"))
		r.decide(decision("shop", 1, 1, 1, "policy")) // its last words, under way
		r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: "target"}}})
		r.tell(record.Event{Type: control.ScaledUp, Target: "shop"})
		if text := string(r.text()); strings.Contains(text, `"shop"`) || !strings.Contains(text, `"zoo"`) {
			t.Errorf("after a reload without shop:\n%s", text)
		}
		r.metrics.SetTargets(named("zoo", "shop"))
		r.decide(decision("shop", 1, 1, 1, "policy"))
		if n := r.values(telemetry.DecisionsTotal)["direction=hold,policy=hpa,set_by=policy,target=shop"]; n != 1 {
			t.Errorf("back again: %v decisions, want it to begin anew", n)
		}
	})
}

func TestSignalsAndShadowsThatAreGoneAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		life(r)
		d := decision("shop", 5, 9, 8, "bounds")
		d.Seen.Signals = []record.Measured{{Name: "requestRate", Trust: scale.Stale}, {Name: scale.Latency, Trust: scale.Stale, Value: 0.2, P50: 0.1, P95: 0.2, P99: 0.3}}
		r.decide(d)
		r.want(telemetry.SignalValue, map[string]float64{})
		r.want(telemetry.LatencySeconds, map[string]float64{})
		if trust := r.values(telemetry.SignalTrust); len(trust) != 4 || trust["signal=requestRate,state=fresh,target=shop"] != 0 || trust["signal=requestRate,state=stale,target=shop"] != 1 {
			t.Errorf("trust %v, want the other signal gone and this one stale", trust)
		}
		r.want(telemetry.ShadowReplicas, map[string]float64{})
	})
}

func TestLabelsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		d := decision("shop", 5, 9, 8, "bounds")
		for i := range 1000 {
			d.Seen.Signals = append(d.Seen.Signals, record.Measured{Name: fmt.Sprint("signal", i), At: time.Now()})
			d.Decision.Recommendation.Proposals = append(d.Decision.Recommendation.Proposals, scale.Proposal{Signal: fmt.Sprint("signal", i)})
			d.Decision.Conditions = append(d.Decision.Conditions, scale.GuardCondition{Reason: scale.Because(fmt.Sprint("Code", i), "")})
			r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: fmt.Sprint("source", i)}}})
			changed := decision("shop", 5, 9, 8+i, "bounds")
			changed.Decision.Reason.Code = fmt.Sprint("Code", i)
			r.decide(changed)
			d.Shadows = append(d.Shadows, scale.Decision{Policy: fmt.Sprint("policy", i)})
			r.tell(record.Event{Type: fmt.Sprint("Type", i)})
		}
		r.decide(d)
		for name, most := range map[string]int{telemetry.SignalTrust: 128, telemetry.SignalAge: 64, telemetry.ShadowReplicas: 64, telemetry.ProposedReplicas: 64,
			telemetry.ConditionState: 64, telemetry.SourceErrorsTotal: 65, telemetry.ScalingDecisions: 65, telemetry.EventsTotal: 16} {
			if n := len(r.values(name)); n != most {
				t.Errorf("%s has %d series, want %d", name, n, most)
			}
		}
	})
}

// store is one that may be full, and takes its time.
type store struct {
	record.Store
	full bool
}

func (s *store) Write(context.Context, record.Batch) error {
	time.Sleep(30 * time.Millisecond)
	if s.full {
		return record.ErrFull
	}
	return nil
}

func TestTheRecordsLagIsTheAgeOfWhatItLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		r.want(telemetry.RecordLag, map[string]float64{}) // there is no record
		disk := &store{}
		measured := r.metrics.Store(disk)
		r.want(telemetry.RecordLag, map[string]float64{"": 0})
		write := func(d record.Decided, full bool) {
			t.Helper()
			disk.full = full
			err := measured.Write(t.Context(), record.Batch{Entries: []record.Entry{{Target: "shop", At: d.Decision.At, Decided: &d}}})
			if (err != nil) != full {
				t.Fatalf("write: %v", err)
			}
		}
		d := decision("shop", 1, 1, 1, "policy")
		r.decide(d)
		time.Sleep(time.Second - 30*time.Millisecond)
		write(d, true)
		r.want(telemetry.RecordLag, map[string]float64{"": 1})
		write(d, false)
		r.want(telemetry.RecordLag, map[string]float64{"": 0})
		r.want(telemetry.RecordWritesTotal, map[string]float64{"outcome=ok": 1, "outcome=error": 1})
		r.want(telemetry.RecordWriteSeconds, map[string]float64{"": 2})
		first := decision("shop", 1, 1, 1, "policy")
		r.decide(first)
		time.Sleep(5 * time.Second)
		r.decide(decision("shop", 1, 1, 1, "policy"))
		write(first, false)
		if lag := r.values(telemetry.RecordLag)[""]; lag > 5.1 || lag < 0.03 {
			t.Errorf("lag %v: the second decision is not written", lag)
		}
	})
}

// Whoever writes a rule looks a name up in the documentation.
func TestTableOfTheDocumentationIsTheGeneratedOne(t *testing.T) {
	const file, begin, end = "../docs/metrics.md", "<!-- generated: metrics -->\n", "<!-- end -->\n"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(data), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no part between %s and %s", file, begin, end)
	}
	want := head + begin + table() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("%s is stale, run go generate ./telemetry (-want +got):\n%s", file, diff)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| metric | kind | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range telemetry.Families() {
		labels := "`" + strings.Join(f.Labels, "`, `") + "`"
		if len(f.Labels) == 0 {
			labels = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, labels, f.Help)
	}
	return b.String()
}

// Every family is served after everything has happened once, and no other.
func TestWhatIsListedIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		life(r)
		var want, got []string
		for _, f := range telemetry.Families() {
			want = append(want, f.Name+" "+f.Kind+" "+strings.Join(slices.Sorted(slices.Values(f.Labels)), ","))
		}
		for name, f := range r.families() {
			if !strings.HasPrefix(name, "flyball_") {
				continue
			}
			labels := map[string]bool{}
			for _, l := range f.Metric[0].Label {
				labels[l.GetName()] = true
			}
			got = append(got, name+" "+strings.ToLower(f.GetType().String())+" "+strings.Join(slices.Sorted(maps.Keys(labels)), ","))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("families (-want +got):\n%s", diff)
		}
		for _, runtime := range []string{"go_goroutines", "process_resident_memory_bytes"} {
			if r.families()[runtime] == nil {
				t.Errorf("%s is missing", runtime)
			}
		}
	})
}

func TestPrometheusFindsNothingToComplainOf(t *testing.T) {
	promtool := testenv.Command(t, "promtool")
	var text []byte
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		life(r)
		text = r.text()
	})
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestTheVersionIsShown(t *testing.T) {
	m := telemetry.New(telemetry.Options{Bus: memory.New(), Clock: clock.System, Version: "v1.2.3"})
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), `version="v1.2.3"`) {
		t.Errorf("%v:\n%s", err, text)
	}
}
