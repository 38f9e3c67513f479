package predictive_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
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
			cfg := predictive.Default()
			cfg.Risk = 2
			return build(t, cfg, env)
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
	shift := time.Duration(0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		obs := observations[i]
		obs.At = obs.At.Add(shift)
		if _, err := p.Recommend(obs); err != nil && i > 10 {
			b.Fatal(err)
		}
		if i++; i == len(observations) {
			i = 0
			b.StopTimer()
			shift += time.Duration(len(observations)) * sync
			for k := range observations {
				for s := range observations[k].Signals {
					points := observations[k].Signals[s].Points
					points[0].At = points[0].At.Add(time.Duration(len(observations)) * sync)
				}
			}
			b.StartTimer()
		}
	}
}
