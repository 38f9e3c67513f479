// Package scaling is the problem of scaling a service as an environment to learn
// in: a lean fluid of replicas and requests, on workloads whose forecasts were
// worked out once, with the observations, actions and masks of [learned] and the
// cost of oracle and envelope as the reward.
//
//	Prepare: load ─► sim.Fluid under the base policy ─► forecasts, needs, prices, oracle
//	                                                         │ once per workload
//	Act:     action ─► count ─► fluid of one interval ─► cost ─► reward
//	                                     └─► State ─► Encode ─► observation, mask
package scaling

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

var (
	_ rl.Environment = (*Environment)(nil)
	_ rl.Reporter    = (*Environment)(nil)
)

// Config of an environment.
type Config struct {
	Copies  int             `json:"copies"`
	Actions learned.Actions `json:"actions"`
	// Episode is how many decisions one has.
	Episode int `json:"episode"`
	// Noise is the standard deviation, from episode to episode, of what a replica
	// really carries, as a share of what the base believes.
	Noise float32 `json:"noise"`
	// Worst is the most that the violations of one interval count in the reward, in
	// what the mean demand costs in it: an overload in which all requests violate
	// costs a thousand times that, and next to it nothing else would be learned. What
	// is reported and evaluated has no such bound.
	Worst float32 `json:"worst"`
	// Scale is what rewards are multiplied by: 1 is what the mean demand costs in an
	// interval. Critics learn returns of about 1 soonest.
	Scale float32 `json:"scale"`
	// Timeless turns the calendar by a random part of a day and of a week for each
	// episode: of a few drawn loads an agent would else learn by heart what comes
	// when. It holds for all workloads, windows of a recorded load too, though days and
	// weeks of those are worth knowing: drawn ones are learned beside them.
	Timeless bool   `json:"timeless"`
	Price    Price  `json:"price"`
	Seed     uint64 `json:"seed"`
}

// Price is what an avoidable violation costs, over the tariff's price at which
// oracle and envelope reckon. It moves until as many violate as are wanted:
//
//	p ← min(Most, max(Least, p + Rate·(v/allowed − Target))),   the bracket within −1 … 1
//
// after every Every intervals of all copies together, with v the share of the
// requests that violated avoidably in them, each workload's over what it allows
// (a Lagrange multiplier by gradient ascent; Tessler, Mankowitz, Mannor, ICLR 2019).
// With Apart each family of loads has a price of its own, and what is wanted is
// Target times what the base violates on that family: not that bursts, on which
// everybody violates, and waves, on which nobody does, come to the same.
type Price struct {
	First  float32 `json:"first"`
	Rate   float32 `json:"rate"` // 0: it stays
	Target float32 `json:"target"`
	Least  float32 `json:"least"`
	Most   float32 `json:"most"`
	Every  int     `json:"every"`
	Apart  bool    `json:"apart,omitempty"`
}

// Default plays episodes of an hour (at a decision every 15 s) in 64 copies.
func Default() Config {
	return Config{
		Copies: 64, Actions: learned.StandardActions(), Episode: 240, Noise: 0.02, Worst: 200, Scale: 0.02, Timeless: true,
		Price: Price{First: 1, Rate: 0.02, Target: 1, Least: 0.5, Most: 5, Every: 1 << 14}, Seed: 1,
	}
}

// Validate reports every fault.
func (c Config) Validate() error {
	errs := []error{c.Actions.Validate()}
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(c.Copies < 1, "copies: must be at least 1, got %d", c.Copies)
	fault(c.Episode < 2, "episode: must be at least 2 decisions, got %d", c.Episode)
	fault(!(c.Noise >= 0 && c.Noise <= 0.5), "noise: must be between 0 and 0.5, got %v", c.Noise)
	fault(!(c.Worst > 0) || !(c.Scale > 0), "worst and scale: must be above 0, got %v and %v", c.Worst, c.Scale)
	p := c.Price
	fault(!(p.Least >= 0 && p.Least <= p.First && p.First <= p.Most) || p.Most > 1e6, "price: must begin between least and most, got %v, %v and %v", p.First, p.Least, p.Most)
	fault(!(p.Rate >= 0) || !(p.Target >= 0) || p.Every < 1, "price: rate and target must be at least 0 and every at least 1, got %v, %v and %v", p.Rate, p.Target, p.Every)
	return errors.Join(errs...)
}

// Environment is copies of services that are scaled, each on a workload of its
// own for an episode, and then on another.
type Environment struct {
	cfg       Config
	workloads []*Workload
	source    *rand.PCG // the state of random
	random    *rand.Rand
	neutral   int
	copies    []instance
	prices    []price
	priceOf   []int // of each workload
	waited    int   // intervals since prices were changed
	tally     tally // since the last Report
}

