package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

var _ control.Counsel = (*counsel)(nil)

// Needs are whom the policies of the spec want to be asked: the policy itself,
// its shadows, the expert of its envelope.
func (s *Spec) Needs() ([]policy.Need, error) {
	configs := []any{s.Policy.Config}
	if s.Policy.Envelope != nil {
		configs = append(configs, s.Policy.Envelope.Expert.Config)
	}
	for _, shadow := range s.Shadows {
		configs = append(configs, shadow.Config)
	}
	var all []policy.Need
	for _, cfg := range configs {
		theirs, err := builtin.NeedsOf(cfg)
		if err != nil {
			return nil, err
		}
		all = append(all, theirs...)
	}
	return builtin.DistinctNeeds(all)
}

// advisorEnv is what those who are asked may know of the service.
func (s *Spec) advisorEnv(deps *Deps) advisor.Env {
	return advisor.Env{Target: s.Name, Min: s.Min, Max: s.Max, Objective: s.Objective, Sync: s.Sync.Std(),
		Topology: s.topology, Clock: deps.Clock, Log: deps.Log, Commons: deps.Commons, Simulation: s.simulated}
}

// asked is one that is asked, and for what.
type asked struct {
	need policy.Need
	env  advisor.Env
	desk *advisor.Desk
	part *part // nil: it does not run
}

// same reports whether a running one will do for what is wanted now.
func (a *asked) same(need policy.Need, env advisor.Env) bool {
	b := a.env
	return reflect.DeepEqual(a.need, need) && b.Min == env.Min && b.Max == env.Max && b.Sync == env.Sync &&
		b.Topology == env.Topology && reflect.DeepEqual(b.Objective, env.Objective)
}

// counsel are those who are asked about one target. It outlives its documents:
// whoever is needed as before goes on.
type counsel struct {
	name string
	deps *Deps
	next chan []*asked
	told *teller

	mu  sync.Mutex // guards all; nobody does I/O under it
	all []*asked
}

func newCounsel(name string, deps *Deps) *counsel {
	return &counsel{name: name, deps: deps, next: make(chan []*asked, 1), told: newTeller(name, deps)}
}

// prepare makes those who are to be asked for a spec, of those there are where
// they will do. Nobody is asked yet.
func (c *counsel) prepare(spec *Spec) ([]*asked, error) {
	if !c.deps.has(roles.Planner) {
		return nil, nil
	}
	needs, err := spec.Needs()
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*asked
	for _, need := range needs {
		env := spec.advisorEnv(c.deps)
		if cfg, is := need.Config.(*advised.Advisor); is {
			env.Tell = c.told.of(cfg, env.Simulation)
		}
		if i := slices.IndexFunc(c.all, func(a *asked) bool { return a.same(need, env) }); i >= 0 {
			all = append(all, c.all[i])
			continue
		}
		a, err := spec.advisors.New(need, env)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		all = append(all, &asked{need: need, env: env, desk: advisor.NewDesk(need.From, a, env)})
	}
	return all, nil
}

// remind tells those who were made what they were answered before, as the record has
// it: after a restart there is the same advice until it expires, for what was answered
// is not asked again.
func (c *counsel) remind(ctx context.Context, all []*asked) {
	for _, a := range all {
		cfg, is := a.need.Config.(*advised.Advisor)
		if !is || c.deps.Store == nil {
			continue
		}
		now := c.deps.Clock.Now()
		told, err := c.deps.Store.Read(ctx, record.Query{Target: c.name, Kind: record.EventKind, From: now.Add(-cfg.MaxAge.Std()), OldestFirst: true})
		if err != nil { // the policy decides without
			c.deps.Log.Warn("what was advised before is not known", slog.String("target", c.name), slog.Any("error", err))
			return
		}
		for _, e := range told {
			if e.Event.Type == control.AdviceGiven && e.Event.Advised != nil && !e.At.After(now) {
				a.desk.Overhear(e.Event.Advised.Advice(e.At))
			}
		}
	}
}

// adopt takes over whom prepare has made.
func (c *counsel) adopt(all []*asked) {
	c.mu.Lock()
	c.all = all
	c.mu.Unlock()
	replace(c.next, all)
}

