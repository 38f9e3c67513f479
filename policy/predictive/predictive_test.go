package predictive_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

const sync = 15 * time.Second

func environment() policy.Env { return surroundings(queueing.NewLibrary(queueing.DefaultLibrary)) }

// surroundings are those of services that share their curves.
func surroundings(curves *queueing.Library) policy.Env {
	return policy.Env{Target: "web", Min: 1, Max: 100, Sync: sync, Curves: curves, Objective: &scale.Objective{
		Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}}
}

func build(t testing.TB, cfg predictive.Config, env policy.Env) *predictive.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := predictive.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	env := environment()
	policytest.Run(t,
		func(t *testing.T) policy.Policy { return build(t, predictive.Default(), env) },
		func(t *testing.T) policy.Policy {
			p, err := hpa.New(hpa.Default(), env)
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
}

// serves is what is measured of a service of 50 requests/s per replica, four at
// a time, 80 ms each.
func serves(at time.Duration, rate float64, replicas int) scale.Observation {
	when := scaletest.At(at)
	signal := func(name string, value float64) scale.Signal {
		s := scaletest.Fresh(name, when, value)
		s.Window = 10 * time.Second
		return s
	}
	latency := signal(scale.Latency, 0.15)
	latency.Distribution = answers()
	return scaletest.Observation(at, replicas,
		signal(scale.Concurrency, rate*0.08), signal(scale.CPUUtilization, rate/50/float64(replicas)),
		latency, signal(scale.QueueDepth, 0), signal(scale.RequestRate, rate),
		signal(scale.Utilization, rate*0.08/float64(4*replicas)), signal(scale.ViolationRatio, 0))
}

// answers are response times without a wait.
func answers() *series.Histogram {
	h, law := &series.Histogram{}, queueing.Lognormal(0.08, 0.5)
	for i := range 1000 {
		h.Add(law.Quantile((float64(i) + 0.5) / 1000))
	}
	return h
}

func BenchmarkRecommend(b *testing.B) {
	p := build(b, predictive.Default(), environment())
	at, step := time.Duration(0), 0
	next := func() scale.Observation {
		step++
		at += sync
		return serves(at, 1000+100*math.Sin(float64(step)/40)+30*math.Sin(float64(step)*7), 25)
	}
	observations := make([]scale.Observation, 2000)
	for i := range observations {
		observations[i] = next()
	}
	for _, obs := range observations { // curves are made, buffers grow
		if _, err := p.Recommend(obs); err != nil {
			b.Fatal(err)
		}
	}
	i := len(observations)
	b.ReportAllocs()
	for b.Loop() {
		if i == len(observations) {
			b.StopTimer()
			shiftAll(observations, time.Duration(len(observations))*sync)
			i = 0
			b.StartTimer()
		}
		if _, err := p.Recommend(observations[i]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// shiftAll makes observations be of so much later.
func shiftAll(observations []scale.Observation, by time.Duration) {
	for k := range observations {
		observations[k].At = observations[k].At.Add(by)
		for s := range observations[k].Signals {
			points := observations[k].Signals[s].Points
			points[0].At = points[0].At.Add(by)
		}
	}
}
