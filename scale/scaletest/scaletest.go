// Package scaletest makes observations for the tests of policies, guards and
// drivers.
package scaletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// start is the time of the first generated observation.
var start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// At is the instant d after the start of every generated run.
func At(d time.Duration) time.Time { return start.Add(d) }

// Replicas returns ready and starting replicas.
func Replicas(ready, starting int) []scale.Replica {
	all := make([]scale.Replica, 0, ready+starting)
	for i := range ready + starting {
		all = append(all, scale.Replica{
			ID: fmt.Sprintf("r-%03d", i), Phase: scale.Running, StartedAt: start,
			Readiness: scale.Readiness{Known: true, Ready: i < ready, Since: start},
		})
	}
	return all
}

// Fresh returns a trustworthy signal with one value.
func Fresh(name string, at time.Time, value float64) scale.Signal {
	return scale.Signal{Name: name, Trust: scale.Fresh, Points: []series.Point{{At: at, Value: value}}}
}

// Observation returns replicas ready ones at d after the start, with the
// given signals.
func Observation(d time.Duration, replicas int, signals ...scale.Signal) scale.Observation {
	return scale.Observation{
		Target: "web", At: At(d), CurrentReplicas: replicas, ObservedReplicas: replicas,
		Replicas: Replicas(replicas, 0), Signals: signals,
	}
}

// Hostile returns n observations in order of time that a sane world would not
// produce: signals that come and go, are NaN, infinite, negative or huge, and
// counts that jump, replicas that fail and rollouts. Every standard signal
// appears.
func Hostile(seed uint64, n int) []scale.Observation {
	rng, troubles, room := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	models := rand.New(rand.NewPCG(seed, 3))
	all, at := make([]scale.Observation, 0, n), time.Duration(0)
	for range n {
		at += time.Duration(1+rng.IntN(30)) * time.Second
		ready, starting := rng.IntN(20), rng.IntN(4)
		obs := Observation(at, ready)
		obs.Replicas = Replicas(ready, starting)
		obs.CurrentReplicas = max(0, ready+starting+rng.IntN(3)-1)
		for _, name := range names() {
			if s, present := hostileSignal(rng, name, obs.At); present {
				obs.Signals = append(obs.Signals, s)
			}
		}
		serving(models, &obs)
		trouble(troubles, &obs)
		crowd(room, &obs)
		all = append(all, obs)
	}
	return all
}

// serving adds what servers of language models say: mostly a usable share of
// their memory.
func serving(rng *rand.Rand, obs *scale.Observation) {
	for _, name := range []string{scale.KVCacheUsage, scale.RunningRequests, scale.TimeToFirstToken, scale.TokensPerSecond} {
		s, present := hostileSignal(rng, name, obs.At)
		if name == scale.KVCacheUsage && len(s.Points) > 0 && s.Points[0].Value < 21 {
			s.Points[0].Value /= 20
		}
		if present {
			obs.Signals = append(obs.Signals, s)
		}
	}
	slices.SortFunc(obs.Signals, func(a, b scale.Signal) int { return strings.Compare(a.Name, b.Name) })
}

// crowd leaves little room for replicas, now and then.
func crowd(rng *rand.Rand, obs *scale.Observation) {
	if rng.IntN(8) == 0 {
		obs.Conditions = append(obs.Conditions, scale.Condition{Type: scale.CannotPlace, Since: obs.At, Limit: rng.IntN(25) - 2, Message: "hostile"})
	}
}

// trouble lets some replicas fail or leave, and lasting conditions hold.
func trouble(rng *rand.Rand, obs *scale.Observation) {
	for _, kind := range []string{scale.CrashLoop, scale.RolloutInProgress} {
		if rng.IntN(4) == 0 {
			since := obs.At.Add(time.Duration(5-rng.IntN(1200)) * time.Second)
			obs.Conditions = append(obs.Conditions, scale.Condition{Type: kind, Since: since, Message: "hostile"})
		}
	}
	if rng.IntN(2) == 0 {
		return // a sane moment
	}
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		switch rng.IntN(8) {
		case 0:
			r.Phase, r.Readiness.Ready = scale.Failed, false
		case 1:
			r.Readiness.Ready, r.Restarts = false, 1+rng.IntN(9)
		case 2:
			r.StartedAt, r.Readiness.Since = obs.At.Add(-time.Minute), obs.At.Add(-time.Minute)
		case 3:
			r.DeletedAt = obs.At
		case 4:
			r.StartedAt, r.Readiness = time.Time{}, scale.Readiness{}
		}
	}
}

func names() []string {
	return []string{scale.Concurrency, scale.CPUUtilization, scale.ErrorRate, scale.Latency, scale.MemoryUtilization,
		scale.QueueDepth, scale.RequestRate, scale.Utilization, scale.ViolationRatio}
}

func hostileSignal(rng *rand.Rand, name string, at time.Time) (scale.Signal, bool) {
	s := Fresh(name, at, rng.Float64()*20)
	switch rng.IntN(12) {
	case 0:
		return s, false
	case 1:
		s.Points = nil
	case 2:
		s.Trust = scale.Stale
	case 3:
		s.Points[0].Value, s.Trust = math.NaN(), scale.Implausible
	case 4:
		s.Points[0].Value = 1e18
	case 5:
		s.Points[0].Value = 0
	case 6:
		s.Points[0].Value = rng.Float64() // a plausible share
	}
	return s, true
}
