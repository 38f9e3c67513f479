// Package record holds the contract of what remembers: an append-only log of
// what was observed, decided and done, and the memory that policies, guards
// and operators' wishes need to outlive the controller. It feeds explain, the
// dashboard, replay and training. recordtest holds the promises as tests.
package record

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Errors that callers branch on.
var (
	// ErrNotFound: there is no such value.
	ErrNotFound = errors.New("not recorded")
	// ErrDamaged: the store cannot be read and could not be repaired.
	ErrDamaged = errors.New("record is damaged")
	// ErrFull: nothing more can be written, for want of space.
	ErrFull = errors.New("no space left for the record")
	// ErrInUse: another process has the store open.
	ErrInUse = errors.New("record is in use")
)

// Store keeps the record of many targets.
//
// Write is all or nothing and durable against an end of the process when it
// returns. Entries get ascending IDs in the order of writing. Read returns
// the entries that a query asks for. What is older than the store's retention,
// or beyond its size, goes: the oldest first, never a value.
// All methods may be called from several goroutines.
type Store interface {
	Write(ctx context.Context, b Batch) error
	Read(ctx context.Context, q Query) ([]Entry, error)
	// Value returns what was last written under a key of a target, or
	// ErrNotFound.
	Value(ctx context.Context, target, key string) ([]byte, error)
	Close() error
}

// Batch is written together.
type Batch struct {
	Entries []Entry
	Values  []Value
}

// Value is one piece of memory; a nil Data removes it.
type Value struct {
	Target, Key string
	Data        []byte
}

// Keys of values.
const (
	// DeciderKey is the snapshot of a target's deciders.
	DeciderKey = "decider"
	// OverrideKey is what an operator changed by hand: mode, pause.
	OverrideKey = "override"
)

// Entry is one line of the log: exactly one of Decided, Applied and Event is
// set.
type Entry struct {
	// ID is given by the store.
	ID      int64     `json:"id"`
	Target  string    `json:"target"` // empty: the controller itself
	At      time.Time `json:"at"`
	Decided *Decided  `json:"decided,omitempty"`
	Applied *Applied  `json:"applied,omitempty"`
	Event   *Event    `json:"event,omitempty"`
}

// Kind is what an entry is about.
type Kind string

// Kinds of entries.
const (
	DecidedKind Kind = "decided"
	AppliedKind Kind = "applied"
	EventKind   Kind = "event"
)

// Kind of the entry.
func (e Entry) Kind() Kind {
	switch {
	case e.Decided != nil:
		return DecidedKind
	case e.Applied != nil:
		return AppliedKind
	default:
		return EventKind
	}
}

// Query says which entries to read. The zero value asks for all.
type Query struct {
	Target string // empty: of every target
	Kind   Kind   // empty: of every kind
	// From and To bound At: From included, To excluded; zero: no bound.
	From, To time.Time
	// Before and After bound the ID, both excluded; 0: no bound.
	Before, After int64
	// Limit is the most entries to return; 0: no limit.
	Limit int
	// OldestFirst turns the order round; by default the newest comes first.
	OldestFirst bool
	// Filter leaves out decisions; other kinds are not affected.
	Filter Filter
	// Brief leaves the trails out: decisions come with their counts, reason
	// and what was seen, without proposals, steps and shadows' trails.
	Brief bool
}

// Filter chooses decisions.
type Filter string

// Filters.
const (
	All     Filter = ""
	Changes Filter = "changes" // ask for another count than there was
	Held    Filter = "held"    // a guard allowed another count than was wanted
)

