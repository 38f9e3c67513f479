package rl

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/flyball-io/flyball/neural"
)

// actorCritic is the two nets of PPO and A2C, apart from each other: the actor
// says a logit per action, the critic what is still to come.
type actorCritic struct {
	actor, critic                   *neural.Net
	actorInference, criticInference *neural.Inference

	draw   *distribution
	logits []float32 // copies × actions
	values []float32 // copies
}

// newActorCritic draws nets as the references of PPO and A2C do: orthogonal, √2
// in the hidden layers; 0.01 for the actor's last, so that all actions begin
// almost equally likely; 1 for the critic's.
func newActorCritic(s sizes, hidden []int, activation neural.Activation, random *rand.Rand) (*actorCritic, error) {
	actor, err := perceptron(s.Width, hidden, activation, s.Actions, 0.01)
	if err != nil {
		return nil, err
	}
	critic, err := perceptron(s.Width, hidden, activation, 1, 1)
	if err != nil {
		return nil, err
	}
	actor.Initialize(random)
	critic.Initialize(random)
	return &actorCritic{
		actor: actor, critic: critic,
		actorInference: actor.NewInference(), criticInference: critic.NewInference(),
		draw: newDistribution(s.Actions), logits: make([]float32, s.Copies*s.Actions), values: make([]float32, s.Copies),
	}, nil
}

// perceptron is hidden layers of one activation, and a last one without.
func perceptron(inputs int, hidden []int, activation neural.Activation, outputs int, gain float32) (*neural.Net, error) {
	var layers []neural.Layer
	for _, size := range hidden {
		layers = append(layers, neural.Layer{Outputs: size, Activation: activation, Gain: math.Sqrt2})
	}
	return neural.New(inputs, append(layers, neural.Layer{Outputs: outputs, Gain: gain})...)
}

// infer fills ac.logits, and values with what the critic says.
func (ac *actorCritic) infer(observations, values []float32) {
	ac.actorInference.Infer(observations, ac.logits)
	ac.criticInference.Infer(observations, values)
}

// adopt makes policy the actor.
func (ac *actorCritic) adopt(policy *neural.Net) error {
	if !ac.actor.SameShape(policy) {
		return fmt.Errorf("adopt a policy of %d inputs and layers %v: the actor has %d and %v",
			policy.Inputs(), policy.Layers(), ac.actor.Inputs(), ac.actor.Layers())
	}
	copy(ac.actor.Parameters(), policy.Parameters())
	return nil
}

// rowLoss is one row's part of a loss. draw is what the actor would do now in
// the row's state, value what the critic says now. It writes ∂loss/∂logits,
// returns ∂loss/∂value, and adds to the sums what is to be seen of it.
type rowLoss func(row int, draw *distribution, value float64, logits []float32, sums *tally) (byValue float64)

// tally is sums over rows of what the learning curves show.
type tally struct{ rows, policy, value, entropy, kl, clipped float64 }

func (t *tally) add(o tally) {
	t.rows += o.rows
	t.policy += o.policy
	t.value += o.value
	t.entropy += o.entropy
	t.kl += o.kl
	t.clipped += o.clipped
}

// backprop computes the gradients of a loss over rows of a rollout. The rows are
// cut into parts that depend on their number alone, each part's gradient is
// computed on one core, and the parts are added in their order: more cores make
// it faster and change no bit.
type backprop struct {
	ac     *actorCritic
	team   *neural.Team
	pieces []*piece

	rollout *rollout // of the call that runs
	rows    []int
	parts   int
	loss    rowLoss
}

// piece is the memory of one part.
type piece struct {
	observations                  []float32
	actor, critic                 *neural.Workspace
	byLogits, byValue             []float32 // ∂loss/∂output
	actorGradient, criticGradient []float32
	draw                          *distribution
	sums                          tally
}

const (
	partRows = 64 // fewer are not worth a goroutine
	maxParts = 8
)

// newBackprop is for at most so many rows at once.
func newBackprop(ac *actorCritic, rows int) *backprop {
	b := &backprop{ac: ac}
	b.team = neural.NewTeam(func(_, part int) { b.run(part) })
	capacity := 2*partRows - 1
	if rows > maxParts*partRows {
		capacity = max(capacity, (rows+maxParts-1)/maxParts)
	}
	for range partsOf(rows) {
		b.pieces = append(b.pieces, &piece{
			observations: make([]float32, capacity*ac.actor.Inputs()),
			actor:        ac.actor.NewWorkspace(capacity), critic: ac.critic.NewWorkspace(capacity),
			byLogits: make([]float32, capacity*ac.actor.Outputs()), byValue: make([]float32, capacity),
			actorGradient:  make([]float32, len(ac.actor.Parameters())),
			criticGradient: make([]float32, len(ac.critic.Parameters())),
			draw:           newDistribution(ac.actor.Outputs()),
		})
	}
	return b
}

func partsOf(rows int) int { return min(max(1, rows/partRows), maxParts) }

// gradient is the mean of the loss's derivatives over the rows, by the actor's
// parameters and by the critic's; both are valid until the next call.
func (b *backprop) gradient(r *rollout, rows []int, loss rowLoss) (actor, critic []float32, sums tally) {
	b.rollout, b.rows, b.loss, b.parts = r, rows, loss, partsOf(len(rows))
	b.team.Run(b.parts)
	first := b.pieces[0]
	sums = first.sums
	for _, p := range b.pieces[1:b.parts] {
		neural.Add(first.actorGradient, p.actorGradient)
		neural.Add(first.criticGradient, p.criticGradient)
		sums.add(p.sums)
	}
	return first.actorGradient, first.criticGradient, sums
}

// run computes one part: gather its rows, forward, the loss's derivative, backward.
func (b *backprop) run(part int) {
	p, r := b.pieces[part], b.rollout
	rows := b.rows[part*len(b.rows)/b.parts : (part+1)*len(b.rows)/b.parts]
	for i, row := range rows {
		copy(p.observations[i*r.width:(i+1)*r.width], r.observations[row*r.width:])
	}
	logits := b.ac.actor.Forward(p.actor, p.observations, len(rows))
	values := b.ac.critic.Forward(p.critic, p.observations, len(rows))

	p.sums = tally{rows: float64(len(rows))}
	mean := float32(1 / float64(len(b.rows)))
	for i, row := range rows {
		p.draw.set(logits[i*r.actions:(i+1)*r.actions], r.allowed[row*r.actions:(row+1)*r.actions])
		by := p.byLogits[i*r.actions : (i+1)*r.actions]
		p.byValue[i] = mean * float32(b.loss(row, p.draw, float64(values[i]), by, &p.sums))
		for a := range by {
			by[a] *= mean
		}
	}
	clear(p.actorGradient)
	clear(p.criticGradient)
	b.ac.actor.Backward(p.actor, p.byLogits, p.actorGradient)
	b.ac.critic.Backward(p.critic, p.byValue, p.criticGradient)
}
