package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/record"
)

// Filters of the decision log.
const (
	filterAll     = "all"
	filterChanges = "changes" // asks for another count than there is
	filterHeld    = "held"    // a guard allowed another number than wanted
)

func matches(filter string, v *DecisionView) bool {
	switch filter {
	case filterChanges:
		return v.changes()
	case filterHeld:
		return v.held()
	default:
		return true
	}
}

// LogAnswer is a page of the decision log, newest first.
type LogAnswer struct {
	Target    string         `json:"target"`
	Decisions []DecisionView `json:"decisions"`
	Continued
}

// Continued says what a page leaves out.
type Continued struct {
	// NextBefore is the parameter before of the next page; missing: this one
	// is the last, however few lines another has.
	NextBefore int64 `json:"nextBefore,omitempty"`
	// Incomplete says why the record could not be read: only what memory has
	// is here. Missing: nothing is left out.
	Incomplete string `json:"incomplete,omitempty"`
}

// logQuery says which lines of the log are wanted.
type logQuery struct {
	filter   string
	from, to time.Time // zero: no bound
	before   int64     // 0: no bound
	limit    int64
}

func parseLogQuery(r *http.Request) (*logQuery, error) {
	q := &logQuery{filter: r.URL.Query().Get("filter")}
	switch q.filter {
	case "":
		q.filter = filterAll
	case filterAll, filterChanges, filterHeld:
	default:
		return nil, fmt.Errorf("filter: %q: must be one of all, changes, held", q.filter)
	}
	var err error
	if q.limit, err = countParam(r, "limit", 100, maxDecisions); err != nil {
		return nil, err
	}
	if q.before, err = countParam(r, "before", 0, maxDecisionID); err != nil {
		return nil, err
	}
	q.from, q.to, err = windowParams(r, "from", "to")
	return q, err
}

func (q *logQuery) wants(v *DecisionView) bool {
	return matches(q.filter, v) && (q.before == 0 || v.ID < q.before) &&
		(q.from.IsZero() || v.Newest >= decisionID(q.from)) && (q.to.IsZero() || v.ID < decisionID(q.to))
}

// lines returns what memory has of it, newest first.
func (h *history) lines(q *logQuery) []DecisionView {
	out := []DecisionView{}
	for i := len(h.decisions) - 1; i >= 0 && int64(len(out)) < q.limit; i-- {
		if q.wants(&h.decisions[i]) {
			out = append(out, h.decisions[i])
		}
	}
	return out
}

func (s *Server) serveDecisions(w http.ResponseWriter, r *http.Request) {
	q, err := parseLogQuery(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	older := &pastLog{query: q, target: r.PathValue("name")}
	var lines []DecisionView
	s.withHistory(older.target, func(h *history) {
		lines = h.lines(q)
		older.start(h, lines)
	})
	if lines == nil {
		s.refuseTarget(w, older.target)
		return
	}
	page := LogAnswer{Target: older.target}
	if older.limit = q.limit - int64(len(lines)); s.opts.Store != nil && !older.done {
		if err := s.readLog(r, older); err != nil && len(lines)+len(older.lines) == 0 {
			s.refuseRecord(w, err)
			return
		} else if err != nil {
			page.Incomplete, older.more = s.unreadable(err), true
		}
	}
	page.Decisions = append(lines, older.lines...)
	if n := len(page.Decisions); older.more && n > 0 {
		page.NextBefore = page.Decisions[n-1].ID
	}
	answer(w, page)
}

// maxRead bounds what is read for one page, which may end short of what was
// asked for: where a run is longer, its rest begins the next page.
const maxRead = 20_000

// pastLog reads the part of a page that memory does not have.
type pastLog struct {
	query  *logQuery
	target string
	to     time.Time // where memory begins
	sync   time.Duration
	limit  int64
	done   bool // memory has all of the page
	more   bool // there are lines after the page, or may be

	lines []DecisionView
	read  int
	// applied is what became of decisions, newest first: it stands behind
	// them in the record, so it is met before them.
	applied []record.Applied
}

// start notes where memory begins: what is older is in the record alone.
func (p *pastLog) start(h *history, lines []DecisionView) {
	p.sync = h.info.Sync
	q := p.query
	if n := len(lines); int64(n) == q.limit {
		next := *q
		next.before, next.limit = lines[n-1].ID, 1
		p.more = len(h.lines(&next)) > 0
		p.done = p.more
	}
	ends := []time.Time{q.to}
	if q.before > 0 {
		ends = append(ends, time.UnixMilli(q.before))
	}
	if len(h.decisions) > 0 {
		ends = append(ends, time.UnixMilli(h.decisions[0].ID))
	}
	for _, end := range ends {
		if !end.IsZero() && (p.to.IsZero() || end.Before(p.to)) {
			p.to = end
		}
	}
}

func (s *Server) readLog(r *http.Request, p *pastLog) error {
	if !p.query.from.IsZero() && !p.to.IsZero() && !p.query.from.Before(p.to) {
		return nil // memory has all of it
	}
	if p.limit == 0 {
		p.more = true // whether it is worth to look there shows the next page
		return nil
	}
	ctx, done, err := s.reading(r.Context())
	if err != nil {
		return err
	}
	defer done()
	past := record.Query{Target: p.target, From: p.query.from, To: p.to, Filter: p.filter()}
	return s.walk(ctx, past, p.take)
}

func (p *pastLog) filter() record.Filter {
	if p.query.filter == filterAll {
		return record.All
	}
	return record.Filter(p.query.filter)
}

// take adds an entry, newest first; false when the page is full.
func (p *pastLog) take(e record.Entry) bool {
	p.read++
	switch {
	case e.Applied != nil:
		p.applied = append(p.applied, *e.Applied)
	case e.Decided != nil:
		view := viewDecision(*e.Decided)
		p.match(&view)
		if n := len(p.lines); n > 0 && p.continues(&view, &p.lines[n-1]) {
			lengthen(&p.lines[n-1], &view)
		} else if int64(n) == p.limit {
			p.more = true
			return false
		} else {
			p.lines = append(p.lines, view)
		}
	}
	p.more = p.read >= maxRead && len(p.lines) > 0
	return !p.more
}

// continues reports whether a line goes on with an older decision. Where a
// filter left out what was between them, only those that follow each other
// directly share a line.
func (p *pastLog) continues(older, line *DecisionView) bool {
	if p.query.filter != filterAll && line.ID-older.Newest > (2*p.sync).Milliseconds() {
		return false
	}
	return older.sameRun(line)
}

// lengthen adds an older decision to a line.
func lengthen(line, older *DecisionView) {
	line.ID, line.At, line.Count = older.ID, older.At, line.Count+1
	if line.Applied == nil {
		line.Applied = older.Applied
	}
}

// match finds what became of a decision.
func (p *pastLog) match(v *DecisionView) {
	for i, a := range p.applied {
		if v.ledTo(a) {
			v.Applied = &AppliedView{At: unix(a.At), Error: a.Error}
			p.applied = p.applied[:i]
			return
		}
	}
}
