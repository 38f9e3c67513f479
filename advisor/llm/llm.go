// Package llm asks a language model about a target. It writes a prompt of numbers
// alone, and makes advice of the answer only where that is exactly what was asked
// for; a model is believed in nothing else. What it may cost in questions, tokens
// and money, and how long it is left alone when it fails, is shared by all
// targets of a model.
//
//	Question ─► prompt ─► said before? ─► may it be asked? ─► Model ─► valid? ─► Advice
//	            numbers       cache         breaker, budget,             schema,
//	                                        pace                         bounds
//
// Each protocol that models are reached by is an [advisor.Model] in a package of
// its own.
package llm

import (
	"context"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

var _ advisor.Advisor = (*Advisor)(nil)

// Advisor asks a model about one target.
type Advisor struct {
	cfg    advised.Advisor
	env    advisor.Env
	model  advisor.Model
	asking asking
	schema *jsonschema.Schema
	limits limits
	house  *house
}

// New returns an advisor for a valid configuration. Its Close closes the model.
func New(cfg advised.Advisor, model advisor.Model, env advisor.Env) *Advisor {
	a := &Advisor{cfg: cfg, env: env, model: model, asking: newAsking(cfg.Question, env.Min, env.Max)}
	a.schema = schemaOf(a.asking.schema)
	a.limits = limits{rpm: usualRPM(cfg.RPM, env), tokens: cfg.Budget.TokensPerDay, money: cfg.Budget.MoneyPerDay}
	account := model.Name()
	if keyed, is := model.(advisor.Keyed); is {
		account = keyed.Account()
	}
	a.house = advisor.Shared(env.Commons, "llm: "+account, func() *house { return newHouse(model.Name()) })
	return a
}

// Manners are those of the configuration: it is asked on a policy's inquiry.
func (a *Advisor) Manners() advisor.Manners {
	return advisor.Manners{Every: a.cfg.Every.Std(), Timeout: a.cfg.Timeout.Std(), MaxAge: a.cfg.MaxAge.Std(), OnInquiry: true}
}

// Close ends the connections of the model.
func (a *Advisor) Close() { a.model.Close() }

// Ask puts one question, unless the same was answered shortly before. Where the
// model may not be asked now, for its pace, its budget or its failures, the error
// is an [advisor.Later] and nothing was sent. It waits for nothing but the model.
func (a *Advisor) Ask(ctx context.Context, q advisor.Question) (advisor.Answer, error) {
	p, err := a.prompt(&q)
	if err != nil {
		return advisor.Answer{}, err
	}
	key := keyOf(&p)
	if text, known := a.house.recall(key, a.env.Clock.Now(), a.cfg.MaxAge.Std()); known {
		advice, err := a.read(&advisor.Reply{Text: text})
		return advisor.Answer{Advice: advice, Asked: p.User, Said: said(text), Cached: true}, err
	}
	if err := a.hasKey(); err != nil { // no fault of the model: others share it
		return advisor.Answer{}, err
	}
	began := a.env.Clock.Now()
	c, err := a.house.begin(began, a.limits, a.estimate(&p, began))
	if err != nil {
		return advisor.Answer{}, err
	}
	reply, err := a.model.Generate(ctx, p)
	used := a.used(&reply, &p, c.held, err)
	var advice scale.Advice
	if err == nil {
		advice, err = a.read(&reply)
	}
	now := a.env.Clock.Now()
	a.house.end(now, c, used, outcome(ctx, err))
	if err == nil {
		a.house.remember(key, reply.Text, now)
	}
	return advisor.Answer{Advice: advice, Asked: p.User, Said: said(reply.Text), In: used.in, Out: used.out, Cost: used.money}, err
}

// hasKey says why the model cannot be asked by this document.
func (a *Advisor) hasKey() error {
	if keyed, is := a.model.(advisor.Keyed); is {
		return keyed.HasKey()
	}
	return nil
}
