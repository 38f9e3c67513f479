package rltest

import (
	"bytes"
	"encoding/gob"
	"math/rand/v2"

	"github.com/flyball-io/flyball/rl"
)

// Corridor is six rooms in a row, whose best policy and values can be computed:
//
//	   ┌───┬───┬───┬───┬───┬───┐      an episode begins in a room drawn at random
//	+1 │ 0 │ 1 │ 2 │ 3 │ 4 │ 5 │ +3   left and right lead to the next room, or fail one time in ten
//	   └───┴───┴───┴───┴───┴───┘      beyond the ends it terminates; every step costs 0.1
//
// A third action, a jump out of the window worth 10, is not allowed: one that
// takes it panics. After 100 steps an episode is cut off.
type Corridor struct {
	rooms, steps []int
	source       *rand.PCG
	random       *rand.Rand
}

const (
	rooms       = 6
	stepCost    = 0.1
	leftPrize   = 1.0
	rightPrize  = 3.0
	failure     = 0.1
	longestWalk = 100
)

// noJump is what is allowed, in every room.
var noJump = []bool{true, true, false}

var _ rl.Resumable = (*Corridor)(nil)

// NewCorridor is so many copies, all drawn from one seed.
func NewCorridor(copies int, seed uint64) *Corridor {
	source := rand.NewPCG(seed, 0)
	return &Corridor{rooms: make([]int, copies), steps: make([]int, copies), source: source, random: rand.New(source)}
}

// CorridorValues is the best value of each room and which action has it, by
// value iteration: V(r) = max_a Σ P·(reward + γ·V(next)).
func CorridorValues(discount float64) (values [rooms]float64, best [rooms]int) {
	for range 1000 {
		for r := range rooms {
			left, right := leftPrize, rightPrize
			if r > 0 {
				left = discount * values[r-1]
			}
			if r < rooms-1 {
				right = discount * values[r+1]
			}
			stay := failure * discount * values[r]
			values[r], best[r] = stay+(1-failure)*left-stepCost, 0
			if right > left {
				values[r], best[r] = stay+(1-failure)*right-stepCost, 1
			}
		}
	}
	return values, best
}

// Copies implements [rl.Environment].
func (c *Corridor) Copies() int { return len(c.rooms) }

// Width implements [rl.Environment].
func (c *Corridor) Width() int { return rooms }

// Actions implements [rl.Environment].
func (c *Corridor) Actions() int { return 3 }

// Reset implements [rl.Environment].
func (c *Corridor) Reset(step *rl.Step) {
	for i := range c.rooms {
		c.begin(i)
		c.observe(i, step.Observations)
		copy(step.Allowed[3*i:], noJump)
	}
}

func (c *Corridor) begin(i int) { c.rooms[i], c.steps[i] = c.random.IntN(rooms), 0 }

// Act implements [rl.Environment].
func (c *Corridor) Act(actions []int, step *rl.Step) {
	for i, action := range actions {
		if action == 2 {
			panic("rltest: a forbidden action was taken")
		}
		c.steps[i]++
		if c.random.Float64() >= failure {
			c.rooms[i] += 2*action - 1
		}
		step.Rewards[i] = -stepCost
		step.Terminated[i] = c.rooms[i] < 0 || c.rooms[i] >= rooms
		step.Truncated[i] = !step.Terminated[i] && c.steps[i] >= longestWalk
		switch {
		case c.rooms[i] < 0:
			step.Rewards[i] += leftPrize
		case c.rooms[i] >= rooms:
			step.Rewards[i] += rightPrize
		}
		if step.Terminated[i] || step.Truncated[i] {
			c.observe(i, step.Final)
			copy(step.FinalAllowed[3*i:], noJump)
			c.begin(i)
		}
		c.observe(i, step.Observations)
	}
}

// observe writes a 1 at the room; nothing beyond the ends.
func (c *Corridor) observe(i int, out []float32) {
	row := out[i*rooms : (i+1)*rooms]
	clear(row)
	if r := c.rooms[i]; r >= 0 && r < rooms {
		row[r] = 1
	}
}

type corridorState struct {
	Rooms, Steps []int
	Random       []byte
}

// Snapshot implements [rl.Resumable].
func (c *Corridor) Snapshot() ([]byte, error) {
	random, err := c.source.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(corridorState{c.rooms, c.steps, random})
	return b.Bytes(), err
}

// Restore implements [rl.Resumable].
func (c *Corridor) Restore(snapshot []byte) error {
	var s corridorState
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&s); err != nil {
		return err
	}
	copy(c.rooms, s.Rooms)
	copy(c.steps, s.Steps)
	return c.source.UnmarshalBinary(s.Random)
}
