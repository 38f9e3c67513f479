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
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
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

func newRig(t *testing.T, targets ...string) *rig {
	t.Helper()
	b := memory.New()
	r := &rig{t: t, bus: b, metrics: telemetry.New(telemetry.Options{Bus: b, Clock: clock.System, Version: "v1.2.3", Targets: targets})}
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

// life makes everything happen once that is counted.
func life(r *rig) {
	d := decision("shop", 5, 9, 8, "bounds")
	d.Seen.Signals = []record.Measured{{Name: "requestRate", Trust: scale.Fresh}, {Name: "cpuUtilization", Trust: scale.Stale}}
	d.Shadows = []scale.Decision{{Policy: "kpa", DesiredReplicas: 11}}
	time.Sleep(20 * time.Millisecond)
	r.decide(d)
	r.decide(decision("shop", 8, 8, 8, "policy"))
	d.Decision.Recommendation.Proposals = []scale.Proposal{{Signal: "advisor", Reason: scale.Because("Advice", "weighs {0%}", 0.5)}}
	r.do(control.Exchanges(r.bus, "shop").Publish(r.t.Context(), control.Exchange{Target: "shop", Advised: record.Advised{Asked: "x", Said: "y", In: 3, Cost: 1}}))
	d.Decision.At = time.Now()
	r.decide(d)
	r.apply(record.Applied{Target: "shop", From: 5, To: 8})
	r.apply(record.Applied{Target: "shop", From: 8, To: 6, Error: "no"})
	r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: "prometheus", Error: "timed out"}},
		Status: &target.Status{Replicas: []scale.Replica{{Phase: scale.Running, Readiness: scale.Readiness{Ready: true}}, {Phase: scale.Running}}}})
	r.tell(record.Event{Type: control.Reloaded})
	r.tell(record.Event{Type: control.ReloadRefused})
	r.tell(record.Event{Type: "FromTheFuture", Target: "shop"})
	r.metrics.JudgedBy(func(name string) (violations float64, met, stated bool) { return 0.002, true, name == "shop" })
	store := r.metrics.Store(&store{})
	r.do(store.Write(r.t.Context(), record.Batch{}))
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
		r.want(telemetry.ChangesTotal, map[string]float64{"direction=up,outcome=ok,target=shop": 1, "direction=down,outcome=error,target=shop": 1})
		r.want(telemetry.ReportAge, map[string]float64{"target=shop": 7.03}) // writing to the record took 30 ms
		r.want(telemetry.SourceErrorsTotal, map[string]float64{"source=prometheus,target=shop": 1})
		r.want(telemetry.ViolationRatio, map[string]float64{"target=shop": 0.002})
		r.want(telemetry.ObjectiveMet, map[string]float64{"target=shop": 1})
		r.want(telemetry.ReloadsTotal, map[string]float64{"outcome=loaded": 1, "outcome=refused": 1})
		r.want(telemetry.BusDroppedTotal, map[string]float64{"": 0})
		if trust := r.values(telemetry.SignalTrust); len(trust) != 8 || trust["signal=cpuUtilization,state=stale,target=shop"] != 1 || trust["signal=requestRate,state=fresh,target=shop"] != 1 {
			t.Errorf("trust %v, want four states of two signals", trust)
		}
		if events := r.values(telemetry.EventsTotal); events["type=other"] != 1 || events["type=Reloaded"] != 1 || events["type=ScaleFailed"] != 0 {
			t.Errorf("events %v", events)
		}
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
		r.metrics.JudgedBy(func(string) (violations float64, met, stated bool) { return math.NaN(), true, true })
		r.want(telemetry.ViolationRatio, map[string]float64{})
		r.want(telemetry.ObjectiveMet, map[string]float64{"target=shop": 1})
	})
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop", "zoo")
		defer r.stop()
		life(r)
		r.decide(decision("zoo", 1, 1, 1, "policy"))
		r.metrics.SetTargets([]string{"zoo"})
		r.decide(decision("shop", 1, 1, 1, "policy")) // its last words, under way
		r.report(control.Report{Target: "shop", At: time.Now(), Faults: []control.Fault{{From: "target"}}})
		r.tell(record.Event{Type: control.ScaledUp, Target: "shop"})
		if text := string(r.text()); strings.Contains(text, `"shop"`) || !strings.Contains(text, `"zoo"`) {
			t.Errorf("after a reload without shop:\n%s", text)
		}
		r.metrics.SetTargets([]string{"zoo", "shop"})
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
		d.Seen.Signals = []record.Measured{{Name: "requestRate", Trust: scale.Stale}}
		r.decide(d)
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
			d.Seen.Signals = append(d.Seen.Signals, record.Measured{Name: fmt.Sprint("signal", i)})
			d.Shadows = append(d.Shadows, scale.Decision{Policy: fmt.Sprint("policy", i)})
			r.tell(record.Event{Type: fmt.Sprint("Type", i)})
		}
		r.decide(d)
		for name, most := range map[string]int{telemetry.SignalTrust: 256, telemetry.ShadowReplicas: 64, telemetry.EventsTotal: 16} {
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
