package envelope

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

var _ policy.Policy = (*advisor)(nil)

// advisor is a policy that says what its rule says.
type advisor struct {
	name string
	rule func(a *asked) (int, error)
	asked
}

// asked is what a rule may look at.
type asked struct {
	most     int
	obs      scale.Observation
	started  time.Time
	asked    int // how often
	need     int // replicas for the present rate, with a fifth to spare
	needs    []int
	rng      *rand.Rand
	envelope *guard.Envelope
}

func (a *advisor) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	if a.started.IsZero() {
		a.started = obs.At
	}
	if rate, ok := obs.Last(scale.RequestRate); ok {
		a.need = int(math.Ceil(1.2 * rate / 50))
	}
	a.obs, a.asked.asked, a.needs = obs, a.asked.asked+1, append(a.needs, a.need)
	n, err := a.rule(&a.asked)
	return scale.Recommendation{Replicas: n, Confidence: 1, Reason: scale.Because("Advice", a.name)}, err
}

func (*advisor) Signals() []string         { return nil }
func (*advisor) Snapshot() ([]byte, error) { return nil, errors.New("not kept") }
func (*advisor) Restore([]byte) error      { return errors.New("not kept") }

// since is how long ago it was first asked.
func (a *asked) since() time.Duration { return a.obs.At.Sub(a.started) }

// ago is what was needed so long ago.
func (a *asked) ago(d, sync time.Duration) int {
	return a.needs[max(0, len(a.needs)-1-int(d/sync))]
}

// worst are the ten, with how long each is followed before it is scored.
func worst(most int, sync, week time.Duration) []advisor {
	rules := []struct {
		name string
		rule func(a *asked) (int, error)
	}{
		{"always the most", func(a *asked) (int, error) { return a.most, nil }},
		{"always the fewest", func(*asked) (int, error) { return 1, nil }},
		{"the most and the fewest in turn", func(a *asked) (int, error) { return []int{a.most, 1}[a.asked%2], nil }},
		{"the inverse of the need", func(a *asked) (int, error) { return max(1, a.most-2*a.need), nil }},
		{"at random", func(a *asked) (int, error) { return 1 + a.rng.IntN(a.most), nil }},
		{"ten minutes late", func(a *asked) (int, error) { return a.ago(10*time.Minute, sync), nil }},
		{"twice and half the need, every minute", func(a *asked) (int, error) {
			if a.since()/time.Minute%2 == 0 {
				return 2 * a.need, nil
			}
			return a.need / 2, nil
		}},
		{"as far from the expert as the ledger lets it", furthest},
		{"good for a week, then the fewest at the peak and the most else", func(a *asked) (int, error) {
			switch {
			case a.since() < week:
				return a.need, nil
			case a.need > a.most/4:
				return 1, nil
			}
			return a.most, nil
		}},
		{"no number, huge ones, none, negative ones", func(a *asked) (int, error) {
			switch a.asked % 4 {
			case 0:
				return 0, fmt.Errorf("not a number: %w", scale.ErrNoData)
			case 1:
				return math.MaxInt32, nil
			case 2:
				return 0, nil
			}
			return -5, nil
		}},
	}
	all := make([]advisor, len(rules))
	for i, r := range rules {
		all[i] = advisor{name: r.name, rule: r.rule, asked: asked{most: most, rng: rand.New(rand.NewPCG(1, uint64(i)))}}
	}
	return all
}

// furthest asks the envelope what it would admit. Saved credit is spent by too
// few replicas when the load is high, and by too many when it is low.
func furthest(a *asked) (int, error) {
	if a.envelope == nil {
		return []int{a.most, 1}[a.asked/20%2], nil
	}
	few, _ := a.envelope.Limit(a.obs, 1)
	many, _ := a.envelope.Limit(a.obs, a.most)
	if few < a.need {
		return few, nil
	}
	return many, nil
}
