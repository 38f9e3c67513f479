package training

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
)

// Ground is what is trained and judged on.
type Ground struct {
	Train, Judge []*scaling.Workload
	base         []scaling.Score // what the base comes to on Judge
	history      bool            // windows of one are among Train
}

// NewGround draws and prepares the workloads of a configuration; more, windows of a
// history, are added to those that are trained on. Of more, those on which the base
// has no opinion are left out: nobody came, where a service scales to zero. progress,
// which may be nil, hears how many are done.
func NewGround(ctx context.Context, c Config, progress func(done, all int), more ...scaling.Task) (*Ground, error) {
	if c.Environment != onScaling {
		return &Ground{}, nil
	}
	train, err := scaling.Draw(c.Workloads.Families, c.Workloads.Count, c.Workloads.Seed)
	if err != nil {
		return nil, err
	}
	// Seeds of workloads that are judged on are never those of others.
	judge, err := scaling.Draw(c.Workloads.Families, c.Workloads.Judged, c.Workloads.Seed^judged)
	if err != nil {
		return nil, err
	}
	drawn := len(train)
	all, err := prepare(ctx, slices.Concat(train, more, judge), progress)
	if err != nil {
		return nil, fmt.Errorf("prepare workloads: %w", err)
	}
	windows := known(all[drawn:][:len(more)])
	if len(more) > 0 && len(windows) == 0 {
		return nil, fmt.Errorf("the base policy had an opinion in none of the %d windows of the history: nothing can be learned of it", len(more))
	}
	set, apart := slices.Concat(all[:drawn], windows), all[drawn+len(more):]
	if slices.Contains(set, nil) || slices.Contains(apart, nil) {
		return nil, fmt.Errorf("prepare workloads: a drawn one: %w", scaling.ErrNoOpinion)
	}
	g := newGround(c, set, apart)
	g.history = len(more) > 0
	return g, nil
}

// known are the workloads that could be prepared.
func known(all []*scaling.Workload) []*scaling.Workload {
	return slices.DeleteFunc(slices.Clone(all), func(w *scaling.Workload) bool { return w == nil })
}

func newGround(c Config, train, judge []*scaling.Workload) *Ground {
	g := &Ground{Train: train, Judge: judge}
	for _, w := range judge {
		g.base = append(g.base, scaling.Evaluate(w, c.Scaling.Actions, nil))
	}
	return g
}

// prepare prepares some at a time, to be able to tell how far it is.
func prepare(ctx context.Context, tasks []scaling.Task, progress func(done, all int)) ([]*scaling.Workload, error) {
	const some = 8
	var all []*scaling.Workload
	for at := 0; at < len(tasks); at += some {
		w, err := scaling.PrepareKnown(ctx, tasks[at:min(at+some, len(tasks))])
		if err != nil {
			return nil, err
		}
		all = append(all, w...)
		if progress != nil {
			progress(len(all), len(tasks))
		}
	}
	return all, nil
}

const judged = 0x6a75_6467_6564

// Verdict is what a net comes to on workloads that it was not trained on, beside
// its base.
type Verdict struct {
	// OverBase is its cost over the base's, geometric mean over workloads; violations
	// count as Config.Care says.
	OverBase float64 `json:"costOverBase"`
	// Replicas is its replica-hours over the base's, all together.
	Replicas float64 `json:"replicasOverBase"`
	// Violations are avoidable ones over those allowed, mean over workloads.
	Violations     float64 `json:"violations"`
	BaseViolations float64 `json:"baseViolations"`
	Regret         float64 `json:"regret"`
	BaseRegret     float64 `json:"baseRegret"`
}

// judge plays all workloads with the best actions.
func (g *Ground) judge(actions learned.Actions, net *neural.Net, care float64) Verdict {
	var v Verdict
	hours, baseHours, n := 0.0, 0.0, float64(len(g.Judge))
	for i, w := range g.Judge {
		s, b := scaling.Evaluate(w, actions, net), g.base[i]
		v.OverBase += math.Log(caring(s, care)/caring(b, care)) / n
		v.Violations, v.BaseViolations = v.Violations+s.Violations/n, v.BaseViolations+b.Violations/n
		v.Regret, v.BaseRegret = v.Regret+s.Regret/n, v.BaseRegret+b.Regret/n
		hours, baseHours = hours+s.ReplicaHours, baseHours+b.ReplicaHours
	}
	v.OverBase, v.Replicas = math.Exp(v.OverBase), hours/baseHours
	return v
}

// caring is the cost, over the oracle's, with violations at so many times the
// tariff's price.
func caring(s scaling.Score, care float64) float64 {
	return s.Replicas + care*(1+s.Regret-s.Replicas)
}

// Point is a row of the summary: one update, and what was judged after it.
type Point struct {
	Seed uint64
	rl.Progress
	Verdict *Verdict
}

