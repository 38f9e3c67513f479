package rl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/flyball-io/flyball/neural"
)

// Demonstrations are states and what somebody who knows did in them, row after
// row. States that a half-trained policy gets into, labelled by the one who
// knows, make the next round better (Ross, Gordon and Bagnell, "A Reduction of
// Imitation Learning and Structured Prediction to No-Regret Online Learning",
// AISTATS 2011): such rounds are the caller's.
type Demonstrations struct {
	Width, Actions int
	Observations   []float32 // rows × width
	Allowed        []bool    // rows × actions
	Chosen         []int     // rows
}

// Add appends a row.
func (d *Demonstrations) Add(observation []float32, allowed []bool, chosen int) {
	d.Observations = append(d.Observations, observation...)
	d.Allowed = append(d.Allowed, allowed...)
	d.Chosen = append(d.Chosen, chosen)
}

// Validate says which row nothing can be learned from.
func (d *Demonstrations) Validate() error {
	rows := len(d.Chosen)
	if rows == 0 || len(d.Observations) != rows*d.Width || len(d.Allowed) != rows*d.Actions {
		return fmt.Errorf("demonstrations: %d rows, %d numbers of %d each, %d masks of %d each",
			rows, len(d.Observations), d.Width, len(d.Allowed), d.Actions)
	}
	for row, a := range d.Chosen {
		if a < 0 || a >= d.Actions || !d.Allowed[row*d.Actions+a] {
			return fmt.Errorf("demonstrations: row %d chose action %d, which is not allowed", row, a)
		}
	}
	if !neural.Finite(d.Observations) {
		return errors.New("demonstrations: an observation is not finite")
	}
	return nil
}

// CloneConfig is the hyper-parameters of behaviour cloning.
type CloneConfig struct {
	Seed    uint64
	Rate    float64 // of Adam, at the beginning; it falls to 0 at the end
	Epsilon float64 // of Adam
	Epochs  int     // passes over the demonstrations
	Batch   int     // rows of an update
	MaxNorm float64 // length that a gradient is clipped to
}

// DefaultClone is ten passes at Adam's usual rate.
func DefaultClone() CloneConfig {
	return CloneConfig{Seed: 1, Rate: 1e-3, Epsilon: 1e-8, Epochs: 10, Batch: 256, MaxNorm: 10}
}

// Validate says what of the configuration is impossible, all of it.
func (c CloneConfig) Validate() error {
	return errors.Join(positive("Rate", c.Rate), positive("Epsilon", c.Epsilon), positive("MaxNorm", c.MaxNorm),
		atLeast("Epochs", c.Epochs, 1), atLeast("Batch", c.Batch, 1))
}

// Clone teaches policy to do as the demonstrations do (Pomerleau, "Efficient
// Training of Artificial Neural Networks for Autonomous Navigation", 1991), by
// the cross-entropy of what was chosen among what was allowed:
//
//	L = −mean[ log π(chosen|s) ]
//
// progress, which may be nil, hears of each pass: Steps are rows, the figures
// the loss and the share of rows whose likeliest action is the chosen one.
func Clone(ctx context.Context, policy *neural.Net, d *Demonstrations, config CloneConfig, progress func(Progress)) error {
	if err := errors.Join(config.Validate(), d.Validate()); err != nil {
		return fmt.Errorf("clone: %w", err)
	}
	if policy.Inputs() != d.Width || policy.Outputs() != d.Actions {
		return fmt.Errorf("clone: the policy has %d inputs and %d actions, the demonstrations %d and %d",
			policy.Inputs(), policy.Outputs(), d.Width, d.Actions)
	}
	c := newCloner(policy, d, config)
	for epoch := range config.Epochs {
		sums, err := c.pass(ctx, epoch)
		if err != nil {
			return fmt.Errorf("clone: pass %d: %w", epoch+1, err)
		}
		if progress != nil {
			progress(Progress{Steps: (epoch + 1) * len(d.Chosen), Updates: c.adam.Steps, Return: math.NaN(), Length: math.NaN(),
				Figures: []Figure{{"loss", sums.loss / sums.rows}, {"agreement", sums.agreed / sums.rows}}})
		}
	}
	return nil
}

