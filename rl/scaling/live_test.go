package scaling

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// live is the policy as it runs, deciding a simulated service.
type live struct {
	*learned.Policy
	min, max int
	rows     [][]float32
	counts   []int
}

func (l *live) Decide(obs scale.Observation) scale.Decision {
	rec, err := l.Recommend(obs)
	n := obs.CurrentReplicas
	if err == nil {
		n = rec.Replicas
	}
	l.rows = append(l.rows, append([]float32(nil), l.Seen()...))
	l.counts = append(l.counts, min(max(n, l.min), l.max))
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: l.counts[len(l.counts)-1]}
}

func (l *live) Applied(time.Time, int, int) {}

// always is a model that has met everything and takes one action.
func always(t testing.TB, action int) *learned.Model {
	t.Helper()
	actions := learned.StandardActions()
	net, err := neural.New(learned.Width, neural.Layer{Outputs: len(actions)})
	if err != nil {
		t.Fatal(err)
	}
	_, biases := net.Weights(0)
	biases[action] = 1
	f := learned.Features{}
	for range learned.Width {
		f.Mean, f.Std, f.Least, f.Most = append(f.Mean, 0), append(f.Std, 1), append(f.Least, -2), append(f.Most, 2)
	}
	return &learned.Model{Net: net, Actions: actions, Features: f}
}

// lives plays a workload's scenario with the policy as it runs.
func lives(t testing.TB, w *Workload, model *learned.Model) *live {
	t.Helper()
	s := w.Scenario
	data, err := model.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	objective := s.Objective
	env := policy.Env{Target: s.Name, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: &objective, Sync: s.Sync, Seed: s.Seed,
		Topology: s.Service.Topology, Curves: queueing.NewLibrary(queueing.DefaultLibrary)}
	build := func(_ scale.Plugin, env policy.Env) (policy.Policy, error) {
		return predictive.New(predictive.Default(), env)
	}
	cfg := learned.Default()
	cfg.Model = "test"
	p, err := learned.New(cfg, env, build, func(string) ([]byte, error) { return data, nil })
	if err != nil {
		t.Fatal(err)
	}
	l := &live{Policy: p, min: s.Replicas.Min, max: s.Replicas.Max}
	world, err := sim.NewFluid(&s, nil)
	if err != nil {
		t.Fatal(err)
	}
	sim.Run(&s, world, l, sim.Options{})
	return l
}

// What training shows is what the policy sees when it runs: the same scenario
// gives the same numbers. What depends on the demand and the counts alone is the
// same to the last digits; what is measured of the service is so within what the
// simulator adds to it (the balancer's window of ten seconds, chance, lines).
func TestTrainingShowsWhatThePolicySees(t *testing.T) {
	testenv.Long(t)
	for _, kind := range []string{"diurnal", "mmpp", "flash"} {
		w := prepared(t, 0, scenario(workload.Scale(loadsOf(kind, 3), 0.4), queueing.LeastConn, 40))[0]
		l := lives(t, w, always(t, 3))
		var c instance
		c.begin(w, w.first, 1)
		row := make([]float32, learned.Width)
		sums, n := make([]float64, learned.Width), 0.0
		for ; int(c.at) < len(w.moments); c.at++ {
			c.observe(row)
			if int(c.at) >= w.first+learned.Steps {
				for i := range row {
					sums[i] += math.Abs(float64(row[i] - l.rows[c.at][i]))
				}
				n++
			}
			c.act(c.base, w.startup/w.seconds)
		}
		for i, name := range learned.Names() {
			most := 0.005
			switch name, _, _ = strings.Cut(name, "-"); name {
			case "utilization", "latency", "late", "raised", "lowered":
				most = 0.02
			case "missed": // in an overload it is asked of requests that were answered, or that came
				most = 0.12
			}
			if d := sums[i] / n; d > most {
				t.Errorf("%s: %s differs by %.4f in the mean", kind, learned.Names()[i], d)
			}
		}
	}
}