// Decided is one decision with what it was made on and the wishes of the
// shadows beside it.
type Decided struct {
	Decision scale.Decision   `json:"decision"`
	Shadows  []scale.Decision `json:"shadows,omitempty"`
	Mode     scale.Mode       `json:"mode"`
	Seen     Seen             `json:"seen"`
	// ObeyUntil is how long a decision to be consumed is an order: what it was
	// made on may be over since. Zero: always.
	ObeyUntil time.Time `json:"obeyUntil,omitzero"`
	// Outlook is what the policy expects, and Budget what replicas have cost; nil:
	// it does not look ahead, there is none. Who listens is told, the record is not.
	Outlook *Outlook `json:"outlook,omitempty"`
	Budget  *Budget  `json:"budget,omitempty"`
	Mark
}

// Outlook is what a policy expects of the load, to be held against what comes.
type Outlook struct {
	// Signal is what was measured, and Load its newest value: requests per second,
	// or replicas' worth of CPU.
	Signal string  `json:"signal"`
	Load   float64 `json:"load"`
	// Peak are quantiles (50, 90, 99 %) of the highest load until Horizon.
	Peak    [3]float64    `json:"peak"`
	Horizon time.Duration `json:"horizon"`
}

// Budget is what replicas have cost since midnight, of what they may in a day.
type Budget struct {
	Spent  float64 `json:"spent"`
	PerDay float64 `json:"perDay"`
}

// Unforeseen is d without what only those are told who listen.
func (d Decided) Unforeseen() Decided {
	d.Outlook, d.Budget = nil, nil
	return d
}

// Mark is the place of a decision among all of a target where several planners
// take turns: the term of the planner, and how many decisions he has made in it.
// Zero where there is one planner.
type Mark struct {
	Term int64 `json:"term,omitempty"`
	Seq  int64 `json:"seq,omitempty"`
}

// Compare orders marks: by term, then by number.
func (m Mark) Compare(other Mark) int {
	return cmp.Or(cmp.Compare(m.Term, other.Term), cmp.Compare(m.Seq, other.Seq))
}

// Seen is an observation reduced to its newest values.
type Seen struct {
	Ready       int `json:"ready"`
	Starting    int `json:"starting"`
	Terminating int `json:"terminating"`
	// ReadySince is when the replica that became ready last did; zero: none is,
	// or it is not known.
	ReadySince time.Time `json:"readySince,omitzero"`
	// Signals are sorted by name.
	Signals    []Measured        `json:"signals,omitempty"`
	Conditions []scale.Condition `json:"conditions,omitempty"`
}

// Measured is the newest value of a signal. Quantiles are in seconds and only
// there for latencies.
type Measured struct {
	Name   string        `json:"name"`
	Trust  scale.Trust   `json:"trust"`
	Value  float64       `json:"value"`
	At     time.Time     `json:"at"`
	Window time.Duration `json:"window,omitempty"`
	P50    float64       `json:"p50,omitempty"`
	P95    float64       `json:"p95,omitempty"`
	P99    float64       `json:"p99,omitempty"`
}

// Applied says that the executor told the target to change its count.
type Applied struct {
	Target string    `json:"target"`
	At     time.Time `json:"at"` // of the observation that led to it
	From   int       `json:"from"`
	To     int       `json:"to"`
	Error  string    `json:"error,omitempty"` // why it could not be done
	Mark             // of the decision
}

// Event is something that happened beside decisions: an operator's action, a
// reload, a fault that began or ended.
type Event struct {
	Type    string    `json:"type"` // CamelCase, for example Paused
	Target  string    `json:"target,omitempty"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"` // who did it; empty: Flyball itself
	Message string    `json:"message"`
	// Advised is the exchange that the event tells of; nil: it tells of none.
	Advised *Advised `json:"advised,omitempty"`
}

// Override is what an operator set by hand over the mode of a document. It is
// kept as JSON under OverrideKey.
type Override struct {
	Mode scale.Mode `json:"mode"`
	// Until is when a pause ends by itself; nil: never.
	Until  *time.Time `json:"until,omitempty"`
	By     string     `json:"by"`
	At     time.Time  `json:"at"`
	Reason string     `json:"reason,omitempty"`
}
