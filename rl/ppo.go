package rl

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/neural"
)

// PPO is proximal policy optimisation: act for a while, then improve the policy
// by several passes over what happened, but never far from the policy that acted.
//
// With ρ = π(a|s)/π_old(a|s), Â the advantage estimates (rollout.go), made of
// mean 0 and deviation 1 within a minibatch, each minibatch descends
//
//	L = mean[ max(−Â·ρ, −Â·clip(ρ, 1−ε, 1+ε)) ]            the clipped surrogate
//	  + c_v · mean[ ½·max((V−R̂)², (V_clip−R̂)²) ]           V_clip = V_old + clip(V−V_old, −ε, ε)
//	  − c_e · mean[ H(π) ]
//
// Sources: Schulman, Wolski, Dhariwal, Radford and Klimov, "Proximal Policy
// Optimization Algorithms", arXiv:1707.06347, eq. 7 and 9; the details that make
// it work: Huang et al., "The 37 Implementation Details of Proximal Policy
// Optimization", ICLR Blog Track 2022, the 13 of the core; the reference
// implementation is CleanRL's ppo.py. It differs in one point: a truncated
// episode is worth what the critic says of its last observation, not 0.
type PPO struct {
	session
	config   PPOConfig
	ac       *actorCritic
	rollout  *rollout
	backprop *backprop
	actor    *neural.Adam // two, but with one clipped gradient: the same as one over both nets
	critic   *neural.Adam

	order      []int     // of the rollout's rows, shuffled
	normalized []float32 // Â of the minibatch that is learned, by row
}

var _ Learner = (*PPO)(nil)

// PPOConfig is the hyper-parameters.
type PPOConfig struct {
	Seed       uint64
	Hidden     []int // sizes of the hidden layers, of actor and critic each
	Activation neural.Activation

	Rate    float64 // of Adam, at the beginning
	Horizon int     // steps of all copies after which the rate has fallen to 0; 0: it stays
	Epsilon float64 // of Adam

	Steps       int // of each copy between two updates
	Epochs      int // passes over them
	Minibatches int // that a pass is cut into

	Discount    float64 // γ
	Lambda      float64 // λ of the advantage estimates
	Clip        float64 // ε
	ClipValue   bool    // clip the critic's loss too
	Entropy     float64 // c_e
	ValueWeight float64 // c_v
	MaxNorm     float64 // length that a gradient is clipped to
	TargetKL    float64 // ends an update when the policy is that far from the old one; 0: never
}

// DefaultPPO is the reference's hyper-parameters, which are for 4 copies. The
// reference anneals over the whole training: set Horizon to its steps.
func DefaultPPO() PPOConfig {
	return PPOConfig{
		Seed: 1, Hidden: []int{64, 64}, Activation: neural.Tanh,
		Rate: 2.5e-4, Epsilon: 1e-5,
		Steps: 128, Epochs: 4, Minibatches: 4,
		Discount: 0.99, Lambda: 0.95, Clip: 0.2, ClipValue: true,
		Entropy: 0.01, ValueWeight: 0.5, MaxNorm: 0.5,
	}
}

// Validate says what of the configuration is impossible, all of it.
func (c PPOConfig) Validate() error {
	return errors.Join(
		positive("Rate", c.Rate), positive("Epsilon", c.Epsilon), positive("MaxNorm", c.MaxNorm), positive("Clip", c.Clip),
		share("Discount", c.Discount), share("Lambda", c.Lambda),
		notNegative("Entropy", c.Entropy), notNegative("ValueWeight", c.ValueWeight), notNegative("TargetKL", c.TargetKL),
		atLeast("Horizon", c.Horizon, 0), atLeast("Steps", c.Steps, 1), atLeast("Epochs", c.Epochs, 1),
		atLeast("Minibatches", c.Minibatches, 1),
	)
}