// Status is how far a training is.
type Status struct {
	Steps, All int // of all seeds
	Newest     Point
}

// session is a learner at work.
type session struct {
	identity
	cfg     Config
	seed    uint64
	ground  *Ground
	env     rl.Environment
	learner rl.Learner

	points   []Point
	episodes int
	best     []float32 // parameters of the best net so far
	verdict  Verdict   // its
	ended    bool
	failed   string // why the learner could not go on; what was best until then is kept
}

// newSession is a learner at its beginning.
func newSession(cfg Config, seed uint64, ground *Ground) (*session, error) {
	s := &session{cfg: cfg, seed: seed, ground: ground}
	var err error
	if s.env, err = environment(cfg, seed, ground); err != nil {
		return nil, err
	}
	if s.learner, err = newLearner(cfg, seed, s.env); err != nil {
		return nil, err
	}
	return s, nil
}

func environment(cfg Config, seed uint64, ground *Ground) (rl.Environment, error) {
	if cfg.Environment == cartpole {
		return rl.NewCartPole(cfg.Scaling.Copies, seed), nil
	}
	scene := cfg.Scaling
	scene.Seed = seed
	env, err := scaling.New(ground.Train, scene)
	switch {
	case err != nil:
		return nil, err
	case cfg.timeless():
		return timeless{env}, nil
	}
	return env, nil
}

// newLearner is the algorithm of the configuration.
func newLearner(cfg Config, seed uint64, env rl.Environment) (rl.Learner, error) {
	l, err := cfg.learner()
	if err != nil {
		return nil, err
	}
	switch l := l.(type) {
	case *rl.A2CConfig:
		l.Seed, l.Hidden, l.Horizon = seed, cfg.Hidden, cfg.Steps
		return rl.NewA2C(*l, env)
	case *rl.DQNConfig:
		l.Seed, l.Hidden, l.Horizon = seed, cfg.Hidden, cfg.Steps
		return rl.NewDQN(*l, env)
	case *rl.PPOConfig:
		l.Seed, l.Hidden, l.Horizon = seed, cfg.Hidden, cfg.Steps
		return rl.NewPPO(*l, env)
	}
	return nil, fmt.Errorf("algorithm: %q is not known", cfg.Algorithm)
}

// adopting is a learner that can begin with a policy of somebody else's.
type adopting interface{ Adopt(*neural.Net) error }

// begin gives the learner its first policy: a model's that is to be improved, what
// the oracle teaches, or nearly the base's.
func (s *session) begin(ctx context.Context, from *learned.Model) error {
	a, may := s.learner.(adopting)
	if from != nil && (!may || s.cfg.Environment != onScaling) {
		return fmt.Errorf("%s cannot begin with a model: ppo and a2c can", s.cfg.Algorithm)
	}
	if s.cfg.Environment != onScaling {
		return nil
	}
	net := s.learner.Policy()
	if s.cfg.Ahead > 0 {
		// Whatever is learned, cloned or begun with has to beat the base: what is worse
		// is never kept.
		s.consider(asBase(net, s.cfg.Scaling.Actions))
	}
	switch {
	case from != nil:
		if !net.SameShape(from.Net) {
			return fmt.Errorf("the model to begin with has layers %v, hidden %v are asked for: leave hidden out", from.Net.Layers(), s.cfg.Hidden)
		}
		if !slices.Equal(from.Actions, s.cfg.Scaling.Actions) {
			return fmt.Errorf("the model to begin with chooses among %v, scaling.actions says %v: leave that out", from.Actions, s.cfg.Scaling.Actions)
		}
		net = from.Net.Clone() // it is lent: to other seeds too, and as a rival later
	case s.cfg.Ahead > 0:
		scaling.LikeBase(net, s.cfg.Scaling.Actions, s.cfg.Ahead)
	}
	if s.cfg.timeless() {
		forgetCalendar(net)
	}
	if s.cfg.Clone != nil {
		if err := s.clone(ctx, net); err != nil {
			return err
		}
	}
	s.consider(net)
	if !may {
		return nil // values are learned from none: it is what they have to beat
	}
	return a.Adopt(net)
}

// asBase is a net of the same layers that always does as the base.
func asBase(like *neural.Net, actions learned.Actions) *neural.Net {
	net := like.Clone()
	scaling.LikeBase(net, actions, 1)
	weights, _ := net.Weights(len(net.Layers()) - 1)
	clear(weights)
	return net
}

