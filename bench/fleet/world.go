package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// service is one of the fleet: what its replicas do, and what is seen of it.
type service struct {
	mean, cv  float64 // of one request, seconds
	slots     int
	replicas  int
	threshold float64
	algorithm string
	load      float64 // of its slots, at the middle of the day
	phase     float64 // of its day
	rng       *rand.Rand
	obs       scale.Observation
	latency   series.Histogram
}

const (
	sync     = 15 * time.Second
	lookback = 120              // points of a signal
	window   = 10 * time.Second // of the balancer's measurements
	usage    = time.Minute      // of what processes use
	answers  = 100              // different response times in a window
)

// start is when the fleet begins to be observed.
var start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// newService draws one: means evenly over the orders of magnitude from 5 ms to
// 2 s, variations from none to 3, 1 to 64 requests at once, 1 to 50 replicas.
func newService(seed uint64) *service {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &service{
		mean: 0.005 * math.Pow(400, rng.Float64()), cv: 3 * rng.Float64() * rng.Float64(),
		slots: int(math.Pow(64, rng.Float64()) + 0.5), replicas: 1 + rng.IntN(50),
		algorithm: []string{"leastconn", "p2c"}[rng.IntN(2)],
		load:      0.2 + 0.5*rng.Float64(), phase: 2 * math.Pi * rng.Float64(), rng: rng,
	}
	s.threshold = s.mean * (3 + 12*rng.Float64())
	s.lay(fmt.Sprintf("service-%05d", seed))
	return s
}

// document is the autoscaler of the service.
func (s *service) document(more string) string {
	return fmt.Sprintf(`
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: %s}
spec:
  sync: %s
  target: {process: {command: [sleep, "60"], readiness: {path: /healthz}}}
  replicas: {min: 1, max: 100}
  balancer: {builtin: {listen: "127.0.0.1:0", algorithm: %s}}
  objective: {latency: {threshold: %.4gs, target: 99%%}}
%s`, s.obs.Target, sync, s.algorithm, s.threshold, strings.TrimPrefix(more, "\n"))
}

// signals are what the built-in balancer and processes measure, sorted.
var signals = [...]string{
	scale.Concurrency, scale.CPUUtilization, scale.DiskReadRate, scale.DiskWriteRate, scale.ErrorRate, scale.Latency,
	scale.MemoryUtilization, scale.QueueDepth, scale.RequestRate, scale.ViolationRatio,
}

// lay makes the observation, with a past.
func (s *service) lay(name string) {
	s.obs = scale.Observation{Target: name, At: start, CurrentReplicas: s.replicas, ObservedReplicas: s.replicas}
	for i := range s.replicas {
		s.obs.Replicas = append(s.obs.Replicas, scale.Replica{
			ID: fmt.Sprintf("%s-%03d", name, i), Address: "127.0.0.1:8080", Phase: scale.Running, StartedAt: start.Add(-time.Hour),
			Readiness:  scale.Readiness{Known: true, Ready: true, Since: start.Add(-time.Hour)},
			Containers: []scale.Container{{}},
			Samples:    []scale.Sample{{Signal: scale.CPUUtilization, Replica: name, At: start, Window: usage, Value: s.load}},
		})
	}
	for _, signal := range signals {
		points := make([]series.Point, lookback)
		for i := range points {
			points[i].At = start.Add(time.Duration(i-lookback) * time.Second)
		}
		s.obs.Signals = append(s.obs.Signals, scale.Signal{Name: signal, Trust: scale.Fresh, Points: points, Window: window})
	}
}

// next turns the observation into that of one sync later, in place: deciding
// alone is to be measured.
func (s *service) next() {
	s.obs.At = s.obs.At.Add(sync)
	capacity := float64(s.replicas*s.slots) / s.mean
	day := s.obs.At.Sub(start).Hours()/24*2*math.Pi + s.phase
	rho := min(0.95, s.load*(1+0.3*math.Sin(day))*math.Exp(0.05*s.rng.NormFloat64()))
	missed := s.answer(rho, capacity*rho)
	for i := range s.obs.Signals {
		signal := &s.obs.Signals[i]
		value := 0.0
		switch signal.Name {
		case scale.RequestRate:
			value = capacity * rho
		case scale.Concurrency:
			value = capacity * rho * s.latency.Mean()
		case scale.CPUUtilization:
			value, signal.Window = rho, usage
		case scale.Latency:
			value, signal.Distribution = s.latency.Quantile(0.95), &s.latency
		case scale.ViolationRatio:
			value = missed
		}
		for p := range signal.Points {
			signal.Points[p].At = signal.Points[p].At.Add(sync)
		}
		signal.Points[lookback-1].Value = value
	}
}

// answer fills in the response times of a window: lognormal services, and a wait
// for those that find all slots busy.
func (s *service) answer(rho, rate float64) (missed float64) {
	s.latency.Reset()
	each := uint64(max(1, rate*window.Seconds()/answers))
	variance := math.Log1p(s.cv * s.cv)
	lines := float64(s.replicas * s.slots)
	busy := math.Pow(rho, math.Sqrt(2*(lines+1))) // Sakasegawa 1977
	for range answers {
		took := s.mean * math.Exp(s.rng.NormFloat64()*math.Sqrt(variance)-variance/2)
		if s.rng.Float64() < busy {
			took += s.rng.ExpFloat64() * s.mean * (1 + s.cv*s.cv) / (2 * lines * (1 - rho))
		}
		s.latency.AddN(took, each)
		if took > s.threshold {
			missed += 1.0 / answers
		}
	}
	return missed
}