// FitsCopies says whether there is a row for each minibatch.
func (c PPOConfig) FitsCopies(copies int) error {
	if c.Minibatches > c.Steps*copies {
		return fmt.Errorf("%d minibatches of %d steps of %d copies: one would be empty", c.Minibatches, c.Steps, copies)
	}
	return nil
}

// NewPPO is a learner for environments of env's sizes. It does not act in env yet.
func NewPPO(config PPOConfig, env Environment) (*PPO, error) {
	if err := errors.Join(config.Validate(), sizesOf(env).validate()); err != nil {
		return nil, fmt.Errorf("ppo: %w", err)
	}
	p := &PPO{session: newSession(env, config.Seed), config: config}
	var err error
	if p.ac, err = newActorCritic(p.sizes, config.Hidden, config.Activation, p.random); err != nil {
		return nil, fmt.Errorf("ppo: %w", err)
	}
	if err := config.FitsCopies(p.Copies); err != nil {
		return nil, fmt.Errorf("ppo: %w", err)
	}
	rows := config.Steps * p.Copies
	p.rollout = newRollout(config.Steps, p.sizes)
	p.backprop = newBackprop(p.ac, (rows+config.Minibatches-1)/config.Minibatches)
	p.actor = neural.NewAdam(len(p.ac.actor.Parameters()), config.Epsilon)
	p.critic = neural.NewAdam(len(p.ac.critic.Parameters()), config.Epsilon)
	p.order, p.normalized = make([]int, rows), make([]float32, rows)
	return p, nil
}

// Learn implements [Learner].
func (p *PPO) Learn(ctx context.Context, env Environment, steps int, progress func(Progress)) error {
	if _, err := p.begin(env); err != nil {
		return fmt.Errorf("ppo: %w", err)
	}
	for end := p.steps + steps; p.steps < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rate := p.annealed(p.config.Rate, p.config.Horizon)
		if err := p.rollout.collect(&p.session, p.ac); err != nil {
			return fmt.Errorf("ppo: %w", err)
		}
		p.rollout.estimate(p.config.Discount, p.config.Lambda)
		sums, err := p.improve(rate)
		if err != nil {
			return fmt.Errorf("ppo: %w", err)
		}
		p.updates++
		if progress != nil {
			progress(p.progress(p.figures(sums, rate)...))
		}
	}
	return nil
}

// improve makes the passes over the rollout.
func (p *PPO) improve(rate float64) (tally, error) {
	var all tally
	for i := range p.order {
		p.order[i] = i
	}
	for range p.config.Epochs {
		p.random.Shuffle(len(p.order), func(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] })
		var epoch tally
		for m := range p.config.Minibatches {
			rows := p.order[m*len(p.order)/p.config.Minibatches : (m+1)*len(p.order)/p.config.Minibatches]
			sums, err := p.descend(rows, rate)
			if err != nil {
				return all, err
			}
			epoch.add(sums)
		}
		all.add(epoch)
		if p.config.TargetKL > 0 && epoch.kl/epoch.rows > p.config.TargetKL {
			break
		}
	}
	return all, nil
}

// descend takes one step down the loss of a minibatch.
func (p *PPO) descend(rows []int, rate float64) (tally, error) {
	p.normalize(rows)
	actor, critic, sums := p.backprop.gradient(p.rollout, rows, p.loss)
	if norm := neural.ClipNorm(p.config.MaxNorm, actor, critic); math.IsNaN(norm) || math.IsInf(norm, 0) {
		return sums, fmt.Errorf("step %d: the gradient's length is %v; a smaller Rate, or rewards of a smaller scale", p.steps, norm)
	}
	p.actor.Step(p.ac.actor.Parameters(), actor, rate)
	p.critic.Step(p.ac.critic.Parameters(), critic, rate)
	return sums, nil
}