// New returns an environment of prepared workloads.
func New(workloads []*Workload, cfg Config) (*Environment, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(workloads) == 0 {
		return nil, errors.New("workloads: needs at least one")
	}
	source := rand.NewPCG(cfg.Seed, 0x5ca1e)
	e := &Environment{
		cfg: cfg, workloads: workloads, source: source, random: rand.New(source), neutral: cfg.Actions.Base(),
		copies: make([]instance, cfg.Copies),
	}
	e.prices, e.priceOf = cfg.Price.of(workloads, cfg.Actions)
	return e, nil
}

// Copies implements [rl.Environment].
func (e *Environment) Copies() int { return e.cfg.Copies }

// Width implements [rl.Environment].
func (e *Environment) Width() int { return learned.Width }

// Actions implements [rl.Environment].
func (e *Environment) Actions() int { return len(e.cfg.Actions) }

// Reset implements [rl.Environment].
func (e *Environment) Reset(step *rl.Step) {
	for i := range e.copies {
		e.begin(&e.copies[i])
		e.show(i, step)
	}
}

// begin begins an episode on any workload, from any decision on.
func (e *Environment) begin(c *instance) {
	i := e.random.IntN(len(e.workloads))
	w := e.workloads[i]
	last := max(w.first, len(w.moments)-1-e.cfg.Episode)
	slower := float32(1)
	if e.cfg.Noise > 0 {
		slower = float32(math.Exp(float64(e.cfg.Noise) * e.random.NormFloat64()))
	}
	c.begin(w, w.first+e.random.IntN(last-w.first+1), slower)
	c.price = int32(e.priceOf[i])
	if e.cfg.Timeless {
		c.turn = [2]turn{anyTurn(e.random), anyTurn(e.random)}
	}
	c.left = int32(min(e.cfg.Episode, len(w.moments)-1-int(c.at)))
}

// Act implements [rl.Environment].
func (e *Environment) Act(actions []int, step *rl.Step) {
	for i := range e.copies {
		c := &e.copies[i]
		w := c.workload
		n := max(c.lowest, w.clamp(int32(e.cfg.Actions.Count(actions[i], e.neutral, int(c.base)))))
		takes := float32(0)
		if n > c.fluid.current() {
			takes = e.startup(w)
		}
		r := c.act(n, takes)
		m := &w.moments[c.at]
		paid := w.seconds * float32(r.paid)
		late := e.prices[c.price].now * m.price * r.avoidable * w.perReward
		if late > e.cfg.Worst {
			late = e.cfg.Worst
		}
		step.Rewards[i] = e.cfg.Scale * ((m.oracle-paid)*w.perReward - late)
		e.prices[c.price].add(e.tally.add(w, m, &r, paid))
		step.Terminated[i], step.Truncated[i] = false, false
		c.at++
		if c.left--; c.left == 0 {
			c.observe(step.Final[i*learned.Width:][:learned.Width])
			e.allow(c, step.FinalAllowed[i*len(e.cfg.Actions):])
			step.Truncated[i] = true
			e.begin(c)
		}
		e.show(i, step)
	}
	e.reprice()
}

// LikeBase makes a net begin as the base does, nearly always: its last
// layer hardly depends on what is seen, and the neutral action is ahead by so much. To
// begin with actions at random would be to learn from one overload after another.
func LikeBase(net *neural.Net, actions learned.Actions, ahead float32) {
	weights, biases := net.Weights(len(net.Layers()) - 1)
	for i := range weights {
		weights[i] *= 0.1
	}
	clear(biases)
	biases[actions.Base()] = ahead
}

// startup is how many intervals replicas take that are asked for now. All of one
// decision take the same time.
func (e *Environment) startup(w *Workload) float32 {
	if w.startupCV == 0 {
		return w.startup / w.seconds
	}
	variance := math.Log1p(float64(w.startupCV * w.startupCV))
	return w.startup / w.seconds * float32(math.Exp(math.Sqrt(variance)*e.random.NormFloat64()-variance/2))
}

// show writes the observation and the mask of a copy.
func (e *Environment) show(i int, step *rl.Step) {
	c := &e.copies[i]
	c.observe(step.Observations[i*learned.Width:][:learned.Width])
	e.allow(c, step.Allowed[i*len(e.cfg.Actions):])
}

// allow writes the mask of a copy that was observed.
func (e *Environment) allow(c *instance, mask []bool) {
	e.cfg.Actions.Allow(mask[:len(e.cfg.Actions)], e.neutral, int(c.base), int(c.lowest), int(c.workload.most))
}
