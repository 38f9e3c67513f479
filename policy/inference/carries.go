package inference

import (
	"math"
	"time"
)

// carries is what is known of one replica: the memory that a sequence takes, and
// how the time between two of its tokens grows with the sequences beside it,
//
//	time per token = α + β·(sequences of the replica)
//
// α is what an iteration costs whoever is in it (the weights are read), β what
// each sequence adds: its token, its keys and values, and its share of the
// prompts that are worked on meanwhile. Both follow by least squares from
// running/tokensPerSecond over running, older samples counting less.
type carries struct {
	At time.Time `json:"at,omitzero"`
	// Sums over samples, that forget: of sequences s, times u, of weights.
	N  float64 `json:"n"`
	S  float64 `json:"s"`
	SS float64 `json:"ss"`
	U  float64 `json:"u"`
	SU float64 `json:"su"`
	// Ratio is β/α as it was when loads had last differed enough to tell; 0: never.
	// A load that stays says nothing of it, and must not let it be forgotten: else
	// the count would try the same step in vain again and again.
	Ratio float64 `json:"ratio"`
	// Memory is of sequences and what they take, in replicas.
	Memory   float64 `json:"memory"`
	Sequence float64 `json:"sequence"`
}

// forgets is the time after which a sample counts half: what is asked of a model
// changes over the day.
const forgets = 10 * time.Minute

// learn takes in a reading, once.
func (c *carries) learn(now *reading) {
	if !now.at.After(c.At) || now.ready == 0 {
		return
	}
	keep := 0.0
	if !c.At.IsZero() {
		keep = math.Exp2(-now.at.Sub(c.At).Seconds() / forgets.Seconds())
	}
	c.At = now.at
	c.Memory, c.Sequence = c.Memory*keep, c.Sequence*keep
	if now.running >= 1 {
		c.Memory += now.memory * float64(now.ready)
		c.Sequence += now.running
	}
	for _, sum := range []*float64{&c.N, &c.S, &c.SS, &c.U, &c.SU} {
		*sum *= keep
	}
	if s := now.over / float64(now.ready); s > 0 && now.tokens > 0 {
		u := now.over / now.tokens
		c.N, c.S, c.SS, c.U, c.SU = c.N+1, c.S+s, c.SS+s*s, c.U+u, c.SU+s*u
	}
	if c.known() && c.unknown() < 0.5 {
		alpha, beta := c.times()
		c.Ratio = beta / alpha
	}
}

// known reports that the time between tokens is.
func (c *carries) known() bool { return c.N >= 0.5 && c.U > 0 && c.S > 0 }

// pseudo is how many samples the assumption weighs that is made until loads have
// differed.
const pseudo = 0.5

// times are α and β, in seconds. Neither is ever below a tenth of what half of the
// time each would be: a replica without either limit there is not.
func (c *carries) times() (alpha, beta float64) {
	s, u := c.S/c.N, c.U/c.N
	slope := (c.SU/c.N - s*u + c.assumes()*c.assumed()) / (c.spread() + c.assumes())
	beta = min(max(slope, u/20/s), 0.95*u/s)
	return max(u-beta*s, u/20), beta
}

// assumed is β at the ratio that is known, else with half of the time for the
// iteration and half for the sequences.
func (c *carries) assumed() float64 {
	s, u := c.S/c.N, c.U/c.N
	if c.Ratio == 0 {
		return u / 2 / s
	}
	return c.Ratio * u / (1 + c.Ratio*s)
}

// spread is how far loads have differed, and assumes what the assumption weighs
// beside it.
func (c *carries) spread() float64 { s := c.S / c.N; return max(0, c.SS/c.N-s*s) }

func (c *carries) assumes() float64 { s := c.S / c.N; return pseudo / c.N * s * s / 4 }

// unknown is how much of β is assumed, 0..1.
func (c *carries) unknown() float64 { return c.assumes() / (c.spread() + c.assumes()) }

// atWorst is the share of the speed that so many replicas would use, were three
// quarters of the time that of the sequences, as long as nothing else is known.
func (c *carries) atWorst(now *reading, replicas int) float64 {
	if !c.known() || !(now.tokens > 0) || c.Ratio > 0 {
		return 0
	}
	_, beta := c.times()
	beta += c.unknown() * max(0, 0.75*c.U/c.S-beta)
	return beta * now.tokens / float64(replicas)
}

// perSequence is the share of a replica's memory that a sequence takes; 0: unknown.
func (c *carries) perSequence() float64 {
	if c.Sequence < 0.5 {
		return 0
	}
	return c.Memory / c.Sequence
}

// unseen is how many sequences a replica is taken to carry before any ran.
const unseen = 8

// sequences is how many a replica is to have at a share of what it has: of its
// memory, and of the tokens a second that it reaches with any number of them,
// 1/β. With s of them it makes s/(α+βs), which is the share h of 1/β at
//
//	s = h/(1−h) · α/β
func (c *carries) sequences(share float64) float64 {
	n := math.Inf(1)
	if k := c.perSequence(); k > 0 {
		n = share / k
	}
	if c.known() {
		alpha, beta := c.times()
		n = min(n, share/max(1-share, 0.01)*alpha/beta)
	}
	if math.IsInf(n, 0) {
		n = unseen
	}
	return max(n, 0.25)
}

// load is how many replicas what runs is worth, each with so many sequences. By
// tokens a second where these are known: few sequences on many replicas are done
// sooner than on few, so there are fewer of them at the same load.
func (c *carries) load(now *reading, each float64) float64 {
	if !c.known() || !(now.tokens > 0) {
		return now.running / each
	}
	alpha, beta := c.times()
	return min(now.tokens*(alpha+beta*each)/each, now.running/each*4)
}

// after is the share of the memory and of the tokens a second that so many
// replicas would use of theirs for what runs and waits now.
func (c *carries) after(now *reading, replicas int) (memory, speed float64) {
	n := float64(replicas)
	sequences := (now.running + now.waiting) / n
	if c.known() && now.tokens > 0 {
		alpha, beta := c.times()
		x := now.tokens / n
		if speed = beta * x; speed >= 1 {
			return math.Inf(1), speed
		}
		sequences = max(alpha*x/(1-speed)+now.waiting/n, sequences)
	}
	return sequences * c.perSequence(), speed
}