// run asks until ctx is done.
func (c *counsel) run(ctx context.Context) error {
	telling := start(context.WithoutCancel(ctx), "what tells of advice", c.told.run, func(error) {})
	overhearing := start(ctx, "what others are told", c.overhear, func(err error) {
		c.deps.Log.Error("what other planners are told is not heard", slog.String("target", c.name), slog.Any("error", err))
	})
	running := map[*asked]bool{}
	defer func() { c.stop(running, nil); _, _ = overhearing.end(), telling.end() }() // the first is logged, the second has none
	for {
		select {
		case <-ctx.Done():
			return nil
		case all := <-c.next:
			c.stop(running, all)
			for _, a := range all {
				if !running[a] {
					running[a] = true
					a.part = start(ctx, "advisor "+a.need.From, a.desk.Run, func(err error) {
						c.deps.Log.Error("advisor ended", slog.String("target", c.name), slog.Any("error", err))
					})
				}
			}
		}
	}
}

// overhear takes what the planner that asks was answered, while that is another one.
func (c *counsel) overhear(ctx context.Context) error {
	if c.deps.Split == nil {
		<-ctx.Done() // there is no other
		return nil
	}
	exchanges, err := control.Exchanges(c.deps.Bus, c.name).Subscribe(ctx)
	if err != nil {
		return unlessDone(ctx, err)
	}
	for x := range exchanges { // its own are no news to a desk
		for _, a := range c.present() {
			a.desk.Overhear(x.Advised.Advice(x.At))
		}
	}
	return nil
}

// stop ends those who run and are not among the rest, and waits for them.
func (c *counsel) stop(running map[*asked]bool, rest []*asked) {
	for a := range maps.Clone(running) {
		if !slices.Contains(rest, a) {
			_ = a.part.end() // was logged
			delete(running, a)
		}
	}
}

func (c *counsel) present() []*asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// Due implements [control.Counsel].
func (c *counsel) Due(now, next time.Time) bool {
	return slices.ContainsFunc(c.present(), func(a *asked) bool { return a.desk.Due(now, next) })
}

// Show implements [control.Counsel].
func (c *counsel) Show(ctx context.Context, obs scale.Observation, next time.Time) {
	for _, a := range c.present() {
		if a.desk.Due(obs.At, next) {
			c.put(ctx, a, advisor.Question{Seen: obs.Clone()})
		}
	}
}

// Inquire implements [control.Counsel]. Of several planners the one whose decisions
// count asks.
func (c *counsel) Inquire(ctx context.Context, obs scale.Observation, inquiries []policy.Inquiry) {
	if !c.deps.speaksFor(c.name) {
		return
	}
	for i := range inquiries {
		for _, a := range c.present() {
			if a.need.From == inquiries[i].From && a.desk.Takes(obs.At) {
				about := inquiries[i]
				c.put(ctx, a, advisor.Question{Seen: obs.Clone(), About: &about})
			}
		}
	}
}

// put asks a question; in a simulation, whose clock is held, the answer is waited
// for.
func (c *counsel) put(ctx context.Context, a *asked, q advisor.Question) {
	if c.deps.Wall != nil {
		_ = a.desk.AskNow(ctx, q) // the desk says why
		return
	}
	a.desk.Show(q)
}

// Advice implements [control.Counsel].
func (c *counsel) Advice(now time.Time) []scale.Advice {
	var all []scale.Advice
	for _, a := range c.present() {
		all = a.desk.Advice(all, now)
	}
	return all
}

// askOnce asks all whom a spec needs about one observation, and waits. Those who
// wait for a policy's inquiry are asked none: one decision has no events.
func askOnce(ctx context.Context, spec *Spec, deps Deps, obs *scale.Observation) ([]scale.Advice, error) {
	deps.Log = slog.New(slog.DiscardHandler)
	all, err := newCounsel(spec.Name, &deps).prepare(spec)
	if err != nil {
		return nil, err
	}
	var advice []scale.Advice
	for _, a := range all {
		if a.desk.Due(obs.At, obs.At) {
			_ = a.desk.AskNow(ctx, advisor.Question{Seen: obs.Clone()}) // the desk says why
		}
		advice = a.desk.Advice(advice, obs.At)
	}
	return advice, nil
}