// clone teaches a net what the oracle would do, in the states that the base gets
// into and then in those that the net gets into itself.
func (s *session) clone(ctx context.Context, net *neural.Net) error {
	var all *rl.Demonstrations
	for round := range s.cfg.Clone.Rounds {
		scene := s.cfg.Scaling
		scene.Seed = s.seed<<8 + uint64(round) + 1
		var student *neural.Net
		if round > 0 {
			student = net
		}
		d, err := scaling.Demonstrate(ctx, s.ground.Train, scene, student, s.cfg.Clone.Rows)
		if err != nil {
			return err
		}
		if s.cfg.timeless() {
			hideCalendar(d.Observations)
		}
		if all == nil {
			all = d
		} else {
			all.Observations, all.Allowed, all.Chosen = append(all.Observations, d.Observations...), append(all.Allowed, d.Allowed...), append(all.Chosen, d.Chosen...)
		}
		clone := rl.DefaultClone()
		clone.Seed, clone.Epochs = scene.Seed, s.cfg.Clone.Epochs
		if err := rl.Clone(ctx, net, all, clone, nil); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a training that has seen as many episodes as were asked for.
var errEnough = errors.New("enough episodes")

// learn goes on until all steps are taken, or ctx ends: then until the next point,
// so that what is kept is where a curve goes on. keep is called after each
// judgement.
func (s *session) learn(outer context.Context, progress func(Point), keep func() error) error {
	ctx, end := context.WithCancelCause(context.WithoutCancel(outer))
	defer end(nil)
	taken := 0
	if n := len(s.points); n > 0 {
		taken = s.points[n-1].Steps
	}
	var fault error
	err := s.learner.Learn(ctx, s.env, s.cfg.Steps-taken, func(p rl.Progress) {
		point := Point{Seed: s.seed, Progress: p}
		s.episodes += p.Episodes
		last := p.Steps >= s.cfg.Steps || s.cfg.Episodes > 0 && s.episodes >= s.cfg.Episodes
		before := 0
		if n := len(s.points); n > 0 {
			before = s.points[n-1].Steps
		}
		due := p.Steps*s.cfg.Judgements/s.cfg.Steps > before*s.cfg.Judgements/s.cfg.Steps
		if s.cfg.Environment == onScaling && (last || due) {
			s.judge(&point)
		}
		s.points = append(s.points, point)
		s.ended = s.ended || last
		if (last || due) && fault == nil {
			if fault = keep(); fault != nil {
				end(fault)
			}
		}
		progress(point)
		switch {
		case last:
			end(errEnough)
		case outer.Err() != nil:
			end(outer.Err())
		}
	})
	switch {
	case fault != nil:
		return fault
	case errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errEnough):
		return nil
	case err == nil && !s.ended: // an algorithm that reports seldom
		s.ended = true
		return s.finish()
	case err != nil && ctx.Err() == nil && s.best != nil: // it diverged
		s.ended, s.failed = true, err.Error()
		return nil
	}
	return err
}

// finish judges what was learned after the last point. A training that was too short
// for any has one, of its end.
func (s *session) finish() error {
	if len(s.points) == 0 {
		end := rl.Progress{Steps: s.cfg.Steps, Return: math.NaN(), Length: math.NaN()}
		s.points = []Point{{Seed: s.seed, Progress: end}}
	}
	if s.cfg.Environment == onScaling {
		s.judge(&s.points[len(s.points)-1])
	}
	return nil
}

// judge judges the policy as it is, and remembers the best.
func (s *session) judge(point *Point) {
	v := s.consider(s.learner.Policy())
	point.Verdict = &v
}

// consider judges a net, and keeps it if it is the best so far.
func (s *session) consider(net *neural.Net) Verdict {
	v := s.ground.judge(s.cfg.Scaling.Actions, net, float64(s.cfg.Care))
	if s.best == nil || v.OverBase < s.verdict.OverBase {
		s.best, s.verdict = append([]float32(nil), net.Parameters()...), v
	}
	return v
}

// model is the best that was learned, as a file has it.
func (s *session) model() (*learned.Model, error) {
	net := s.learner.Policy()
	if s.best != nil {
		copy(net.Parameters(), s.best)
	}
	scene := s.cfg.Scaling
	scene.Seed = s.seed
	features, err := scaling.Survey(s.ground.Train, scene, 100_000)
	if err != nil {
		return nil, err
	}
	config, err := s.cfg.JSON()
	if err != nil {
		return nil, err
	}
	steps := 0
	if n := len(s.points); n > 0 {
		steps = s.points[n-1].Steps
	}
	v := s.verdict
	return &learned.Model{
		Net: net, Actions: s.cfg.Scaling.Actions, Features: features,
		Origin: learned.Origin{
			Algorithm: s.cfg.Algorithm, Base: "predictive", Seed: s.seed, Steps: steps, Config: config,
			Description: fmt.Sprintf("%s over predictive, best of %d judgements", s.cfg.Algorithm, s.cfg.Judgements),
			Training: map[string]float64{"cost over base": v.OverBase, "replicas over base": v.Replicas,
				"violations": v.Violations, "violations of base": v.BaseViolations, "regret": v.Regret, "regret of base": v.BaseRegret},
		},
	}, nil
}
