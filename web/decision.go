package web

import (
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// DecisionView is one line of the decision log: a decision, or a run of
// decisions that differ only in their numbers. Times are Unix seconds.
type DecisionView struct {
	ID     int64   `json:"id"`     // of the first of the run: see decisionID
	Newest int64   `json:"newest"` // ID of the newest, whose words are shown
	At     float64 `json:"at"`     // of the first of the run
	Until  float64 `json:"until"`  // of the newest
	Count  int     `json:"count"`  // how many the run holds

	Mode           scale.Mode           `json:"mode"`
	Policy         string               `json:"policy"`
	From           int                  `json:"from"`
	To             int                  `json:"to"`
	Reason         scale.Reason         `json:"reason"`
	SetBy          string               `json:"setBy"`
	NoData         bool                 `json:"noData,omitempty"`
	Recommendation scale.Recommendation `json:"recommendation"`
	Steps          []scale.Step         `json:"steps"`
	Shadows        []ShadowView         `json:"shadows,omitempty"`
	Applied        *AppliedView         `json:"applied,omitempty"`
	Seen           *SeenView            `json:"seen,omitempty"` // only of a single decision
}

// decisionID is the time of a decision in Unix milliseconds. A target is
// decided on far less often than that, so the ID is its own; it is the same
// before the record knows the decision and after a restart, and fits into a
// number of JavaScript.
func decisionID(at time.Time) int64 { return at.UnixMilli() }

// ShadowView is what a policy that is only watched would have decided.
type ShadowView struct {
	Policy   string       `json:"policy"`
	Replicas int          `json:"replicas"`
	Reason   scale.Reason `json:"reason"`
	SetBy    string       `json:"setBy"`
}

// AppliedView says what became of a decision.
type AppliedView struct {
	At    float64 `json:"at"`
	Error string  `json:"error,omitempty"`
}

// held reports whether a guard allowed another number than was wanted.
func (v *DecisionView) held() bool { return !v.NoData && v.To != v.Recommendation.Replicas }

func (v *DecisionView) changes() bool { return v.From != v.To }

// sameRun reports whether next says the same as v, its numbers aside.
func (v *DecisionView) sameRun(next *DecisionView) bool {
	if v.From != next.From || v.To != next.To || v.Mode != next.Mode || v.SetBy != next.SetBy ||
		v.Policy != next.Policy || v.NoData != next.NoData || v.Reason.Code != next.Reason.Code {
		return false
	}
	return slices.EqualFunc(v.Steps, next.Steps, func(a, b scale.Step) bool {
		return a.Guard == b.Guard && (a.From == a.To) == (b.From == b.To)
	})
}

// viewDecision copies what it keeps: the decider reuses its slices.
func viewDecision(d record.Decided) DecisionView {
	kept := d.Decision.Clone()
	at, id := unix(kept.At), decisionID(kept.At)
	view := DecisionView{
		ID: id, Newest: id, At: at, Until: at, Count: 1, Mode: d.Mode, Policy: kept.Policy,
		From: kept.CurrentReplicas, To: kept.DesiredReplicas, Reason: kept.Reason, SetBy: kept.SetBy,
		NoData: kept.NoData, Recommendation: kept.Recommendation, Steps: kept.Steps,
	}
	if !Number(view.Recommendation.Confidence).Known() {
		view.Recommendation.Confidence = 0 // JSON knows no NaN
	}
	if view.Steps == nil {
		view.Steps = []scale.Step{}
	}
	for _, s := range d.Shadows {
		view.Shadows = append(view.Shadows, ShadowView{Policy: s.Policy, Replicas: s.DesiredReplicas, Reason: s.Reason, SetBy: s.SetBy})
	}
	return view
}

// addDecision appends to the log or lengthens its newest run, and returns the
// line as it is now.
func (h *history) addDecision(d record.Decided) DecisionView {
	view := viewDecision(d)
	h.hand.note(d)
	h.keepRecent(d)
	if n := len(h.decisions); n > 0 && h.decisions[n-1].sameRun(&view) {
		old := &h.decisions[n-1]
		view.ID, view.At, view.Count, view.Applied = old.ID, old.At, old.Count+1, old.Applied
		h.matchEarly(&view)
		*old = view
		return view
	}
	h.matchEarly(&view)
	h.decisions = append(bound(h.decisions, h.room.decisions), view)
	return view
}

func (h *history) matchEarly(v *DecisionView) {
	if h.early != nil && v.ledTo(*h.early) {
		v.Applied = &AppliedView{At: unix(h.early.At), Error: h.early.Error}
		h.early = nil
	}
}

// wish remembers the decided counts for the points to come, writes them into
// the newest one, and reports whether that changed it.
func (h *history) wish(d record.Decided) bool {
	h.desired = Number(d.Decision.DesiredReplicas)
	if !sameWishes(h.wishes, d.Shadows) {
		h.wishes = make(map[string]int, len(d.Shadows)) // points share the old one
		for _, s := range d.Shadows {
			h.wishes[s.Policy] = s.DesiredReplicas
		}
	}
	if len(h.points) == 0 {
		return false
	}
	p := &h.points[len(h.points)-1]
	if p.Desired == h.desired && maps.Equal(p.Shadows, h.wishes) {
		return false
	}
	p.Desired, p.Shadows = h.desired, h.wishes
	return true
}

func sameWishes(known map[string]int, shadows []scale.Decision) bool {
	for _, s := range shadows {
		if n, ok := known[s.Policy]; !ok || n != s.DesiredReplicas {
			return false
		}
	}
	return len(known) == len(shadows)
}

// addApplied finds the decision that was carried out and notes what became of
// it. The bus keeps no order between subjects: a decision that comes after its
// own result finds it waiting.
func (h *history) addApplied(a record.Applied) (DecisionView, bool) {
	for i := len(h.decisions) - 1; i >= 0; i-- {
		if d := &h.decisions[i]; d.ledTo(a) {
			d.Applied = &AppliedView{At: unix(a.At), Error: a.Error}
			return *d, true
		}
	}
	h.early = &a
	return DecisionView{}, false
}

func (v *DecisionView) ledTo(a record.Applied) bool {
	id := decisionID(a.At)
	return id >= v.ID && id <= v.Newest && v.To == a.To
}
