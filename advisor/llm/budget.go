package llm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/advisor"
)

// usage is what a question takes: tokens read and written, and their price in US
// dollars.
type usage struct {
	in, out int
	money   float64
}

// mostUsed bounds the tokens that a server may say one question took.
const mostUsed = 1_000_000

// perToken is how many bytes of a prompt are reckoned to be one token where
// nobody has counted. Digits are one each to many models; words are four or five.
const perToken = 2

// used is what a question took: what the server says, else what is reckoned. One
// that failed cost nothing, unless it was late: then the server may have worked for
// it all the same, and it took all that was held for it.
func (a *Advisor) used(reply *advisor.Reply, p *advisor.Prompt, held usage, err error) usage {
	late := errors.Is(err, context.DeadlineExceeded)
	in, out := max(reply.In, 0), max(reply.Out, 0)
	switch {
	case late && in == 0 && out == 0:
		return held
	case err != nil && in == 0 && out == 0:
		return usage{}
	}
	if in == 0 {
		in = (len(p.System) + len(p.User)) / perToken
	}
	if out == 0 {
		out = len(reply.Text) / perToken
	}
	return a.priced(min(in, mostUsed), min(out, mostUsed))
}

// estimate is what a question may take at most, about: no less than one of this day
// took, for thoughts before an answer are written too, and its length does not bound
// them.
func (a *Advisor) estimate(p *advisor.Prompt, now time.Time) usage {
	in, out := a.house.most(now)
	return a.priced(max((len(p.System)+len(p.User))/perToken, in), max(p.MostTokens, out))
}

func (a *Advisor) priced(in, out int) usage {
	b := a.cfg.Budget
	return usage{in: in, out: out, money: (float64(in)*b.InputPrice + float64(out)*b.OutputPrice) / 1e6}
}

// budget is what is spent in a day (UTC), with what questions on their way may
// take.
type budget struct {
	day    time.Time
	tokens int
	money  float64
	// mostIn and mostOut are the most tokens that one question read and wrote.
	mostIn, mostOut int
}

// begin begins a new day when it is one.
func (b *budget) begin(now time.Time) {
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(b.day) {
		*b = budget{day: day}
	}
}

// allows says whether one more question is within the limits, and else until
// when none is.
func (b *budget) allows(now time.Time, l limits, about usage) error {
	b.begin(now)
	midnight := b.day.Add(24 * time.Hour)
	over := func(format string, numbers ...any) error {
		return &advisor.Later{Unasked: true, After: midnight.Sub(now), Err: fmt.Errorf("budget: "+format+"; nobody is asked until %s", append(numbers, midnight.Format(time.RFC3339))...)}
	}
	switch need := about.in + about.out; {
	case l.tokens > 0 && b.tokens+need > l.tokens:
		return over("%d of %d tokens of the day are spent and a question may take %d", b.tokens, l.tokens, need)
	case l.money > 0 && b.money+about.money > l.money:
		return over("%.4f of %.4f US dollars of the day are spent and a question may take %.4f", b.money, l.money, about.money)
	}
	return nil
}

// add adds what is spent so many times.
func (b *budget) add(u usage, times int) {
	b.tokens += times * (u.in + u.out)
	b.money += float64(times) * u.money
}

// learn notes how much one question took.
func (b *budget) learn(u usage) { b.mostIn, b.mostOut = max(b.mostIn, u.in), max(b.mostOut, u.out) }
