package web_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/target"
)

// feeder plays a service under a diurnal load with a flash crowd, and an
// autoscaler that follows it, onto a bus: what the page would see of a real
// one. It steps in whole seconds.
//
//	rate  ╭──╮    ╭╮
//	  ───╯    ╰───╯╰──── …
type feeder struct {
	bus      *memory.Bus
	name     string
	random   *rand.Rand
	replicas []scale.Replica
	spec     int
	born     int // replicas ever started
	wishes   []int
	load     float64      // requests per second in this second
	store    record.Store // nil: nothing is recorded
	mode     atomic.Value // scale.Mode; nothing: Apply
	seen     []record.Measured
	steps    atomic.Int64
}

const (
	perReplica = 35.0 // requests per second
	startup    = 9 * time.Second
	drain      = 6 * time.Second
	syncEvery  = 5
	flashAt    = 700 // second in which the crowd comes
)

func newFeeder(b *memory.Bus, name string) *feeder {
	f := &feeder{bus: b, name: name, random: rand.New(rand.NewPCG(1, 2)), spec: 4}
	long := time.Unix(0, 0)
	f.age(long)
	for i := range f.replicas {
		f.replicas[i].Readiness = scale.Readiness{Known: true, Ready: true, Since: long}
	}
	return f
}

// rate is requests per second in second n.
func (f *feeder) rate(n int) float64 {
	diurnal := 210 - 130*math.Cos(2*math.Pi*float64(n)/800)
	crowd := 0.0
	if since := float64(n - flashAt); since >= 0 {
		crowd = 330 * (1 - math.Exp(-since/6)) * math.Exp(-since/70)
	}
	return (diurnal + crowd) * (1 + 0.04*f.random.NormFloat64())
}

// step publishes what happened in second n, which ended at the given time.
func (f *feeder) step(t *testing.T, n int, at time.Time) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	defer f.steps.Add(1)
	f.load = f.rate(n)
	f.age(at)
	report := f.report(at)
	f.seen = measured(report)
	if err := control.Reports(f.bus, f.name).Publish(ctx, report); err != nil {
		t.Fatal(err)
	}
	if n%syncEvery != 0 {
		return
	}
	d := f.decide(at)
	f.write(ctx, t, record.Entry{Target: f.name, At: at, Decided: &d})
	if err := control.Decisions(f.bus, d.Decision.Target).Publish(ctx, d); err != nil {
		t.Fatal(err)
	}
	if d.Decision.Changes() && d.Mode == scale.Apply {
		done := record.Applied{Target: f.name, At: at, From: f.spec, To: d.Decision.DesiredReplicas}
		f.write(ctx, t, record.Entry{Target: f.name, At: at, Applied: &done})
		f.spec = d.Decision.DesiredReplicas
		if err := control.Changes(f.bus, done.Target).Publish(ctx, done); err != nil {
			t.Fatal(err)
		}
	}
}

// heardOf is how many seconds were told.
func (f *feeder) heardOf() int64 { return f.steps.Load() }

func (f *feeder) write(ctx context.Context, t *testing.T, e record.Entry) {
	t.Helper()
	if f.store == nil {
		return
	}
	if err := f.store.Write(ctx, record.Batch{Entries: []record.Entry{e}}); err != nil {
		t.Fatal(err)
	}
}

// measured is what a decision sees of a report: the newest of each signal, one
// that got old and one that was never there.
func measured(r control.Report) []record.Measured {
	seen := []record.Measured{
		{Name: scale.CPUUtilization, Trust: scale.Stale, Value: 0.62, At: r.At.Add(-74 * time.Second), Window: 15 * time.Second},
		{Name: scale.MemoryUtilization},
	}
	for _, s := range r.Samples {
		if s.Replica != "" {
			continue
		}
		m := record.Measured{Name: s.Signal, Trust: scale.Fresh, Value: s.Value, At: s.At, Window: s.Window}
		if s.Distribution != nil {
			m.P50, m.P95, m.P99 = s.Distribution.Quantile(0.5), s.Distribution.Quantile(0.95), s.Distribution.Quantile(0.99)
		}
		seen = append(seen, m)
	}
	slices.SortFunc(seen, func(a, b record.Measured) int { return strings.Compare(a.Name, b.Name) })
	return seen
}

// age makes the replicas follow the count asked for.
func (f *feeder) age(at time.Time) {
	staying := 0
	for i := range f.replicas {
		r := &f.replicas[i]
		if !r.Readiness.Ready && at.Sub(r.StartedAt) >= startup {
			r.Readiness = scale.Readiness{Known: true, Ready: true, Since: at}
		}
		if r.DeletedAt.IsZero() {
			staying++
		}
	}
	for ; staying < f.spec; staying++ {
		f.born++
		f.replicas = append(f.replicas, scale.Replica{
			ID: fmt.Sprintf("%s-%d", f.name, f.born), Address: fmt.Sprintf("127.0.0.1:%d", 40000+f.born), Phase: scale.Running,
			StartedAt: at, Readiness: scale.Readiness{Known: true, Since: at}, Restarts: f.born % 7 / 6,
		})
	}
	for i := 0; staying > f.spec; i++ {
		if r := &f.replicas[i]; r.DeletedAt.IsZero() {
			r.DeletedAt = at
			staying--
		}
	}
	f.replicas = slices.DeleteFunc(f.replicas, func(r scale.Replica) bool { return !r.DeletedAt.IsZero() && at.Sub(r.DeletedAt) > drain })
}

