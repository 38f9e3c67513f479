package rl

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/neural"
)

// DQN learns what each action is worth, Q(s,a), and acts by the largest. With
// n-step rewards R = Σ_{i<n} γⁱ·rₜ₊ᵢ, weights w of the replay (replay.go), Q of
// the net that learns and Q⁻ of a copy that is renewed from time to time, each
// update descends
//
//	δ = R + γⁿ·Q⁻(sₜ₊ₙ, argmax_{a allowed} Q(sₜ₊ₙ, a)) − Q(sₜ,aₜ)      double: one net chooses, the other judges
//	L = mean[ w · ½δ² ]
//	Q(s,a) = V(s) + A(s,a) − mean_b A(s,b)                             dueling
//
// where γⁿ·Q⁻ is 0 if the episode terminated on the way; if it was truncated
// after k ≤ n steps it is γᵏ·Q⁻ of its last observation, among what was allowed there.
//
// Sources: Mnih et al., "Human-level control through deep reinforcement
// learning", Nature 518, 2015, algorithm 1; double: van Hasselt, Guez and Silver,
// AAAI 2016, eq. 4; dueling: Wang et al., ICML 2016, eq. 9; prioritised replay:
// Schaul et al., ICLR 2016; n steps, and all of them together: Hessel et al.,
// "Rainbow", AAAI 2018. Sizes, rates and the square of δ are those of CleanRL's
// dqn.py, priorities and n those of Rainbow. Clipping δ to ±1, as Mnih et al. do
// for rewards of that size, would weigh the end of an episode, where a value of
// 100 turns out to be 1, like any step before it: Q then rises far above its bound.
type DQN struct {
	session
	config DQNConfig

	online, target                   *neural.Net // with the dueling head unfolded: V, then A of each action
	onlineInference, targetInference *neural.Inference
	adam                             *neural.Adam
	replay                           *replay
	windows                          windows
	team                             *neural.Team
	pieces                           []*qPiece
	batch                            *batch

	q     []float32 // copies × (1 + actions)
	taken []int     // the actions of copies
	sums  qTally
}

var _ Learner = (*DQN)(nil)

// DQNConfig is the hyper-parameters. Steps are those of all copies together.
type DQNConfig struct {
	Seed       uint64
	Hidden     []int // sizes of the hidden layers
	Activation neural.Activation

	Rate    float64 // of Adam
	Epsilon float64 // of Adam
	Horizon int     // steps that training is planned for: exploration and β follow it

	Buffer      int // transitions that are remembered
	Batch       int // transitions of an update
	Start       int // steps before the first update
	Every       int // steps between two updates
	TargetEvery int // steps between two renewals of the target net

	Discount float64 // γ
	NSteps   int     // n
	MaxNorm  float64 // length that a gradient is clipped to; 10 as for the dueling nets of Wang et al.

	ExploreFrom  float64 // share of random actions at the beginning
	ExploreTo    float64 // and in the end
	ExploreShare float64 // of the horizon, in which it falls from one to the other

	Priority float64 // α: 0 draws all alike, 1 in proportion to |δ|
	Beta     float64 // β at the beginning, how much of the draw's bias is undone; 1 at the horizon
}

// DefaultDQN is the reference's hyper-parameters; Horizon is that of CleanRL's
// CartPole. The reference has 1 copy.
func DefaultDQN() DQNConfig {
	return DQNConfig{
		Seed: 1, Hidden: []int{120, 84}, Activation: neural.ReLU,
		Rate: 2.5e-4, Epsilon: 1e-8, Horizon: 500_000,
		Buffer: 10_000, Batch: 128, Start: 10_000, Every: 10, TargetEvery: 500,
		Discount: 0.99, NSteps: 3, MaxNorm: 10,
		ExploreFrom: 1, ExploreTo: 0.05, ExploreShare: 0.5,
		Priority: 0.5, Beta: 0.4,
	}
}

// Validate says what of the configuration is impossible, all of it.
func (c DQNConfig) Validate() error {
	err := errors.Join(
		positive("Rate", c.Rate), positive("Epsilon", c.Epsilon), positive("MaxNorm", c.MaxNorm),
		share("Discount", c.Discount), share("ExploreFrom", c.ExploreFrom), share("ExploreTo", c.ExploreTo),
		share("ExploreShare", c.ExploreShare), share("Priority", c.Priority), share("Beta", c.Beta),
		atLeast("Horizon", c.Horizon, 1), atLeast("Batch", c.Batch, 1), atLeast("Buffer", c.Buffer, 1),
		atLeast("Every", c.Every, 1), atLeast("TargetEvery", c.TargetEvery, 1), atLeast("NSteps", c.NSteps, 1),
	)
	if c.Buffer < c.Batch || c.Start < c.Batch {
		err = errors.Join(err, fmt.Errorf("buffer %d and start %d: must be at least the batch of %d", c.Buffer, c.Start, c.Batch))
	}
	return err
}

