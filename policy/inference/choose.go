package inference

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// choose goes up at once, and down by one when the others can carry everything.
func (p *Policy) choose(obs *scale.Observation, now *reading, w wish) scale.Recommendation {
	current := obs.CurrentReplicas
	p.propose(now, w)
	switch {
	case w.need > current:
		return p.say(w.need, p.proposals[0].Reason)
	case w.need == current:
		return p.say(current, p.proposals[0].Reason)
	case p.memory.At.Sub(p.memory.Since) < p.startup():
		return p.say(current, scale.Because("JustBegun", "{0} needed, but watched for {1s} only: stay at {2}",
			float64(w.need), p.memory.At.Sub(p.memory.Since).Seconds(), float64(current)))
	case w.idle:
		return p.say(0, scale.Because("Idle", "nothing has run or waited for {0s}", obs.At.Sub(p.memory.Idle).Seconds()))
	case w.held > w.need && w.held >= current:
		return p.say(current, scale.Because("NeededLately", "{0} needed now, {1} within the last {2s}, as long as a model takes to load: stay at {3}",
			float64(w.need), float64(w.held), p.startup().Seconds(), float64(current)))
	}
	if p.misses(now) {
		return p.say(current, scale.Because("FirstTokensLate", "no scale-down: {0%} of the first tokens take longer than {1s}, {2%} may",
			now.late, p.env.FirstToken.Threshold.Std().Seconds(), 1-p.env.FirstToken.Target).About(scale.TimeToFirstToken))
	}
	return p.down(now, w, current)
}

// slack is by how much more than enough the others must be: what replicas carry is
// learned from them, so that it seems a little less or more once one has gone.
const slack = 0.03

// nearlyAll is how much of the speed may be used when replicas are slower than
// thought: beyond it lines grow without end.
const nearlyAll = 0.95

// down takes one replica if those that are left can carry what runs and what
// waits, with the margin that the utilization leaves.
func (p *Policy) down(now *reading, w wish, current int) scale.Recommendation {
	share, left := p.cfg.Utilization/100, min(current, now.ready)-1
	if left < 1 {
		return p.say(current, scale.Because("LastReplica", "{0} ready: stay at {1}", float64(now.ready), float64(current)))
	}
	memory, speed := p.memory.Carries.after(now, left)
	if memory > share*(1-slack) || speed > share*(1-slack) || w.load+w.line+w.rise > float64(left)*(1-slack) || p.memory.Carries.atWorst(now, left) > nearlyAll {
		return p.say(current, scale.Because("OthersCannotCarry",
			"{0} running and {1} waiting on {2} would use {3%} of the memory and {4%} of the tokens/s, {5%} may be: no scale-down",
			now.running, now.waiting, float64(left), min(memory, 9.99), max(speed, p.memory.Carries.atWorst(now, left)), share))
	}
	return p.say(current-1, scale.Because("OthersCarry",
		"{0} running and {1} waiting on {2} use {3%} of the memory and {4%} of the tokens/s, {5%} may be: one fewer",
		now.running, now.waiting, float64(left), memory, speed, share))
}

// propose fills in what load and line ask for, each alone.
func (p *Policy) propose(now *reading, w wish) {
	p.proposals[0].Replicas = w.need
	p.proposals[0].Reason = scale.Because("Load", "{0} running are worth {1 replica} with {2} each, {3} waiting {4}; up to {5} more may come while a model loads",
		now.running, w.load, w.carries, now.waiting, w.line, w.rise)
	if p.memory.Lines >= 2 {
		p.proposals[0].Reason = scale.Because("Waiting", "{0} waiting on {1 ready replica} at {2} scrapes in a row, although {3} carry them: {4}",
			now.waiting, float64(now.ready), float64(p.memory.Lines), w.load+w.line+w.rise, float64(w.need))
	}
	p.proposals[1].Replicas = whole(w.line + 0.999999)
	p.proposals[1].Reason = scale.Because("Queue", "{n} {0} at {1} sequences per replica: {2} more", now.waiting, w.carries, w.line).About(scale.QueueDepth)
}

// say is a recommendation. Before there is any history the policy is not sure.
func (p *Policy) say(n int, why scale.Reason) scale.Recommendation {
	r := scale.Recommendation{Replicas: n, Reason: why, Confidence: 1, Proposals: p.proposals[:]}
	if p.memory.At.Sub(p.memory.Since) < time.Minute {
		r.Confidence = 0.5
	}
	return r
}

func hold(obs *scale.Observation, code, text string) scale.Recommendation {
	return scale.Recommendation{Replicas: obs.CurrentReplicas, Reason: scale.Because(code, text, float64(obs.CurrentReplicas)), Confidence: 0.5}
}
