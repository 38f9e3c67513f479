package envelope

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/lcp"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

const (
	lambda = 0.2
	most   = 60
	day    = 24 * time.Hour
)

// scenario is the evaluation's, with days from 50 to 1,000 requests per second,
// and flash crowds in them. So many days are played before anything is scored.
func scenario(before int) *sim.Scenario {
	s := sim.Default()
	days := time.Duration(before+1) * day
	s.Name, s.Replicas.Max, s.Replicas.Initial = "web", most, 2
	shapes := []workload.Shape{workload.Diurnal{Base: 50, Peak: 1000, Period: day, For: days}}
	for d := range before + 1 {
		shapes = append(shapes, workload.FlashCrowd{Peak: 600, At: time.Duration(d)*day + 18*time.Hour, Rise: 2 * time.Minute, Hold: 20 * time.Minute, Decay: 10 * time.Minute, For: days})
	}
	s.Load, s.Warmup = workload.Sum(shapes...), max(time.Hour, time.Duration(before)*day)
	return &s
}

// env is what policies know of the scenario.
func env(s *sim.Scenario, curves *queueing.Library) policy.Env {
	return policy.Env{Target: s.Name, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: &s.Objective, Sync: s.Sync, Topology: s.Service.Topology, Curves: curves}
}

// expert is the policy that is trusted, alone behind the bounds.
func expert(t *testing.T, s *sim.Scenario, curves *queueing.Library) *decide.Decider {
	t.Helper()
	p, err := lcp.New(lcp.Default(), env(s, curves))
	if err != nil {
		t.Fatal(err)
	}
	return decide.New("lcp", p, guard.Bounds{Min: s.Replicas.Min, Max: s.Replicas.Max})
}

func around(t *testing.T, s *sim.Scenario, curves *queueing.Library) *guard.Envelope {
	t.Helper()
	return guard.NewEnvelope(guard.EnvelopeConfig{
		Lambda: lambda, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: s.Objective, Sync: s.Sync, Name: "lcp", Expert: expert(t, s, curves),
		Service: capacity.NewLearner(capacity.Config{}, s.Objective, s.Service.Topology, 2*s.Replicas.Max, curves),
	})
}

// outcome is what a run cost in the scored time.
type outcome struct {
	*sim.Result
	own, expert float64 // modelled, in replica-seconds
	began       time.Time
}

