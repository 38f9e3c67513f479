package training

import (
	"errors"
	"sync"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Audit counts what envelopes let happen in all runs of a judgement: after each
// decision the ledger, what was really there and what the expert cost, is held
// against what the envelope promises.
type Audit struct {
	mu        sync.Mutex
	Runs      int `json:"runs"`
	Decisions int `json:"decisions"`
	// Limited are decisions whose count the envelope set.
	Limited int `json:"limited"`
	// Begun is how often accounts began anew, once in each run at least.
	Begun int `json:"begun"`
	// Breaches are decisions after which more was spent than λ allows.
	Breaches int `json:"breaches"`
	// Most is the most that was spent, over what the expert cost.
	Most float64 `json:"most_spent_over_expert"`
}

// books is an envelope's ledger.
type books interface {
	Costs() (own, expert float64)
	Began() time.Time
}

// Of is a contestant whose envelope is audited.
func (a *Audit) Of(who evaluate.Contestant, lambda float64) evaluate.Contestant {
	create := who.New
	who.New = func(s *sim.Scenario) (sim.Decider, error) {
		d, err := create(s)
		if err != nil {
			return nil, err
		}
		b, err := booksOf(d)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		a.Runs++
		a.mu.Unlock()
		return &audited{Decider: d, books: b, audit: a, lambda: lambda}, nil
	}
	return who
}

// booksOf finds the envelope among the rules of a decider.
func booksOf(d sim.Decider) (books, error) {
	if open, ok := d.(interface{ Guards() []guard.Guard }); ok {
		for _, g := range open.Guards() {
			if e, is := g.(*guard.Envelope); is {
				return e, nil
			}
		}
	}
	return nil, errors.New("has no envelope to audit")
}

// audited is a decider whose envelope is looked at after each decision.
type audited struct {
	sim.Decider
	books  books
	audit  *Audit
	lambda float64
	began  time.Time
}

// Decide implements [sim.Decider].
func (d *audited) Decide(obs scale.Observation) scale.Decision {
	decision := d.Decider.Decide(obs)
	own, expert := d.books.Costs()
	a := d.audit
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Decisions++
	if decision.SetBy == "envelope" {
		a.Limited++
	}
	if began := d.books.Began(); !began.Equal(d.began) {
		d.began = began
		a.Begun++
	}
	if expert > 0 {
		a.Most = max(a.Most, own/expert)
	}
	if own > (1+d.lambda)*expert*(1+1e-9) {
		a.Breaches++
	}
	return decision
}
