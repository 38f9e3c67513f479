package scaling

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

var _ rl.Resumable = (*Environment)(nil)

// snapshot is all that depends on actions and on random numbers. What workloads
// are comes from preparing the same tasks again.
type snapshot struct {
	Workloads int // how many there are
	Random    []byte
	Prices    []savedPrice
	Waited    int
	Tally     savedTally
	Copies    []savedInstance
}

type savedPrice struct {
	Now   float32
	Late  float64
	Steps int
}

type savedTally struct {
	Steps                                           int
	Paid, Oracle, Priced, Requests, Avoidable, Late float64
}

type savedInstance struct {
	Workload                        int
	At, Left, Base, Lowest          int32
	Slower, Missed, Raised, Lowered float32
	Begins                          bool
	Drain, Drained                  int32
	Avoidable, Latency, Used        float32
	Ready, Starting, Joined         int32
	Line, Second                    float32
	Head, Ahead                     int32
	Replicas, Asked                 [ringSize]int32
	Part                            [ringSize]float32
	Turns                           [2][2]float32 // of the clock: sine, and 1 − cosine
	Row                             [learned.Width]float32
}

// Snapshot implements [rl.Resumable].
func (e *Environment) Snapshot() ([]byte, error) {
	random, err := e.source.MarshalBinary()
	if err != nil {
		return nil, err
	}
	s := snapshot{Workloads: len(e.workloads), Random: random, Waited: e.waited, Tally: e.tally.saved()}
	for _, p := range e.prices {
		s.Prices = append(s.Prices, savedPrice{p.now, p.late, p.steps})
	}
	numbers := map[*Workload]int{}
	for i, w := range e.workloads {
		numbers[w] = i
	}
	for i := range e.copies {
		s.Copies = append(s.Copies, e.copies[i].saved(numbers))
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(s)
	return b.Bytes(), err
}

// Restore implements [rl.Resumable]. The environment must be of the same
// workloads and configuration.
func (e *Environment) Restore(data []byte) error {
	var s snapshot
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	if s.Workloads != len(e.workloads) || len(s.Copies) != len(e.copies) || len(s.Prices) != len(e.prices) {
		return fmt.Errorf("environment: it had %d workloads, %d copies and %d prices, this one has %d, %d and %d",
			s.Workloads, len(s.Copies), len(s.Prices), len(e.workloads), len(e.copies), len(e.prices))
	}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.Workload < 0 || c.Workload >= len(e.workloads) || c.At < 0 || int(c.At) >= len(e.workloads[c.Workload].moments) {
			return errors.New("environment: a copy was where these workloads have nothing")
		}
	}
	source := rand.NewPCG(0, 0)
	if err := source.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	e.source, e.random = source, rand.New(source)
	e.waited, e.tally = s.Waited, s.Tally.tally()
	for i, p := range s.Prices {
		e.prices[i].now, e.prices[i].late, e.prices[i].steps = p.Now, p.Late, p.Steps
	}
	for i := range s.Copies {
		e.copies[i] = s.Copies[i].instance(e.workloads)
		e.copies[i].price = int32(e.priceOf[s.Copies[i].Workload])
	}
	return nil
}

func (t *tally) saved() savedTally {
	return savedTally{t.steps, t.paid, t.oracle, t.priced, t.requests, t.avoidable, t.late}
}

func (s savedTally) tally() tally {
	return tally{s.Steps, s.Paid, s.Oracle, s.Priced, s.Requests, s.Avoidable, s.Late}
}

func (c *instance) saved(numbers map[*Workload]int) savedInstance {
	f := &c.fluid
	s := savedInstance{
		Workload: numbers[c.workload], At: c.at, Left: c.left, Base: c.base, Lowest: c.lowest, Slower: c.slower, Missed: c.missed,
		Raised: c.raised, Lowered: c.lowered, Begins: c.begins, Drain: c.drain, Drained: c.drained,
		Avoidable: c.last.avoidable, Latency: c.last.latency, Used: c.last.used,
		Ready: f.ready, Starting: f.starting, Joined: f.joined, Line: f.line, Second: f.second, Head: f.head, Ahead: f.ahead, Row: c.row,
	}
	for i, t := range c.turn {
		s.Turns[i] = [2]float32{t.sin, t.less}
	}
	for i, b := range f.ring {
		s.Replicas[i], s.Part[i], s.Asked[i] = b.replicas, b.part, b.asked
	}
	return s
}

func (s *savedInstance) instance(workloads []*Workload) instance {
	c := instance{
		workload: workloads[s.Workload], at: s.At, left: s.Left, base: s.Base, lowest: s.Lowest, slower: s.Slower, faster: 1 / s.Slower, missed: s.Missed,
		raised: s.Raised, lowered: s.Lowered, begins: s.Begins, drain: s.Drain, drained: s.Drained, row: s.Row,
		last:  cell{avoidable: s.Avoidable, latency: s.Latency, used: s.Used},
		fluid: fluid{ready: s.Ready, starting: s.Starting, joined: s.Joined, line: s.Line, second: s.Second, head: s.Head, ahead: s.Ahead},
	}
	for i, t := range s.Turns {
		c.turn[i] = turn{t[0], t[1]}
	}
	for i := range c.fluid.ring {
		c.fluid.ring[i] = batch{s.Replicas[i], s.Part[i], s.Asked[i]}
	}
	return c
}