func run(t *testing.T, s *sim.Scenario, d *decide.Decider, e *guard.Envelope) outcome {
	t.Helper()
	w, err := sim.NewFluid(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, own, trusted := outcome{}, 0.0, 0.0
	out.Result = sim.Run(s, w, d, sim.Options{Decided: func(obs scale.Observation, _ scale.Decision) {
		if e == nil {
			return
		}
		out.own, out.expert = e.Costs()
		if obs.At.Before(s.Start.Add(s.Warmup)) {
			own, trusted = out.own, out.expert
		}
		out.began = e.Began()
	}})
	out.own, out.expert = out.own-own, out.expert-trusted
	return out
}

// The ten worst advisors cost by the model what is promised, over the scored
// day and what an hour may save. What they really cost is told, beside the expert alone and the
// advisors alone: docs/envelope.md shows the table.
func TestTheTenWorstAdvisors(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	var table strings.Builder
	row := func(name string, model string, behind, alone outcome) {
		cell := func(o outcome) string {
			if o.Result == nil {
				return "– | –"
			}
			return fmt.Sprintf("%.0f | %s", o.ReplicaHours(), percent(o.AvoidableRatio()))
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", name, model, cell(behind), cell(alone))
	}
	for _, before := range []int{0, 7} {
		s := scenario(before)
		alone := run(t, s, expert(t, s, curves), nil)
		row(fmt.Sprintf("**the expert alone**, day %d", before+1), "1", alone, outcome{})
		for _, a := range worst(most, s.Sync, 7*day) {
			if strings.Contains(a.name, "week") != (before > 0) {
				continue
			}
			bare := a
			e := around(t, s, curves)
			a.envelope = e
			bounds := guard.Bounds{Min: s.Replicas.Min, Max: s.Replicas.Max}
			behind := run(t, s, decide.New(a.name, &a, e, bounds), e)
			row(a.name, fmt.Sprintf("%.2f", behind.own/behind.expert), behind, run(t, s, decide.New(a.name, &bare, bounds), nil))
			if behind.began.After(s.Start.Add(time.Minute)) {
				t.Errorf("%s: the accounts began anew at %v", a.name, behind.began)
			}
			// B is λ times the dearest hour of the expert, which a fifth of the
			// day's cost is more than.
			if saved := lambda * 0.2 * behind.expert; behind.own > (1+lambda)*behind.expert+saved {
				t.Errorf("%s: %.0f replica-seconds by the model, the expert %.0f", a.name, behind.own, behind.expert)
			}
		}
	}
	t.Logf("| advisor | modelled cost ÷ the expert's | replica-hours | avoidable | alone: replica-hours | avoidable |\n|---|---|---|---|---|---|\n%s", table.String())
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

// The expert as the policy is admitted whatever it wants: both accounts are the same.
func TestTheExpertIsAdmittedAsItIs(t *testing.T) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	s := sim.Default()
	s.Name, s.Replicas.Max, s.Replicas.Initial, s.Load = "web", most, 2, workload.DiurnalFlash()
	alone := run(t, &s, expert(t, &s, curves), nil)
	p, err := lcp.New(lcp.Default(), env(&s, curves))
	if err != nil {
		t.Fatal(err)
	}
	e := around(t, &s, curves)
	behind := run(t, &s, decide.New("lcp", p, e, guard.Bounds{Min: 1, Max: most}), e)
	if alone.ReplicaSeconds != behind.ReplicaSeconds || alone.Avoidable != behind.Avoidable || behind.own != behind.expert || behind.own == 0 {
		t.Errorf("alone %v replica-seconds, %v violations; behind the envelope %v and %v; by the model %v and %v",
			alone.ReplicaSeconds, alone.Avoidable, behind.ReplicaSeconds, behind.Avoidable, behind.own, behind.expert)
	}
}

// A decision with everything: the policy's learner, the expert with its own, and the
// envelope's.
func BenchmarkDecideBehindAnEnvelope(b *testing.B) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	s := sim.Default()
	s.Name, s.Replicas.Max, s.Replicas.Initial, s.Load = "web", 100, 2, workload.Diurnal{Base: 500, Peak: 3000, Period: time.Hour, For: 100 * day}
	made := make([]policy.Policy, 2)
	for i := range made {
		p, err := lcp.New(lcp.Default(), env(&s, curves))
		if err != nil {
			b.Fatal(err)
		}
		made[i] = p
	}
	e := guard.NewEnvelope(guard.EnvelopeConfig{
		Lambda: lambda, Min: 1, Max: 100, Objective: s.Objective, Sync: s.Sync, Name: "lcp",
		Expert:  decide.New("lcp", made[0], guard.Bounds{Min: 1, Max: 100}),
		Service: capacity.NewLearner(capacity.Config{}, s.Objective, s.Service.Topology, 200, curves),
	})
	d, w := decide.New("lcp", made[1], e, guard.Bounds{Min: 1, Max: 100}), sim.NewEvents(&s)
	at := time.Duration(0)
	step := func() {
		at += s.Sync
		b.StopTimer()
		w.Advance(at)
		obs := w.Observe()
		b.StartTimer()
		decision := d.Decide(obs)
		d.Applied(obs.At, obs.CurrentReplicas, decision.DesiredReplicas)
		b.StopTimer()
		w.SetReplicas(decision.DesiredReplicas)
		b.StartTimer()
	}
	for range 50 {
		step()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N { // the world between two decisions is not measured
		step()
	}
}
