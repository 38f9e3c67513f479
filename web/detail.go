package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// DecisionAnswer is one decision with its whole trail, what it was made on,
// and the IDs of its neighbours.
type DecisionAnswer struct {
	Target   string       `json:"target"`
	Decision DecisionView `json:"decision"`
	Previous *int64       `json:"previous" jsonschema:"nullable"` // null: there is none
	Next     *int64       `json:"next" jsonschema:"nullable"`     // null: it is the newest
	// Now is the time of the server.
	Now        float64     `json:"now"`
	Simulation *Simulation `json:"simulation" jsonschema:"nullable"` // null: this is real
	// Incomplete says why the record could not be read: only what memory has
	// is here. Missing: nothing is left out.
	Incomplete string `json:"incomplete,omitempty"`
}

// SeenView is what a decision was made on.
type SeenView struct {
	Ready       int             `json:"ready"`
	Starting    int             `json:"starting"`
	Terminating int             `json:"terminating"`
	Signals     []SignalView    `json:"signals"`
	Conditions  []ConditionView `json:"conditions"`
}

// SignalView is the newest value of a signal. Times are Unix seconds,
// durations seconds.
type SignalView struct {
	Name   string      `json:"name"`
	Trust  scale.Trust `json:"trust"`
	Value  Number      `json:"value"`
	At     float64     `json:"at"` // 0: never measured
	Window float64     `json:"window,omitempty"`
	P50    float64     `json:"p50,omitempty"` // of latencies only
	P95    float64     `json:"p95,omitempty"`
	P99    float64     `json:"p99,omitempty"`
}

// keepRecent keeps a decision whole for those who look at it before the record
// has it, or have no record.
func (h *history) keepRecent(d record.Decided) {
	d.Decision = d.Decision.Clone() // the decider reuses its slices
	if n := len(h.recent); len(d.Decision.Conditions) > 0 || (n > 0 && len(h.recent[n-1].Decision.Conditions) > 0) {
		h.version++
	}
	h.recent = append(bound(h.recent, h.room.recent), d)
}

func viewSeen(seen record.Seen) *SeenView {
	view := &SeenView{
		Ready: seen.Ready, Starting: seen.Starting, Terminating: seen.Terminating,
		Signals: []SignalView{}, Conditions: viewConditions(seen.Conditions),
	}
	for i := range seen.Signals {
		m := &seen.Signals[i]
		s := SignalView{
			Name: m.Name, Trust: m.Trust, Value: Number(m.Value), At: unix(m.At), Window: m.Window.Seconds(),
			P50: m.P50, P95: m.P95, P99: m.P99,
		}
		if m.At.IsZero() {
			s.Value = Unknown()
		}
		view.Signals = append(view.Signals, s)
	}
	return view
}

// serveDecision answers with one decision: from memory, else from the record.
func (s *Server) serveDecision(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 0 || id > maxDecisionID {
		refuse(w, http.StatusBadRequest, "id: %q: must be the id of a decision, a whole number from 0 to %d", r.PathValue("id"), maxDecisionID)
		return
	}
	name := r.PathValue("name")
	if !s.known(name) {
		s.refuseTarget(w, name)
		return
	}
	switch found, err := s.findDecision(r.Context(), name, id); {
	case errors.Is(err, record.ErrNotFound):
		refuse(w, http.StatusNotFound, "no decision %d of %q: it is not known, or no longer", id, name)
	case err != nil:
		s.refuseRecord(w, err)
	default:
		answer(w, found)
	}
}

// maxDecisionID keeps times far inside what every calendar can say.
const maxDecisionID = 1 << 47

// findDecision asks memory first, because the record lags a little, and the
// record for what memory no longer holds.
func (s *Server) findDecision(ctx context.Context, name string, id int64) (*DecisionAnswer, error) {
	f := &finding{id: id, answer: &DecisionAnswer{Target: name, Now: unix(s.opts.Clock.Now()), Simulation: s.opts.Simulation}}
	s.withHistory(name, f.remember)
	if s.opts.Store != nil {
		switch err := s.lookUp(ctx, f); {
		case err != nil && !f.found:
			return nil, err
		case err != nil:
			f.answer.Incomplete = s.unreadable(err)
		}
	}
	if !f.found {
		return nil, record.ErrNotFound
	}
	return f.answer, nil
}

// finding is a decision that is being looked for.
type finding struct {
	id     int64
	found  bool
	answer *DecisionAnswer
}

// take notes the decision itself.
func (f *finding) take(d *record.Decided) {
	applied := f.answer.Decision.Applied
	f.found, f.answer.Decision = true, viewDecision(*d)
	f.answer.Decision.Applied, f.answer.Decision.Seen = applied, viewSeen(d.Seen)
}

// pass notes another decision if no nearer one is known.
func (f *finding) pass(other int64) {
	if p := f.answer.Previous; other < f.id && (p == nil || *p < other) {
		f.answer.Previous = &other
	}
	if n := f.answer.Next; other > f.id && (n == nil || *n > other) {
		f.answer.Next = &other
	}
}

// remember looks through memory.
func (f *finding) remember(h *history) {
	for i := range h.decisions {
		f.line(&h.decisions[i])
	}
	for i := range h.recent {
		d := &h.recent[i]
		f.pass(decisionID(d.Decision.At))
		if decisionID(d.Decision.At) == f.id {
			f.take(d)
		}
	}
}

// line looks at a line of the log, which holds the words of its newest
// decision alone.
func (f *finding) line(line *DecisionView) {
	f.pass(line.ID)
	f.pass(line.Newest)
	if f.id < line.ID || f.id > line.Newest {
		return
	}
	applied := line.Applied
	if applied != nil && int64(math.Round(applied.At*1000)) != f.id {
		applied = nil
	}
	if line.Newest == f.id {
		f.found, f.answer.Decision = true, *line
		f.answer.Decision.ID, f.answer.Decision.At, f.answer.Decision.Count = f.id, line.Until, 1
	}
	f.answer.Decision.Applied = applied
}

// lookUp looks into the record.
func (s *Server) lookUp(ctx context.Context, f *finding) error {
	ctx, done, err := s.reading(ctx)
	if err != nil {
		return err
	}
	defer done()
	at, after := time.UnixMilli(f.id), time.UnixMilli(f.id+1)
	own := record.Query{Target: f.answer.Target, From: at, To: after}
	if err := s.walk(ctx, own, func(e record.Entry) bool { f.entry(e); return true }); err != nil {
		return err
	}
	for _, q := range []record.Query{{To: at}, {From: after, OldestFirst: true}} {
		q.Target, q.Kind, q.Limit, q.Brief = f.answer.Target, record.DecidedKind, 1, true
		entries, err := s.opts.Store.Read(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			f.pass(decisionID(e.At))
		}
	}
	return nil
}

func (f *finding) entry(e record.Entry) {
	switch {
	case e.Decided != nil && f.answer.Decision.Seen == nil:
		f.take(e.Decided)
	case e.Applied != nil:
		f.answer.Decision.Applied = &AppliedView{At: unix(e.Applied.At), Error: e.Applied.Error}
	}
}
