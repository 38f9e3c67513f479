package replay_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// log is a record in memory.
type log []record.Entry

func (l log) Read(_ context.Context, q record.Query) ([]record.Entry, error) {
	var found []record.Entry
	for _, e := range l {
		if q.Matches(e) {
			found = append(found, e)
		}
	}
	if !q.OldestFirst {
		for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
			found[i], found[j] = found[j], found[i]
		}
	}
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return found, nil
}

func (l log) Targets(context.Context) ([]string, error) { return []string{"shop"}, nil }

// truth is a service whose every figure is known.
func truth() sim.Scenario {
	s := sim.Default()
	s.Name = "shop"
	s.Load = workload.Clip(workload.Diurnal{Base: 60, Peak: 400, Period: time.Hour}, 0, time.Hour)
	s.Service = queueing.Service{Law: queueing.Lognormal(0.050, 0.8), Slots: 6}
	s.Replicas.Initial, s.Replicas.Max, s.Replicas.Startup = 3, 40, 40*time.Second
	return s
}

// played is the record of a policy on a scenario, and what it really came to.
func played(t *testing.T, s sim.Scenario, who evaluate.Contestant) (log, *sim.Result) {
	t.Helper()
	d, err := who.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	var l log
	add := func(e record.Entry) {
		e.ID, e.Target = int64(len(l)+1), s.Name
		l = append(l, e)
	}
	result := sim.Run(&s, sim.NewEvents(&s), d, sim.Options{Decided: func(obs scale.Observation, d scale.Decision) {
		e := record.Entry{At: obs.At, Decided: &record.Decided{Decision: d.Clone(), Mode: scale.Apply, Seen: record.See(&obs)}}
		e.Decided.Decision.Policy = who.Name()
		add(e)
		if d.Changes() {
			add(record.Entry{At: obs.At, Applied: &record.Applied{Target: s.Name, At: obs.At, From: obs.CurrentReplicas, To: d.DesiredReplicas}})
		}
	}})
	return l, result
}