// NewDQN is a learner for environments of env's sizes. It does not act in env yet.
func NewDQN(config DQNConfig, env Environment) (*DQN, error) {
	if err := errors.Join(config.Validate(), sizesOf(env).validate()); err != nil {
		return nil, fmt.Errorf("dqn: %w", err)
	}
	d := &DQN{session: newSession(env, config.Seed), config: config}
	online, err := perceptron(d.Width, config.Hidden, config.Activation, 1+d.Actions, 1)
	if err != nil {
		return nil, fmt.Errorf("dqn: %w", err)
	}
	online.Initialize(d.random)
	d.online, d.target = online, online.Clone()
	d.onlineInference, d.targetInference = d.online.NewInference(), d.target.NewInference()
	d.adam = neural.NewAdam(len(online.Parameters()), config.Epsilon)
	d.replay = newReplay(config.Buffer, d.sizes)
	d.windows = newWindows(config.NSteps, config.Discount, d.sizes)
	d.batch = newBatch(config.Batch, d.sizes)
	d.team = neural.NewTeam(func(_, part int) { d.run(part) })
	for range partsOf(config.Batch) {
		d.pieces = append(d.pieces, newQPiece(online, config.Batch))
	}
	d.q, d.taken = make([]float32, d.Copies*(1+d.Actions)), make([]int, d.Copies)
	return d, nil
}

// reportEvery is how many updates a point of the learning curves is made of.
const reportEvery = 100

// Learn implements [Learner]. progress hears of every hundredth update.
func (d *DQN) Learn(ctx context.Context, env Environment, steps int, progress func(Progress)) error {
	anew, err := d.begin(env)
	if err != nil {
		return fmt.Errorf("dqn: %w", err)
	}
	if anew {
		d.windows.clear()
	}
	for end := d.steps + steps; d.steps < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		reported := d.updates / reportEvery
		if err := d.actAndLearn(); err != nil {
			return fmt.Errorf("dqn: %w", err)
		}
		if d.updates/reportEvery > reported {
			point := d.progress(d.figures()...)
			d.sums = qTally{}
			if progress != nil {
				progress(point)
			}
		}
	}
	return nil
}

// actAndLearn takes a step in each copy and makes the updates that are due.
func (d *DQN) actAndLearn() error {
	if err := d.act(); err != nil {
		return err
	}
	for d.steps >= d.config.Start && d.replay.Filled >= d.config.Batch && d.updates <= (d.steps-d.config.Start)/d.config.Every {
		if err := d.improve(); err != nil {
			return err
		}
		d.updates++
	}
	if d.steps/d.config.TargetEvery > (d.steps-d.Copies)/d.config.TargetEvery {
		copy(d.target.Parameters(), d.online.Parameters())
	}
	return nil
}

// act takes the best action of each copy, or now and then any that is allowed,
// and remembers what came of it.
func (d *DQN) act() error {
	d.onlineInference.Infer(d.step.Observations, d.q)
	explore := d.exploration()
	for c := range d.taken {
		allowed := d.step.Allowed[c*d.Actions : (c+1)*d.Actions]
		// V is the same for all actions: the best A is the best Q.
		d.taken[c] = Best(d.q[c*(1+d.Actions)+1:(c+1)*(1+d.Actions)], allowed)
		if d.random.Float64() < explore || d.taken[c] < 0 {
			d.taken[c] = d.anyAllowed(allowed)
		}
	}
	d.windows.begin(d.step.Observations, d.taken)
	if err := d.session.act(d.taken); err != nil {
		return err
	}
	d.windows.end(d.step, d.replay)
	return nil
}

// exploration is the share of random actions now.
func (d *DQN) exploration() float64 {
	fall := d.config.ExploreShare * float64(d.config.Horizon)
	if float64(d.steps) >= fall {
		return d.config.ExploreTo
	}
	return d.config.ExploreFrom + (d.config.ExploreTo-d.config.ExploreFrom)*float64(d.steps)/fall
}

// anyAllowed draws one of the allowed actions, all alike.
func (d *DQN) anyAllowed(allowed []bool) int {
	count := 0
	for _, ok := range allowed {
		if ok {
			count++
		}
	}
	for rest, a := d.random.IntN(count), 0; ; a++ {
		if allowed[a] {
			if rest == 0 {
				return a
			}
			rest--
		}
	}
}

// improve makes one update from a batch of the replay.
func (d *DQN) improve() error {
	beta := d.config.Beta + (1-d.config.Beta)*min(1, float64(d.steps)/float64(d.config.Horizon))
	d.replay.sample(d.batch, beta, d.random)
	d.judge(d.batch)
	gradient := d.gradient()
	if norm := neural.ClipNorm(d.config.MaxNorm, gradient); math.IsNaN(norm) || math.IsInf(norm, 0) {
		return fmt.Errorf("step %d: the gradient's length is %v; a smaller Rate, or rewards of a smaller scale", d.steps, norm)
	}
	d.adam.Step(d.online.Parameters(), gradient, d.config.Rate)
	d.replay.learned(d.batch, d.config.Priority)
	return nil
}