func (f *feeder) report(at time.Time) control.Report {
	ready := 0
	for i := range f.replicas {
		if f.replicas[i].TakesWork() {
			ready++
		}
	}
	busy := min(1.6, f.load/(perReplica*1.25*max(1, float64(ready)))) // share of capacity
	durations := f.durations(busy)
	bad := durations.ShareAbove(0.5)
	sample := func(signal string, v float64) scale.Sample {
		return scale.Sample{Signal: signal, At: at, Window: time.Second, Value: v}
	}
	latency := sample(scale.Latency, durations.Quantile(0.95))
	latency.Distribution = durations
	inProgress := f.load * durations.Mean()
	r := control.Report{Target: f.name, At: at, Samples: []scale.Sample{
		sample(scale.RequestRate, f.load), sample(scale.ErrorRate, max(0, f.load*bad*0.2-1)), sample(scale.Concurrency, inProgress),
		sample(scale.QueueDepth, max(0, math.Round(f.load*(busy-1)))), sample(scale.ViolationRatio, bad), latency,
	}}
	for i := range f.replicas {
		if !f.replicas[i].TakesWork() {
			continue
		}
		for signal, v := range map[string]float64{
			scale.Concurrency: math.Round(inProgress / float64(ready) * (0.8 + 0.4*f.random.Float64())),
			scale.RequestRate: f.load / float64(ready), scale.Latency: durations.Quantile(0.95) * (0.9 + 0.2*f.random.Float64()),
		} {
			s := sample(signal, v)
			s.Replica = f.replicas[i].ID
			r.Samples = append(r.Samples, s)
		}
	}
	r.Status = &target.Status{At: at, SpecReplicas: f.spec, Replicas: slices.Clone(f.replicas)}
	return r
}

// durations draws the answers of one second: lognormal service, stretched by
// waiting as the service fills up.
func (f *feeder) durations(busy float64) *series.Histogram {
	h := &series.Histogram{}
	stretch := 1/(1-min(busy, 0.93)) + 12*max(0, busy-0.95)
	for range 300 {
		h.Add(0.055 * math.Exp(0.45*f.random.NormFloat64()) * (1 + (stretch-1)*f.random.Float64()))
	}
	return h
}

// decide is a ratio policy with a stabilization window, in the words of the
// real one.
func (f *feeder) decide(at time.Time) record.Decided {
	want := int(math.Ceil(f.load/perReplica)) + 1
	f.wishes = append(f.wishes, want)
	steady := slices.Max(f.wishes[max(0, len(f.wishes)-12):])
	why := scale.Because("Target", "{n} {0}/s at {1} per replica: {2}", f.load, perReplica, float64(want)).About(scale.RequestRate)
	d := scale.Decision{
		Target: f.name, Policy: "hpa", At: at, CurrentReplicas: f.spec, DesiredReplicas: want, Reason: why, SetBy: "policy",
		Recommendation: scale.Recommendation{Replicas: want, Reason: why, Confidence: 1, Proposals: []scale.Proposal{
			{Signal: scale.RequestRate, Replicas: want, Reason: why},
			{Signal: scale.CPUUtilization, Missing: true, Reason: scale.Because("NoData", "{n} has no trustworthy value").About(scale.CPUUtilization)},
		}},
	}
	walk := func(guard string, to int, reason scale.Reason) {
		from := d.DesiredReplicas
		d.Steps = append(d.Steps, scale.Step{Guard: guard, From: from, To: to})
		if from != to {
			d.Steps[len(d.Steps)-1].Reason = reason
			d.DesiredReplicas, d.Reason, d.SetBy = to, reason, guard
		}
	}
	walk("data", want, scale.Reason{})
	if want < f.spec {
		walk("behavior", min(steady, f.spec), scale.Because("ScaleDownStabilized",
			"{0} instead of {1}: the highest recommendation of the last {2s} counts", float64(min(steady, f.spec)), float64(want), 60))
	} else {
		walk("behavior", min(want, f.spec+4), scale.Because("ScaleUpLimit",
			"{0} instead of {1}: the rate policies allow no more for now", float64(f.spec+4), float64(want)))
	}
	walk("cooldown", d.DesiredReplicas, scale.Reason{})
	walk("bounds", min(20, d.DesiredReplicas), scale.Because("TooManyReplicas", "{0} is above the maximum of {1}", float64(d.DesiredReplicas), 20))
	shadow := scale.Decision{Target: f.name, Policy: "kpa", At: at, CurrentReplicas: f.spec, DesiredReplicas: int(math.Ceil(f.load/42)) + 1, SetBy: "policy"}
	shadow.Reason = scale.Because("Stable", "concurrency {0} over 6 s at 8 per replica", f.load/5)
	mode, set := f.mode.Load().(scale.Mode)
	if !set {
		mode = scale.Apply
	}
	seen := record.Seen{Signals: slices.Clone(f.seen)}
	for i := range f.replicas {
		if f.replicas[i].TakesWork() {
			seen.Ready++
		} else if f.replicas[i].DeletedAt.IsZero() {
			seen.Starting++
		}
	}
	return record.Decided{Decision: d, Shadows: []scale.Decision{shadow}, Mode: mode, Seen: seen}
}
