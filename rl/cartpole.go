package rl

import (
	"bytes"
	"encoding/gob"
	"math"
	"math/rand/v2"
)

// CartPole is Gymnasium's CartPole-v1: a pole on a cart that is pushed left (0)
// or right (1). A step is worth 1; the episode ends when the pole leans more than 12°
// or the cart leaves the track, and is cut off after 500 steps, so that 500 is
// the best return. The dynamics are those of cartpole.py: Barto, Sutton and
// Anderson, "Neuronlike Adaptive Elements That Can Solve Difficult Learning
// Control Problems", 1983, by Euler's method at 20 ms.
type CartPole struct {
	copies []cart
	source *rand.PCG
	random *rand.Rand
}

// cart is one copy. Fields are exported for gob.
type cart struct {
	X, Speed, Angle, Turning float64 // m, m/s, rad, rad/s
	Steps                    int
}

const (
	gravity      = 9.8
	poleMass     = 0.1
	totalMass    = 1.0 + poleMass
	halfLength   = 0.5 // of the pole, m
	force        = 10.0
	interval     = 0.02 // s
	widestAngle  = 12 * 2 * math.Pi / 360
	trackEnd     = 2.4
	longestSteps = 500
)

var _ Resumable = (*CartPole)(nil)

// NewCartPole is so many copies, all drawn from one seed.
func NewCartPole(copies int, seed uint64) *CartPole {
	source := rand.NewPCG(seed, 0)
	return &CartPole{copies: make([]cart, copies), source: source, random: rand.New(source)}
}

// Copies implements [Environment].
func (p *CartPole) Copies() int { return len(p.copies) }

// Width implements [Environment].
func (p *CartPole) Width() int { return 4 }

// Actions implements [Environment].
func (p *CartPole) Actions() int { return 2 }

// Reset implements [Environment].
func (p *CartPole) Reset(step *Step) {
	for i := range p.copies {
		p.copies[i] = p.begin()
		p.copies[i].observe(step.Observations[4*i:])
	}
	for i := range step.Allowed {
		step.Allowed[i] = true
	}
}

// begin draws the first state of an episode.
func (p *CartPole) begin() cart {
	draw := func() float64 { return p.random.Float64()*0.1 - 0.05 }
	return cart{X: draw(), Speed: draw(), Angle: draw(), Turning: draw()}
}

// Act implements [Environment].
func (p *CartPole) Act(actions []int, step *Step) {
	for i := range p.copies {
		c := &p.copies[i]
		c.push(actions[i])
		step.Rewards[i] = 1
		step.Terminated[i] = math.Abs(c.X) > trackEnd || math.Abs(c.Angle) > widestAngle
		step.Truncated[i] = c.Steps >= longestSteps && !step.Terminated[i]
		if step.Terminated[i] || step.Truncated[i] {
			c.observe(step.Final[4*i:])
			*c = p.begin()
		}
		c.observe(step.Observations[4*i:])
	}
}

func (c *cart) push(action int) {
	f := -force
	if action == 1 {
		f = force
	}
	sin, cos := math.Sincos(c.Angle)
	pull := (f + poleMass*halfLength*c.Turning*c.Turning*sin) / totalMass
	turn := (gravity*sin - cos*pull) / (halfLength * (4.0/3.0 - poleMass*cos*cos/totalMass))
	speedUp := pull - poleMass*halfLength*turn*cos/totalMass
	c.X += interval * c.Speed
	c.Speed += interval * speedUp
	c.Angle += interval * c.Turning
	c.Turning += interval * turn
	c.Steps++
}

func (c *cart) observe(row []float32) {
	row[0], row[1], row[2], row[3] = float32(c.X), float32(c.Speed), float32(c.Angle), float32(c.Turning)
}

type cartPoleState struct {
	Copies []cart
	Random []byte
}

// Snapshot implements [Resumable].
func (p *CartPole) Snapshot() ([]byte, error) {
	random, err := p.source.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(cartPoleState{p.copies, random})
	return b.Bytes(), err
}

// Restore implements [Resumable].
func (p *CartPole) Restore(snapshot []byte) error {
	var s cartPoleState
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&s); err != nil {
		return err
	}
	copy(p.copies, s.Copies)
	return p.source.UnmarshalBinary(s.Random)
}
