package scaling

import (
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

// Score is what somebody's decisions on a whole workload came to. Costs are at
// the tariff's price.
type Score struct {
	// Regret is by how much more than the oracle's the cost is: 0.05 is 5 %.
	Regret float64 `json:"regret"`
	// Replicas is the replica-hours over the oracle's cost.
	Replicas float64 `json:"replicas"`
	// Violations is the share of the requests that violated avoidably, over what is
	// allowed.
	Violations   float64 `json:"violations"`
	ReplicaHours float64 `json:"replicaHours"`
}

func (t *tally) score(w *Workload) Score {
	return Score{
		Regret: t.regret(), Replicas: t.paid / t.oracle, ReplicaHours: t.paid / 3600,
		Violations: t.avoidable / max(1e-9, t.requests) * float64(w.perAllowed),
	}
}

// Moment is a decision of an episode and what became of it.
type Moment struct {
	Seconds float64 `json:"seconds"` // since the beginning of the load
	Base    int     `json:"base"`    // what the base policy wants
	Action  float64 `json:"action"`  // the factor on it
	Desired int     `json:"desired"`
	Ready   int     `json:"ready"`
	Oracle  int     `json:"oracle"`
	Rate    float64 `json:"rate"` // requests per second until the next
	Line    float64 `json:"line"` // requests that wait at its end
	Used    float64 `json:"used"` // slots in use at its end, as a share; waiting requests count
	Latency float64 `json:"latency"`
	Late    float64 `json:"late"` // share of the requests that violate avoidably
}

// Evaluate plays a whole workload with the best action of a net; without one, as
// the base does.
func Evaluate(w *Workload, actions learned.Actions, net *neural.Net) Score {
	t, _ := episode(w, actions, net, false)
	return t.score(w)
}

// Play is Evaluate, and returns every decision.
func Play(w *Workload, actions learned.Actions, net *neural.Net) (Score, []Moment) {
	t, moments := episode(w, actions, net, true)
	return t.score(w), moments
}

// episode plays a workload from the first decision on which the base has an
// opinion to the last.
func episode(w *Workload, actions learned.Actions, net *neural.Net, timeline bool) (tally, []Moment) {
	choose, neutral := best(actions, net), actions.Base()
	var (
		c     instance
		total tally
	)
	c.begin(w, w.first, 1)
	var all []Moment
	row, allowed := make([]float32, learned.Width), make([]bool, len(actions))
	for ; int(c.at) < len(w.moments); c.at++ {
		c.observe(row)
		actions.Allow(allowed, neutral, int(c.base), int(c.lowest), int(w.most))
		a := choose(row, allowed)
		n := max(c.lowest, w.clamp(int32(actions.Count(a, neutral, int(c.base)))))
		m := &w.moments[c.at]
		r := c.act(n, w.startup/w.seconds)
		total.add(w, m, &r, w.seconds*float32(r.paid))
		if timeline {
			all = append(all, c.moment(m, float64(actions[a]), int(n), &r))
		}
	}
	return total, all
}

// moment is the decision that was taken and the interval after it.
func (c *instance) moment(m *moment, action float64, desired int, r *result) Moment {
	w := c.workload
	out := Moment{
		Seconds: float64(c.at) * float64(w.seconds), Base: int(c.base), Action: action, Desired: desired, Ready: int(c.fluid.ready),
		Oracle: w.Oracle[c.at], Rate: float64(m.rate), Line: float64(c.fluid.line + c.fluid.second),
		Used: float64(c.last.used), Latency: float64(c.last.latency * w.law.threshold),
	}
	if m.rate > 0 {
		out.Late = float64(r.avoidable / (m.rate * w.seconds))
	}
	return out
}

// best chooses the allowed action with the highest number of a net; without one
// the neutral action.
func best(actions learned.Actions, net *neural.Net) func(row []float32, allowed []bool) int {
	neutral := actions.Base()
	if net == nil {
		return func([]float32, []bool) int { return neutral }
	}
	think, scores := net.NewInference(), make([]float32, len(actions))
	return func(row []float32, allowed []bool) int {
		think.Infer(row, scores)
		best := neutral
		for i, score := range scores {
			if allowed[i] && score > scores[best] {
				best = i
			}
		}
		return best
	}
}

// Survey is what the numbers of observations are like on workloads, over so many
// steps with actions at random half of the time: what a model of them has met.
func Survey(workloads []*Workload, cfg Config, steps int) (learned.Features, error) {
	env, err := New(workloads, cfg)
	if err != nil {
		return learned.Features{}, err
	}
	step, actions := rl.NewStep(env), make([]int, env.Copies())
	env.Reset(step)
	var s survey
	for range max(1, steps/env.Copies()) {
		for i := range actions {
			s.add(step.Observations[i*learned.Width:][:learned.Width])
			actions[i] = env.neutral
			if a := env.random.IntN(2 * env.Actions()); a < env.Actions() && step.Allowed[i*env.Actions()+a] {
				actions[i] = a
			}
		}
		env.Act(actions, step)
	}
	return s.features(), nil
}
