package rl

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/neural"
)

// A2C is the synchronous advantage actor-critic: act for a few steps in many
// copies, take one step up the policy gradient, forget them.
//
// With R̂ the n-step returns and Â = R̂ − V (rollout.go; λ = 1), each update descends
//
//	L = −mean[ Â·log π(a|s) ] + c_v · mean[ (R̂−V)² ] − c_e · mean[ H(π) ]
//
// Sources: Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning",
// ICML 2016, section 4 and algorithm S3, made synchronous; the reference
// implementation and its hyper-parameters are Stable-Baselines3's a2c.py, with
// PyTorch's RMSprop. It is PPO with one epoch, one minibatch and no clipping
// (Huang et al., "A2C is a special case of PPO", arXiv:2205.09123).
type A2C struct {
	session
	config   A2CConfig
	ac       *actorCritic
	rollout  *rollout
	backprop *backprop
	actor    *neural.RMSProp
	critic   *neural.RMSProp
	rows     []int // 0, 1, 2 …: all of the rollout
}

var _ Learner = (*A2C)(nil)

// A2CConfig is the hyper-parameters.
type A2CConfig struct {
	Seed       uint64
	Hidden     []int // sizes of the hidden layers, of actor and critic each
	Activation neural.Activation

	Rate    float64 // of RMSprop, at the beginning
	Horizon int     // steps of all copies after which the rate has fallen to 0; 0: it stays
	Epsilon float64 // of RMSprop

	Steps       int     // of each copy between two updates: n
	Discount    float64 // γ
	Lambda      float64 // λ of the advantage estimates
	Entropy     float64 // c_e
	ValueWeight float64 // c_v
	MaxNorm     float64 // length that a gradient is clipped to
}

// DefaultA2C is the reference's hyper-parameters; 16 copies are usual.
func DefaultA2C() A2CConfig {
	return A2CConfig{
		Seed: 1, Hidden: []int{64, 64}, Activation: neural.Tanh,
		Rate: 7e-4, Epsilon: 1e-5,
		Steps: 5, Discount: 0.99, Lambda: 1,
		ValueWeight: 0.5, MaxNorm: 0.5,
	}
}

// Validate says what of the configuration is impossible, all of it.
func (c A2CConfig) Validate() error {
	return errors.Join(
		positive("Rate", c.Rate), positive("Epsilon", c.Epsilon), positive("MaxNorm", c.MaxNorm),
		share("Discount", c.Discount), share("Lambda", c.Lambda),
		notNegative("Entropy", c.Entropy), notNegative("ValueWeight", c.ValueWeight),
		atLeast("Horizon", c.Horizon, 0), atLeast("Steps", c.Steps, 1),
	)
}

// NewA2C is a learner for environments of env's sizes. It does not act in env yet.
func NewA2C(config A2CConfig, env Environment) (*A2C, error) {
	if err := errors.Join(config.Validate(), sizesOf(env).validate()); err != nil {
		return nil, fmt.Errorf("a2c: %w", err)
	}
	a := &A2C{session: newSession(env, config.Seed), config: config}
	var err error
	if a.ac, err = newActorCritic(a.sizes, config.Hidden, config.Activation, a.random); err != nil {
		return nil, fmt.Errorf("a2c: %w", err)
	}
	a.rollout = newRollout(config.Steps, a.sizes)
	a.backprop = newBackprop(a.ac, a.rollout.rows())
	a.actor = neural.NewRMSProp(len(a.ac.actor.Parameters()), config.Epsilon)
	a.critic = neural.NewRMSProp(len(a.ac.critic.Parameters()), config.Epsilon)
	for row := range a.rollout.rows() {
		a.rows = append(a.rows, row)
	}
	return a, nil
}

// Learn implements [Learner].
func (a *A2C) Learn(ctx context.Context, env Environment, steps int, progress func(Progress)) error {
	if _, err := a.begin(env); err != nil {
		return fmt.Errorf("a2c: %w", err)
	}
	for end := a.steps + steps; a.steps < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rate := a.annealed(a.config.Rate, a.config.Horizon)
		if err := a.rollout.collect(&a.session, a.ac); err != nil {
			return fmt.Errorf("a2c: %w", err)
		}
		a.rollout.estimate(a.config.Discount, a.config.Lambda)
		sums, err := a.descend(rate)
		if err != nil {
			return fmt.Errorf("a2c: %w", err)
		}
		a.updates++
		if progress != nil {
			progress(a.progress(a.figures(sums, rate)...))
		}
	}
	return nil
}

// descend takes one step down the loss of the rollout.
func (a *A2C) descend(rate float64) (tally, error) {
	actor, critic, sums := a.backprop.gradient(a.rollout, a.rows, a.loss)
	if norm := neural.ClipNorm(a.config.MaxNorm, actor, critic); math.IsNaN(norm) || math.IsInf(norm, 0) {
		return sums, fmt.Errorf("step %d: the gradient's length is %v; a smaller Rate, or rewards of a smaller scale", a.steps, norm)
	}
	a.actor.Step(a.ac.actor.Parameters(), actor, rate)
	a.critic.Step(a.ac.critic.Parameters(), critic, rate)
	return sums, nil
}

// loss is the derivative of L by the logits and the value of one row. Since one
// update follows each rollout, the actor still is the one that acted, and V the
// critic's word from then.
func (a *A2C) loss(row int, draw *distribution, value float64, logits []float32, sums *tally) (byValue float64) {
	action, advantage := a.rollout.taken[row], float64(a.rollout.advantages[row])
	off := value - float64(a.rollout.returns[row])
	draw.gradient(logits, action, -advantage, -a.config.Entropy)

	sums.policy += -advantage * draw.logs[action]
	sums.value += off * off
	sums.entropy += draw.entropy
	return a.config.ValueWeight * 2 * off
}

func (a *A2C) figures(sums tally, rate float64) []Figure {
	return []Figure{
		{"policy loss", sums.policy / sums.rows}, {"value loss", sums.value / sums.rows},
		{"entropy", sums.entropy / sums.rows}, {"explained variance", a.rollout.explainedVariance()}, {"learning rate", rate},
	}
}

// Policy implements [Learner]: the actor, whose outputs are logits.
func (a *A2C) Policy() *neural.Net { return a.ac.actor.Clone() }

// Adopt starts from a policy, one that was cloned for example.
func (a *A2C) Adopt(policy *neural.Net) error { return a.ac.adopt(policy) }

// a2cState is what a checkpoint holds besides the session.
type a2cState struct{ Actor, Critic, ActorV, CriticV []float32 }

// Checkpoint implements [Learner].
func (a *A2C) Checkpoint() ([]byte, error) {
	return a.save("a2c", a.config, a2cState{a.ac.actor.Parameters(), a.ac.critic.Parameters(), a.actor.V, a.critic.V})
}

// Resume implements [Learner].
func (a *A2C) Resume(checkpoint []byte) error {
	var s a2cState
	return a.load(checkpoint, "a2c", a.config, &s, func() error {
		return restore(into{a.ac.actor.Parameters(), s.Actor}, into{a.ac.critic.Parameters(), s.Critic},
			into{a.actor.V, s.ActorV}, into{a.critic.V, s.CriticV})
	})
}