// cloner is the memory of Clone.
type cloner struct {
	config CloneConfig
	policy *neural.Net
	from   *Demonstrations
	adam   *neural.Adam
	random *rand.Rand
	order  []int // of the rows, shuffled

	team   *neural.Team
	pieces []*clonePiece
	rows   []int // of the batch that is learned
	parts  int
}

// clonePiece is the memory of one part of a batch.
type clonePiece struct {
	observations, byOutput, gradient []float32
	workspace                        *neural.Workspace
	draw                             *distribution
	sums                             cloneTally
}

type cloneTally struct{ rows, loss, agreed float64 }

func (t *cloneTally) add(o cloneTally) {
	t.rows += o.rows
	t.loss += o.loss
	t.agreed += o.agreed
}

func newCloner(policy *neural.Net, d *Demonstrations, config CloneConfig) *cloner {
	c := &cloner{config: config, policy: policy, from: d, adam: neural.NewAdam(len(policy.Parameters()), config.Epsilon),
		random: rand.New(rand.NewPCG(config.Seed, 0)), order: make([]int, len(d.Chosen))}
	for row := range c.order {
		c.order[row] = row
	}
	c.team = neural.NewTeam(func(_, part int) { c.run(part) })
	for range partsOf(config.Batch) {
		c.pieces = append(c.pieces, &clonePiece{
			observations: make([]float32, config.Batch*d.Width), byOutput: make([]float32, config.Batch*d.Actions),
			gradient: make([]float32, len(policy.Parameters())), workspace: policy.NewWorkspace(config.Batch),
			draw: newDistribution(d.Actions),
		})
	}
	return c
}

// pass learns each row once, in an order of its own.
func (c *cloner) pass(ctx context.Context, epoch int) (sums cloneTally, err error) {
	c.random.Shuffle(len(c.order), func(i, j int) { c.order[i], c.order[j] = c.order[j], c.order[i] })
	for at := 0; at < len(c.order); at += c.config.Batch {
		if err := ctx.Err(); err != nil {
			return sums, err
		}
		done := (float64(epoch) + float64(at)/float64(len(c.order))) / float64(c.config.Epochs)
		batch, err := c.descend(c.order[at:min(at+c.config.Batch, len(c.order))], c.config.Rate*(1-done))
		if err != nil {
			return sums, err
		}
		sums.add(batch)
	}
	return sums, nil
}

// descend takes one step down the loss of a batch.
func (c *cloner) descend(rows []int, rate float64) (cloneTally, error) {
	c.rows, c.parts = rows, partsOf(len(rows))
	c.team.Run(c.parts)
	first := c.pieces[0]
	sums := first.sums
	for _, p := range c.pieces[1:c.parts] {
		neural.Add(first.gradient, p.gradient)
		sums.add(p.sums)
	}
	if norm := neural.ClipNorm(c.config.MaxNorm, first.gradient); math.IsNaN(norm) || math.IsInf(norm, 0) {
		return sums, fmt.Errorf("the gradient's length is %v", norm)
	}
	c.adam.Step(c.policy.Parameters(), first.gradient, rate)
	return sums, nil
}

// run computes the gradient of one part of the batch.
func (c *cloner) run(part int) {
	p, width, actions := c.pieces[part], c.from.Width, c.from.Actions
	rows := c.rows[part*len(c.rows)/c.parts : (part+1)*len(c.rows)/c.parts]
	for i, row := range rows {
		copy(p.observations[i*width:(i+1)*width], c.from.Observations[row*width:])
	}
	logits := c.policy.Forward(p.workspace, p.observations, len(rows))
	p.sums = cloneTally{rows: float64(len(rows))}
	for i, row := range rows {
		z, allowed := logits[i*actions:(i+1)*actions], c.from.Allowed[row*actions:(row+1)*actions]
		p.draw.set(z, allowed)
		p.draw.gradient(p.byOutput[i*actions:(i+1)*actions], c.from.Chosen[row], -1/float64(len(c.rows)), 0)
		p.sums.loss -= p.draw.logs[c.from.Chosen[row]]
		if Best(z, allowed) == c.from.Chosen[row] {
			p.sums.agreed++
		}
	}
	clear(p.gradient)
	c.policy.Backward(p.workspace, p.byOutput, p.gradient)
}