func historyOf(t *testing.T, l log) *replay.History {
	t.Helper()
	h, err := replay.FromRecord(t.Context(), l, "shop", replay.Window{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func calibrated(t *testing.T, h *replay.History) *replay.Service {
	t.Helper()
	s, err := replay.Calibrate(h, replay.GivenValues{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func recovered(t *testing.T, h *replay.History, s *replay.Service) *replay.Demand {
	t.Helper()
	d, err := replay.Recover(h, s, replay.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// near fails where a value is further from the truth than a share of it.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got/want-1) <= within) {
		t.Errorf("%s: got %.5g, want %.5g within %.1f %%", what, got, want, within*100)
	}
}

// A service that keeps up tells all about itself.
func TestCalibrationFindsTheTrueService(t *testing.T) {
	s := truth()
	l, _ := played(t, s, evaluate.SquareRoot(2))
	h := historyOf(t, l)
	got := calibrated(t, h)
	near(t, "service mean", got.Mean, 0.050, 0.02)
	near(t, "service cv", got.CV, 0.8, 0.08)
	near(t, "CPU when full", got.CPUFull, 1, 0.03)
	if got.Slots != 6 {
		t.Errorf("slots: got %d, want 6", got.Slots)
	}
	near(t, "start-up", got.Startup.Seconds(), 40, 0.02)
	for i := range h.Moments {
		h.Moments[i].ReadySince = time.Time{} // as an older record, or Prometheus
	}
	if off := calibrated(t, h).Startup - 40*time.Second; off.Abs() > s.Sync {
		t.Errorf("start-up by counts alone: got %+v off, want the %v between two decisions at most", off, s.Sync)
	}
	if got.Sync != s.Sync || got.CPUWindow < s.Metrics.Window {
		t.Errorf("sync %v, metric window %v; want %v, %v", got.Sync, got.CPUWindow, s.Sync, s.Metrics.Window)
	}
	for _, v := range got.Values {
		if v.Origin != replay.Measured {
			t.Errorf("%s is %s (%s), want measured", v.Name, v.Origin, v.How)
		}
	}
	fit, err := replay.FitOf(h, got, recovered(t, h, got), queueing.LeastConn)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(*fit.P95Bias) > 0.05 || math.Abs(*fit.UtilizationBias) > 0.02 {
		t.Errorf("fit: p95 %+.3f, %s %+.3f; want within 0.05 and 0.02", *fit.P95Bias, fit.Of, *fit.UtilizationBias)
	}
}

// How much CPU full replicas use cannot be told from replicas that were never
// full: then all they request is taken for it. Once they were, they tell.
func TestFullReplicasTellTheirSlots(t *testing.T) {
	s := truth()
	s.Metrics.CPUFull = 0.75
	l, _ := played(t, s, evaluate.Static(3))
	got := calibrated(t, historyOf(t, l))
	near(t, "service mean", got.Mean, 0.050, 0.02)
	near(t, "CPU when full", got.CPUFull, 0.75, 0.04)
	if got.Slots != 6 {
		t.Errorf("slots: got %d, want 6: %+v", got.Slots, got.Values)
	}
	l, _ = played(t, s, evaluate.Static(20))
	if got := calibrated(t, historyOf(t, l)); got.Slots != 8 {
		t.Errorf("never full: got %d slots, want the 8 that use up the CPU", got.Slots)
	}
}

// A service that waits for others uses hardly any CPU: that says nothing of its
// slots, and a policy on CPU must see as little.
func TestHardlyAnyCPUSaysNothingOfSlots(t *testing.T) {
	s := truth()
	s.Metrics.CPUFull = 0.03
	l, _ := played(t, s, evaluate.SquareRoot(2))
	got := calibrated(t, historyOf(t, l))
	near(t, "CPU by slot", got.CPUFull/float64(got.Slots), 0.03/6, 0.05)
	for _, v := range got.Values {
		if want := map[string]replay.Origin{"slots": replay.Assumed, "CPU when full": replay.Measured}[v.Name]; want != "" && v.Origin != want {
			t.Errorf("%s: got %s (%s), want %s", v.Name, v.Origin, v.How, want)
		}
	}
}

// What is given holds, whatever was measured.
func TestGivenValuesHold(t *testing.T) {
	l, _ := played(t, truth(), evaluate.SquareRoot(2))
	got, err := replay.Calibrate(historyOf(t, l), replay.GivenValues{
		Mean: 0.1, CV: 0, HasCV: true, Slots: 9, Startup: 0, HasStartup: true, Sync: time.Minute, Window: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got.Mean != 0.1 || got.CV != 0 || got.Slots != 9 || got.Startup != 0 || got.Sync != time.Minute || got.CPUWindow != 2*time.Minute {
		t.Errorf("got %+v, want what was given", got)
	}
	for _, v := range got.Values {
		if v.Name != "CPU when full" && v.Origin != replay.Given {
			t.Errorf("%s is %s, want given", v.Name, v.Origin)
		}
	}
}

// The demand is that of the load, whoever scaled: a policy with many replicas
// and one with few leave the same behind.
func TestDemandDoesNotDependOnTheReplicas(t *testing.T) {
	for _, who := range []evaluate.Contestant{evaluate.Static(30), evaluate.SquareRoot(1), evaluate.SquareRoot(4)} {
		s := truth()
		l, _ := played(t, s, who)
		h := historyOf(t, l)
		d := recovered(t, h, calibrated(t, h))
		shift := d.Start.Sub(s.Start)
		near(t, who.Name()+": requests", d.Trace.Expected(d.Length), s.Load.Expected(shift+d.Length)-s.Load.Expected(shift), 0.01)
		squares, n := 0.0, 0.0
		for at := 5 * time.Minute; at < 55*time.Minute; at += time.Minute {
			e := d.Trace.Rate(at-shift)/s.Load.Rate(at) - 1
			squares, n = squares+e*e, n+1
		}
		if rms := math.Sqrt(squares / n); rms > 0.05 {
			t.Errorf("%s: the rate is off by %.3f (root of the mean square), want 0.05 at most: 10 s of 60 to 400 requests each second are counted", who.Name(), rms)
		}
		if d.LostShare() > 0.05 {
			t.Errorf("%s: %.3f of the time is lost, want hardly any: %+v", who.Name(), d.LostShare(), d.Lost)
		}
	}
}

// What was run is what the simulator says it was.
func TestOutcomeIsWhatWasPaid(t *testing.T) {
	s := truth()
	l, result := played(t, s, evaluate.SquareRoot(2))
	h := historyOf(t, l)
	d := recovered(t, h, calibrated(t, h))
	o := h.Outcome(d)
	near(t, "replica-hours", o.ReplicaHours, result.ReplicaHours()*o.Hours/s.Length().Hours(), 0.02)
	near(t, "requests", o.Requests, result.Requests, 0.03)
	if o.ViolationRatio == nil || math.Abs(*o.ViolationRatio-result.ViolationRatio()) > 0.002 {
		t.Errorf("violations: got %v, want %v", o.ViolationRatio, result.ViolationRatio())
	}
}

// moments are a minute apart, of a service of 100 ms with four slots.
func moments(n int, change func(i int, m *replay.Moment)) *replay.History {
	h := &replay.History{Target: "shop", Step: time.Minute, Arrivals: true, Decisions: true}
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		m := replay.Moment{At: at, From: at.Add(-time.Minute), To: at, Rate: 100, Errors: 0, Concurrency: 10, Held: 0, CPU: 10. / 16,
			Mean: 0.1, P50: 0.09, P95: 0.2, P99: 0.3, NotGood: 0, Asked: 4, Ready: 4}
		change(i, &m)
		h.Moments = append(h.Moments, m)
	}
	return h
}

func known() *replay.Service { return &replay.Service{Mean: 0.1, CV: 0.5, Slots: 4, CPUFull: 1} }

// What cannot be known is left out, and said why.
func TestUnrecoverableStretches(t *testing.T) {
	nan := math.NaN()
	for name, tc := range map[string]struct {
		change  func(i int, m *replay.Moment)
		answers bool // rates count answers
		why     string
	}{
		"a service that keeps up": {change: func(int, *replay.Moment) {}},
		"full replicas that answer all they can: clients may wait for each other": {why: replay.Saturated,
			change: func(_ int, m *replay.Moment) { m.Rate, m.Concurrency = 160, 40 }},
		"a load that passes by what is answered": {change: func(i int, m *replay.Moment) {
			m.Concurrency, m.Rate = 40, 100+60*float64((i-20)%3) // as much as 160 only from time to time
		}},
		"arrivals far above what is answered are the demand":    {change: func(_ int, m *replay.Moment) { m.Rate, m.Concurrency = 300, 400 }},
		"a queue that is worked off hides nothing":              {change: func(_ int, m *replay.Moment) { m.Rate, m.Concurrency = 80, 60 }},
		"answers of full replicas are no demand, however many":  {answers: true, why: replay.Saturated, change: func(_ int, m *replay.Moment) { m.Rate, m.Concurrency = 140, 60 }},
		"CPU says so where nobody counted requests in progress": {answers: true, why: replay.Saturated, change: func(_ int, m *replay.Moment) { m.Concurrency, m.CPU = nan, 0.97 }},
		"latency says so where nobody measured utilization": {answers: true, why: replay.Saturated,
			change: func(_ int, m *replay.Moment) { m.Concurrency, m.CPU, m.P95 = nan, nan, 2 }},
		"one request in ten fails":   {why: replay.Dropped, change: func(_ int, m *replay.Moment) { m.Errors = 10 }},
		"one request in fifty fails": {change: func(_ int, m *replay.Moment) { m.Errors = 2 }},
		"nothing is measured":        {why: replay.Missing, change: func(_ int, m *replay.Moment) { m.Rate = nan }},
	} {
		t.Run(name, func(t *testing.T) {
			h := moments(60, func(i int, m *replay.Moment) {
				if tc.answers && name == "latency says so where nobody measured utilization" {
					m.Concurrency, m.CPU = nan, nan
				}
				if i >= 20 && i < 30 {
					tc.change(i, m)
				}
			})
			h.Arrivals = !tc.answers
			d, err := replay.Recover(h, known(), replay.DefaultRules())
			if err != nil {
				t.Fatal(err)
			}
			if tc.why == "" {
				if len(d.Lost) != 0 {
					t.Errorf("got %+v, want nothing left out", d.Lost)
				}
				return
			}
			if len(d.Lost) != 1 || d.Lost[0].Why != tc.why || d.Lost[0].From != 20*time.Minute || d.Lost[0].To != 30*time.Minute {
				t.Fatalf("got %+v, want minutes 20 to 30, %s", d.Lost, tc.why)
			}
			near(t, "rate within", d.Trace.Rate(25*time.Minute), 100, 1e-9)
			near(t, "share that is lost", d.LostShare(), 1./6, 1e-9)
		})
	}
}

// Over a hole the load runs straight from one side to the other.
func TestHolesAreFilledAndNotScored(t *testing.T) {
	h := moments(60, func(i int, m *replay.Moment) {
		if i >= 40 {
			m.Rate = 200
		}
	})
	h.Moments = append(h.Moments[:20], h.Moments[40:]...)
	d, err := replay.Recover(h, known(), replay.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Lost) != 1 || d.Lost[0].Why != replay.Missing || d.Lost[0].From != 20*time.Minute || d.Lost[0].To != 40*time.Minute {
		t.Fatalf("got %+v, want minutes 20 to 40 missing", d.Lost)
	}
	near(t, "rate half way", d.Trace.Rate(30*time.Minute), 150, 0.03)
	if gaps := d.Trace.Gaps(); len(gaps) != 0 {
		t.Errorf("the trace has gaps %v: policies would see the load vanish", gaps)
	}
	if gaps := d.Gaps(); len(gaps) != 1 || gaps[0] != (workload.Span{From: 20 * time.Minute, To: 40 * time.Minute}) {
		t.Errorf("gaps of the scenario: got %v", gaps)
	}
}

func TestTooLittleIsRefused(t *testing.T) {
	h := moments(60, func(i int, m *replay.Moment) {
		if i < 40 {
			m.Rate = math.NaN()
		}
	})
	_, err := replay.Recover(h, known(), replay.DefaultRules())
	want := "the demand of 67 % of the time cannot be recovered (missing 67 %): at most 50 % may be lost; choose another time with --from and --to, or say more with --max-lost"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	h = moments(60, func(i int, m *replay.Moment) {
		if i == 7 {
			m.Rate = -1
		}
	})
	if _, err := replay.Recover(h, known(), replay.DefaultRules()); err == nil {
		t.Error("a negative rate was taken")
	}
}

// A history that says nothing of how long requests take is no ground for a
// model.
func TestNoModelWithoutMeasurements(t *testing.T) {
	nan := math.NaN()
	h := moments(60, func(_ int, m *replay.Moment) {
		m.Concurrency, m.CPU, m.Mean, m.P50, m.P95, m.P99 = nan, nan, nan, nan, nan, nan
	})
	if _, err := replay.Calibrate(h, replay.GivenValues{}); err == nil {
		t.Error("a model was made of a rate alone")
	}
	got, err := replay.Calibrate(h, replay.GivenValues{Mean: 0.1, Slots: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got.Values {
		if want := map[string]replay.Origin{"service mean": replay.Given, "slots": replay.Given, "service cv": replay.Assumed, "CPU when full": replay.Assumed, "start-up": replay.Assumed, "sync": replay.Measured, "metric window": replay.Assumed}[v.Name]; v.Origin != want {
			t.Errorf("%s: got %s, want %s", v.Name, v.Origin, want)
		}
	}
	if _, err := replay.FromRecord(t.Context(), log{}, "shop", replay.Window{}); err == nil {
		t.Error("an empty record was taken for a history")
	}
}

func TestOneTarget(t *testing.T) {
	if name, err := replay.OneTarget(t.Context(), log{}, ""); name != "shop" || err != nil {
		t.Errorf("got %q, %v; want the only one", name, err)
	}
	if _, err := replay.OneTarget(t.Context(), log{}, "web"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("web is not recorded: got %v", err)
	}
}

// A window counts back from the newest entry.
func TestLastCountsBackFromTheNewest(t *testing.T) {
	l, _ := played(t, truth(), evaluate.Static(20))
	h, err := replay.FromRecord(t.Context(), l, "shop", replay.Window{Last: 30 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(h.Moments); n != 121 {
		t.Errorf("got %d decisions, want 121 of 15 s in half an hour", n)
	}
}
