// Package simulated advises in simulations, as well or as badly as its
// configuration says: to see what advice of some quality does, and that the worst
// does no harm. Nobody is asked, and no time passes; how long an answer would have
// taken is said with it.
//
// It is asked by time, as often as it may be, and not when a policy has a question:
// that is the most that good advice can do, and bad.
package simulated

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

var _ advisor.Advisor = (*Advisor)(nil)

// Advisor advises about one target. It sees what is in the questions, and learns
// from them what a replica carries.
type Advisor struct {
	cfg     advised.Advisor
	is      advised.Simulated
	env     advisor.Env
	learner *capacity.Learner
	random  *rand.Rand

	began time.Time // of the first question
	asked int
	most  int // the highest need so far
	crowd crowd
}

// usualLead is how long before something begins it is known.
const usualLead = 2 * time.Minute

// New returns an advisor for a valid configuration.
func New(cfg advised.Advisor, env advisor.Env) *Advisor {
	a := &Advisor{cfg: cfg, is: *cfg.Simulated, env: env, random: rand.New(rand.NewPCG(cfg.Simulated.Seed, 0x51d))}
	if a.is.Lead == 0 {
		a.is.Lead = scale.Duration(usualLead)
	}
	if env.Objective != nil {
		a.learner = capacity.NewLearner(capacity.Config{}, *env.Objective, env.Topology, 2*max(1, env.Max), nil)
	}
	return a
}

// Manners are those of the configuration: asked by time.
func (a *Advisor) Manners() advisor.Manners {
	return advisor.Manners{Every: a.cfg.Every.Std(), Timeout: a.cfg.Timeout.Std(), MaxAge: a.cfg.MaxAge.Std(), Simulated: true}
}

// Close ends nothing.
func (*Advisor) Close() {}

// busy is how long one that is asked too often wants to be left alone.
const busy = 20 * time.Second

// Ask answers at once, and says how long it would have taken.
func (a *Advisor) Ask(_ context.Context, q advisor.Question) (advisor.Answer, error) {
	a.asked++
	if a.began.IsZero() || q.Seen.At.Before(a.began) {
		a.began = q.Seen.At
	}
	need := a.need(&q.Seen)
	a.most = max(a.most, need)
	answer := advisor.Answer{Delay: a.is.Delay.Std()}
	switch a.is.Quality {
	case advised.Slow:
		answer.Delay += a.cfg.Timeout.Std() + time.Second
	case advised.Limited:
		return answer, &advisor.Later{After: busy, Err: errors.New("status 429: too many requests")}
	case advised.Malformed:
		answer.Advice = malformed(a.asked, a.env.Max)
		return answer, nil
	case advised.Knowing:
		n, why := a.foretell(&q.Seen)
		if why == "" {
			return answer, fmt.Errorf("nothing is known of: %w", advisor.ErrNoOpinion)
		}
		answer.Advice = a.say(n, &q.Seen, why)
		return answer, nil
	}
	answer.Advice = a.say(a.wants(need), &q.Seen, a.is.Quality)
	return answer, nil
}

// wants is how many it advises by its quality where so many are needed.
func (a *Advisor) wants(need int) int {
	few, many := a.env.Min, a.env.Max
	pick := func(first bool) int {
		if first {
			return few
		}
		return many
	}
	switch a.is.Quality {
	case advised.Wrong:
		return few + many - need
	case advised.Random:
		return few + a.random.IntN(max(1, many-few+1))
	case advised.HostileMin:
		return few
	case advised.HostileMax:
		return many
	case advised.HostileAlternate:
		return pick(a.asked%2 == 0)
	case advised.HostilePeak:
		return pick(2*need > a.most)
	}
	return need
}

// say makes advice of a count: as the question wants it.
func (a *Advisor) say(n int, seen *scale.Observation, why string) scale.Advice {
	n = min(max(n, a.env.Min), a.env.Max)
	said := scale.Advice{Confidence: 1, Reason: why}
	if a.cfg.Question == advised.Replicas {
		said.Replicas = &n
		return said
	}
	switch {
	case n > seen.CurrentReplicas:
		said.Direction = 1
	case n < seen.CurrentReplicas:
		said.Direction = -1
	}
	return said
}

// spare is what a good advisor has over the present load.
const spare = 1.2

// need is how many replicas the present load takes, with a fifth to spare; as many
// as there are while nobody knows.
func (a *Advisor) need(obs *scale.Observation) int {
	if a.learner == nil {
		return obs.CurrentReplicas
	}
	a.learner.Observe(obs)
	rate, known := obs.Last(scale.RequestRate)
	if !known || !a.learner.Known() || a.learner.WorkOnly() {
		return obs.CurrentReplicas
	}
	n := a.learner.Demand(spare*rate, 1-a.env.Objective.Target)
	return min(max(n, a.env.Min), a.env.Max)
}

// crowd is what is foretold at the moment.
type crowd struct {
	begins time.Duration
	before int // replicas that were there when it became known
}

// foretell is how many are needed for what is known beforehand; "" when it is
// nothing now: so many times as many as there were when it became known, until it
// is over.
func (a *Advisor) foretell(seen *scale.Observation) (int, string) {
	now := seen.At.Sub(a.began)
	for _, k := range a.is.Knows {
		begins := k.At.Std()
		if again := k.Every.Std(); again > 0 && now > begins+k.For.Std() {
			begins += (now - begins - k.For.Std() + again - 1) / again * again
		}
		if now < begins-a.is.Lead.Std() || now >= begins+k.For.Std() {
			continue
		}
		if a.crowd.begins != begins || a.crowd.before == 0 {
			a.crowd = crowd{begins, max(1, seen.CurrentReplicas)}
		}
		return int(math.Ceil(k.Times * float64(a.crowd.before))), fmt.Sprintf("the load is %v times as high at %v", k.Times, scale.Duration(begins))
	}
	return 0, ""
}

// malformed is what no answer may be: too many, too few, none, and no number.
func malformed(turn, most int) scale.Advice {
	count := [...]int{most + 1, -1, math.MaxInt, math.MinInt}[turn/3%4]
	switch turn % 3 {
	case 0:
		return scale.Advice{Confidence: 1}
	case 1:
		return scale.Advice{Confidence: 1, Replicas: &count, Direction: 7}
	}
	return scale.Advice{Confidence: math.NaN(), Replicas: &most, Thresholds: map[string]float64{"": math.Inf(1)}}
}
