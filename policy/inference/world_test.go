package inference_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/inference"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

const sync = 15 * time.Second

// model is a replica whose figures are exact: s sequences take α + β·s between two
// tokens and hold s·sequence of the memory.
type model struct {
	alpha, beta, sequence float64
	startup               time.Duration
}

// chat is about the model of the simulator: 25 ms and 0.3 ms, and 24 sequences fill
// the memory.
func chat() model { return model{0.025, 0.0003, 1.0 / 24, 2 * time.Minute} }

// running is how many sequences a replica has that makes so many tokens a second,
// as far as there is memory; waiting is what is left of it.
func (m model) running(tokens float64) (running, waiting float64) {
	most := 1 / m.sequence
	if used := m.beta * tokens; used < 1 {
		if s := m.alpha * tokens / (1 - used); s <= most {
			return s, 0
		}
	}
	return most, 5
}

// used is the larger share of what a replica has of memory and of speed.
func (m model) used(tokens float64) float64 {
	s, waiting := m.running(tokens)
	if waiting > 0 {
		return math.Inf(1)
	}
	return max(s*m.sequence, m.beta*tokens)
}

// world plays a policy against replicas that behave as the model says, all alike.
type world struct {
	model
	policy  policy.Policy
	now     time.Duration
	count   int
	ready   int
	serving []time.Duration // from when on those that start serve
	last    scale.Recommendation
	late    float64         // first token; 0: it is not measured
	said    map[string]bool // the reasons, without their numbers
}

func newWorld(t *testing.T, m model, cfg inference.Config, env policy.Env, count int) *world {
	t.Helper()
	return &world{model: m, policy: build(t, cfg, env), count: count, ready: count, said: map[string]bool{}}
}

// observe is what is measured at a load of so many tokens a second.
func (w *world) observe(tokens float64) scale.Observation {
	running, waiting := w.running(tokens / float64(max(1, w.ready)))
	at, n := scaletest.At(w.now), float64(w.ready)
	obs := scaletest.Observation(w.now, w.ready,
		scaletest.Fresh(scale.KVCacheUsage, at, min(1, running*w.sequence)),
		scaletest.Fresh(scale.QueueDepth, at, waiting*n),
		scaletest.Fresh(scale.RunningRequests, at, running*n),
		scaletest.Fresh(scale.TokensPerSecond, at, running*n/(w.alpha+w.beta*running)))
	if w.late > 0 {
		obs.Signals = append(obs.Signals[:3:3], scaletest.Fresh(scale.TimeToFirstToken, at, w.late), obs.Signals[3])
	}
	obs.Replicas = scaletest.Replicas(w.ready, w.count-w.ready)
	obs.CurrentReplicas, obs.ObservedReplicas = w.count, w.count
	return obs
}

// step plays to the next decision and carries it out.
func (w *world) step(t *testing.T, tokens float64) int {
	t.Helper()
	w.now += sync
	for len(w.serving) > 0 && w.serving[0] <= w.now {
		w.ready, w.serving = w.ready+1, w.serving[1:]
	}
	rec, err := w.policy.Recommend(w.observe(tokens))
	if err != nil {
		t.Fatal(err)
	}
	w.last, w.said[rec.Reason.Code] = rec, true
	for ; w.count < rec.Replicas; w.count++ {
		w.serving = append(w.serving, w.now+w.startup)
	}
	if w.count > rec.Replicas {
		w.serving = w.serving[:max(0, min(len(w.serving), rec.Replicas-w.ready))]
		w.ready, w.count = min(w.ready, rec.Replicas), rec.Replicas
	}
	return w.count
}

// play plays a time of one load.
func (w *world) play(t *testing.T, tokens float64, length time.Duration) {
	t.Helper()
	for end := w.now + length; w.now < end; {
		w.step(t, tokens)
	}
}

func build(t testing.TB, cfg inference.Config, env policy.Env) *inference.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	env.Sync = sync
	p, err := inference.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