// gradient is that of the loss over the batch, computed in parts.
func (d *DQN) gradient() []float32 {
	parts := partsOf(d.config.Batch)
	d.team.Run(parts)
	first := d.pieces[0]
	d.sums.add(first.sums)
	for _, p := range d.pieces[1:parts] {
		neural.Add(first.gradient, p.gradient)
		d.sums.add(p.sums)
	}
	return first.gradient
}

// judge computes what each Q(s,a) of the batch ought to be:
// R + γⁿ·Q⁻(s′, argmax_a Q(s′,a)).
func (d *DQN) judge(b *batch) {
	d.onlineInference.Infer(b.next, b.nextQ)
	d.targetInference.Infer(b.next, b.nextTargetQ)
	for i := range b.rows {
		b.targets[i] = float64(b.rewards[i])
		if b.discounts[i] > 0 {
			at := i * (1 + d.Actions)
			best := Best(b.nextQ[at+1:at+1+d.Actions], b.allowed[i*d.Actions:(i+1)*d.Actions])
			if best < 0 {
				best = 0 // the net is NaN; the gradient will be too, and is refused
			}
			b.targets[i] += float64(b.discounts[i]) * dueling(b.nextTargetQ[at:at+1+d.Actions], best)
		}
	}
}

// qPiece is the memory of one part of a batch.
type qPiece struct {
	workspace          *neural.Workspace
	byOutput, gradient []float32
	sums               qTally
}

func newQPiece(net *neural.Net, rows int) *qPiece {
	return &qPiece{workspace: net.NewWorkspace(rows), byOutput: make([]float32, rows*net.Outputs()),
		gradient: make([]float32, len(net.Parameters()))}
}

// qTally is sums over rows of what the learning curves show.
type qTally struct{ Rows, Loss, Q, Error float64 }

func (t *qTally) add(o qTally) {
	t.Rows += o.Rows
	t.Loss += o.Loss
	t.Q += o.Q
	t.Error += o.Error
}

// run computes the gradient of one part of the batch:
// ∂L/∂Q = −w·δ, ∂Q/∂V = 1, ∂Q/∂A(b) = 1{a=b} − 1/|A|.
func (d *DQN) run(part int) {
	p, b, parts := d.pieces[part], d.batch, partsOf(d.config.Batch)
	from, to := part*len(b.rows)/parts, (part+1)*len(b.rows)/parts
	out := d.online.Forward(p.workspace, b.observations[from*d.Width:], to-from)
	p.sums = qTally{Rows: float64(to - from)}
	width := 1 + d.Actions
	for i := from; i < to; i++ {
		row, by := out[(i-from)*width:(i-from+1)*width], p.byOutput[(i-from)*width:(i-from+1)*width]
		q := dueling(row, b.actions[i])
		off := b.targets[i] - q
		b.errors[i] = off
		slope := float32(-b.weights[i] * off / float64(len(b.rows)))
		for a := range d.Actions {
			by[1+a] = -slope / float32(d.Actions)
		}
		by[0] = slope
		by[1+b.actions[i]] += slope
		p.sums.Loss += b.weights[i] * off * off / 2
		p.sums.Q += q
		p.sums.Error += math.Abs(off)
	}
	clear(p.gradient)
	d.online.Backward(p.workspace, p.byOutput, p.gradient)
}

func (d *DQN) figures() []Figure {
	n := d.sums.Rows
	return []Figure{{"loss", d.sums.Loss / n}, {"Q", d.sums.Q / n}, {"TD error", d.sums.Error / n}, {"exploration", d.exploration()}}
}

// Policy implements [Learner]: its outputs are Q of each action.
func (d *DQN) Policy() *neural.Net { return folded(d.online) }

// dqnState is what a checkpoint holds besides the session.
type dqnState struct {
	Online, Target []float32
	Adam           neural.Adam
	Replay         replay
	Windows        windows
	Sums           qTally
}

// Checkpoint implements [Learner].
func (d *DQN) Checkpoint() ([]byte, error) {
	return d.save("dqn", d.config, dqnState{d.online.Parameters(), d.target.Parameters(), *d.adam, *d.replay, d.windows, d.sums})
}

// Resume implements [Learner].
func (d *DQN) Resume(checkpoint []byte) error {
	var s dqnState
	return d.load(checkpoint, "dqn", d.config, &s, func() error {
		if !d.replay.sameSize(&s.Replay) || !d.windows.sameSize(&s.Windows) {
			return errors.New("its replay is of another size")
		}
		err := restore(into{d.online.Parameters(), s.Online}, into{d.target.Parameters(), s.Target},
			into{d.adam.M, s.Adam.M}, into{d.adam.V, s.Adam.V})
		if err == nil {
			d.adam.Steps, d.sums = s.Adam.Steps, s.Sums
			*d.replay, d.windows = s.Replay, s.Windows
		}
		return err
	})
}