// normalize gives the advantages of a minibatch mean 0 and deviation 1.
func (p *PPO) normalize(rows []int) {
	batch := make([]float32, len(rows))
	for i, row := range rows {
		batch[i] = p.rollout.advantages[row]
	}
	mean, variance := meanAndVariance(batch)
	for i, row := range rows {
		p.normalized[row] = float32((float64(batch[i]) - mean) / (math.Sqrt(variance) + 1e-8))
	}
}

// loss is the derivative of L by the logits and the value of one row.
func (p *PPO) loss(row int, draw *distribution, value float64, logits []float32, sums *tally) (byValue float64) {
	action, advantage := p.rollout.taken[row], float64(p.normalized[row])
	logRatio := draw.logs[action] - p.rollout.logs[row]
	ratio := math.Exp(logRatio)
	clipped := min(max(ratio, 1-p.config.Clip), 1+p.config.Clip)

	// ∂(−Â·ρ)/∂log π = −Â·ρ; where the clipped term is the larger, it is a constant.
	weight := -advantage * ratio
	if -advantage*clipped > weight {
		weight = 0
	}
	draw.gradient(logits, action, weight, -p.config.Entropy)

	sums.policy += max(-advantage*ratio, -advantage*clipped)
	sums.entropy += draw.entropy
	sums.kl += ratio - 1 - logRatio // ≥ 0, and its mean over π_old is KL(π_old‖π) (Schulman, "Approximating KL Divergence", 2020)
	if clipped != ratio {
		sums.clipped++
	}
	return p.config.ValueWeight * p.valueLoss(row, value, sums)
}

// valueLoss is the derivative of ½·max((V−R̂)², (V_clip−R̂)²) by V.
func (p *PPO) valueLoss(row int, value float64, sums *tally) float64 {
	target, old := float64(p.rollout.returns[row]), float64(p.rollout.values[row])
	off := value - target
	if p.config.ClipValue {
		near := old + min(max(value-old, -p.config.Clip), p.config.Clip)
		if clippedOff := near - target; clippedOff*clippedOff > off*off {
			sums.value += clippedOff * clippedOff / 2
			return 0 // V_clip does not move with V where it is the larger
		}
	}
	sums.value += off * off / 2
	return off
}

func (p *PPO) figures(sums tally, rate float64) []Figure {
	n := sums.rows
	return []Figure{
		{"policy loss", sums.policy / n}, {"value loss", sums.value / n}, {"entropy", sums.entropy / n},
		{"KL", sums.kl / n}, {"clip fraction", sums.clipped / n},
		{"explained variance", p.rollout.explainedVariance()}, {"learning rate", rate},
	}
}

// Policy implements [Learner]: the actor, whose outputs are logits.
func (p *PPO) Policy() *neural.Net { return p.ac.actor.Clone() }

// Adopt starts from a policy, one that was cloned for example.
func (p *PPO) Adopt(policy *neural.Net) error { return p.ac.adopt(policy) }

// ppoState is what a checkpoint holds besides the session.
type ppoState struct {
	Actor, Critic         []float32
	ActorAdam, CriticAdam neural.Adam
}

// Checkpoint implements [Learner].
func (p *PPO) Checkpoint() ([]byte, error) {
	return p.save("ppo", p.config, ppoState{p.ac.actor.Parameters(), p.ac.critic.Parameters(), *p.actor, *p.critic})
}

// Resume implements [Learner].
func (p *PPO) Resume(checkpoint []byte) error {
	var s ppoState
	return p.load(checkpoint, "ppo", p.config, &s, func() error {
		err := restore(into{p.ac.actor.Parameters(), s.Actor}, into{p.ac.critic.Parameters(), s.Critic},
			into{p.actor.M, s.ActorAdam.M}, into{p.actor.V, s.ActorAdam.V},
			into{p.critic.M, s.CriticAdam.M}, into{p.critic.V, s.CriticAdam.V})
		if err == nil {
			p.actor.Steps, p.critic.Steps = s.ActorAdam.Steps, s.CriticAdam.Steps
		}
		return err
	})
}
