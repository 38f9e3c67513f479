package scaling

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// A model that always says the same, the most or the least it can, costs what the
// envelope admits and no more. Its expert is the base policy. Without an envelope
// the one that always wants twice as much costs that; the one that always wants the
// least cannot do much harm, since it may not touch what the present load requires:
// the envelope alone, which knows of no lines that grow, let it cost ten times what
// the base does.
func TestTheEnvelopeBoundsWhatAModelMayCost(t *testing.T) {
	testenv.Long(t)
	const hours = 2 * time.Hour
	for name, load := range map[string]workload.Shape{
		"a wave": workload.Diurnal{Base: 100, Peak: 750, Period: hours, For: hours},
		"bursts": workload.MMPP{States: []workload.State{{RPS: 150, Stay: 8 * time.Minute}, {RPS: 450, Stay: 5 * time.Minute}}, Seed: 1, For: hours}.Shape(),
	} {
		s := scenario(load, queueing.LeastConn, 60)
		s.Objective.Target, s.Replicas.Initial = 0.99, 6
		curve, err := s.Curve()
		if err != nil {
			t.Fatal(err)
		}
		costs := func(model *learned.Model, envelope bool) float64 {
			t.Helper()
			world, err := sim.NewFluid(&s, curve)
			if err != nil {
				t.Fatal(err)
			}
			r := sim.Run(&s, world, behind(t, &s, model, envelope), sim.Options{})
			price := r.Scored.Seconds() / (0.01 * r.Requests) // the tariff's, at the mean rate
			return r.ReplicaSeconds + price*r.Avoidable
		}
		base, most, least := costs(nil, false), always(t, 7), always(t, 0)
		if alone := costs(most, false); alone < 1.3*base {
			t.Errorf("%s, always the most: alone it costs %.2f times what the base does: that shows nothing", name, alone/base)
		}
		// What is modelled is within a fifth; the simulator's is not quite the model.
		if c := costs(most, true); c > 1.23*base {
			t.Errorf("%s, always the most: behind an envelope of a fifth it costs %.3f times what the base does", name, c/base)
		}
		for _, envelope := range []bool{false, true} {
			if c := costs(least, envelope); c > 1.23*base {
				t.Errorf("%s, always the least, envelope %v: it costs %.3f times what the base does", name, envelope, c/base)
			}
		}
	}
}

// behind is a decider of a model, or of the base policy alone, with or without an
// envelope.
func behind(t testing.TB, s *sim.Scenario, model *learned.Model, envelope bool) sim.Decider {
	t.Helper()
	objective := s.Objective
	env := policy.Env{Target: s.Name, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: &objective, Sync: s.Sync, Curves: queueing.NewLibrary(queueing.DefaultLibrary)}
	base := func(_ scale.Plugin, env policy.Env) (policy.Policy, error) {
		return predictive.New(predictive.Default(), env)
	}
	bounds := guard.Bounds{Min: env.Min, Max: env.Max}
	expert, err := base(scale.Plugin{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if model == nil {
		return decide.New("predictive", expert, bounds)
	}
	data, err := model.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cfg := learned.Default()
	cfg.Model = "test"
	p, err := learned.New(cfg, env, base, func(string) ([]byte, error) { return data, nil })
	if err != nil {
		t.Fatal(err)
	}
	if !envelope {
		return decide.New("learned", p, bounds)
	}
	return decide.New("learned", p, guard.NewEnvelope(guard.EnvelopeConfig{
		Lambda: 0.2, Min: env.Min, Max: env.Max, Objective: objective, Sync: s.Sync, Name: "predictive",
		Expert:  decide.New("predictive", expert, bounds),
		Service: capacity.NewLearner(capacity.Config{}, objective, env.Topology, 2*env.Max, env.Curves),
	}), bounds)
}
