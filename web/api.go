package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// TargetView is a target as the API shows it. Times are Unix seconds,
// durations seconds.
type TargetView struct {
	Name string     `json:"name"`
	Mode scale.Mode `json:"mode"` // that holds now
	// DocumentMode is what the document says, Override what was set by hand
	// over it; null: nothing.
	DocumentMode scale.Mode    `json:"documentMode"`
	Override     *OverrideView `json:"override" jsonschema:"nullable"`

	Policy      string           `json:"policy"`
	Shadows     []string         `json:"shadows"`
	Min         int              `json:"min"`
	Max         int              `json:"max"`
	Sync        float64          `json:"sync"`
	Kind        string           `json:"kind"`
	Balancer    string           `json:"balancer,omitempty"`
	Compression float64          `json:"compression"`
	Objective   *ObjectiveStatus `json:"objective" jsonschema:"nullable"` // null: none stated
	ReportAt    float64          `json:"reportAt"`                        // of the newest report; 0: none yet
	StaleAfter  float64          `json:"staleAfter"`
	Point       *Point           `json:"point" jsonschema:"nullable"`      // newest; null: none yet
	Decision    *DecisionView    `json:"decision" jsonschema:"nullable"`   // newest; null: none yet
	LastChange  *DecisionView    `json:"lastChange" jsonschema:"nullable"` // newest that asked for another count
	Faults      []FaultView      `json:"faults"`                           // that last
	Conditions  []ConditionView  `json:"conditions"`
	Replicas    []ReplicaView    `json:"replicas,omitempty"` // only of a single target
	// Advice is what its advisors said; only of a single target, missing where
	// nobody was asked today.
	Advice *AdviceView `json:"advice,omitempty"`
}

// ConditionView is something about a target that lasts.
type ConditionView struct {
	Type    string  `json:"type"`
	Since   float64 `json:"since"` // Unix seconds; 0: not known
	Message string  `json:"message"`
	Guard   string  `json:"guard,omitempty"` // that says so; empty: the target itself
}

// minStaleAfter is the least age at which the newest report counts as old.
const minStaleAfter = 10 * time.Second

// conditions are those of the target itself and those that its guards told
// of in the newest decision.
func (h *history) conditions() []ConditionView {
	var own []scale.Condition
	if h.status != nil {
		own = h.status.Conditions
	}
	views := viewConditions(own)
	if n := len(h.recent); n > 0 {
		views = append(views, viewGuardConditions(h.recent[n-1].Decision.Conditions)...)
	}
	return views
}

func viewGuardConditions(conditions []scale.GuardCondition) []ConditionView {
	views := make([]ConditionView, 0, len(conditions))
	for _, c := range conditions {
		views = append(views, ConditionView{Type: c.Reason.Code, Since: unix(c.Since), Message: c.Reason.String(), Guard: c.Guard})
	}
	return views
}

func viewConditions(conditions []scale.Condition) []ConditionView {
	views := make([]ConditionView, 0, len(conditions))
	for _, c := range conditions {
		views = append(views, ConditionView{Type: c.Type, Since: unix(c.Since), Message: c.Message})
	}
	return views
}

func (h *history) view(now time.Time) TargetView {
	v := TargetView{
		Name: h.name, Mode: h.hand.now(now), DocumentMode: h.hand.document, Override: h.hand.view(now), Policy: h.info.Policy, Shadows: append([]string{}, h.info.Shadows...),
		Min: h.info.Min, Max: h.info.Max, Sync: h.info.Sync.Seconds(), Kind: h.info.Kind, Balancer: h.info.Balancer,
		Compression: max(1, h.info.Compression), Objective: h.objectiveStatus(now), ReportAt: unix(h.reportAt),
		StaleAfter: max(minStaleAfter, 3*h.info.Sync).Seconds(),
		Faults:     append([]FaultView{}, h.faults...), Conditions: h.conditions(),
	}
	if n := len(h.points); n > 0 {
		p := h.points[n-1]
		v.Point = &p
	}
	if newest := h.lines(&logQuery{limit: 1}); len(newest) > 0 {
		v.Decision = &newest[0]
	}
	if newest := h.lines(&logQuery{limit: 1, filter: filterChanges}); len(newest) > 0 {
		v.LastChange = &newest[0]
	}
	return v
}

// TargetsAnswer lists every target without its replicas.
type TargetsAnswer struct {
	Now         float64      `json:"now"`
	Simulation  *Simulation  `json:"simulation" jsonschema:"nullable"` // null: this is real
	Version     string       `json:"version"`
	LastEventID string       `json:"lastEventId"`
	Targets     []TargetView `json:"targets"`
}

// TargetAnswer is one target.
type TargetAnswer struct {
	Now         float64     `json:"now"`
	Simulation  *Simulation `json:"simulation" jsonschema:"nullable"` // null: this is real
	Version     string      `json:"version"`
	LastEventID string      `json:"lastEventId"`
	Target      TargetView  `json:"target"`
}

// Kept says how far an objective is kept.
type Kept struct {
	// Violations is the share of requests of its window that were not good, NaN
	// without requests.
	Violations float64
	Met        bool
	// Requests were judged since the objective is stated here, Bad of them were not
	// good.
	Requests, Bad float64
}

// Judge says how far the objective of a target is kept; false when none is
// stated.
func (s *Server) Judge(name string) (kept Kept, stated bool) {
	now := s.opts.Clock.Now()
	s.withHistory(name, func(h *history) {
		if status := h.objectiveStatus(now); status != nil {
			kept, stated = Kept{1 - float64(status.Good), status.Met, h.keeper.all, h.keeper.bad}, true
		}
	})
	return kept, stated
}

func (s *Server) serveTargets(w http.ResponseWriter, _ *http.Request) {
	now := s.opts.Clock.Now()
	s.mu.Lock()
	views := make([]TargetView, 0, len(s.order))
	for _, name := range s.order {
		views = append(views, s.targets[name].view(now))
	}
	last := s.events.last()
	s.mu.Unlock()
	answer(w, TargetsAnswer{unix(now), s.opts.Simulation, s.opts.Version, last, views})
}

func (s *Server) serveTarget(w http.ResponseWriter, r *http.Request) {
	now := s.opts.Clock.Now()
	s.withTarget(w, r, func(h *history) any {
		view := h.view(now)
		view.Replicas, view.Advice = append([]ReplicaView{}, h.replicas...), h.viewAdvice(now)
		return TargetAnswer{unix(now), s.opts.Simulation, s.opts.Version, s.events.last(), view}
	})
}

// VersionAnswer names the program.
type VersionAnswer struct {
	Version string `json:"version"`
}

// HealthAnswer says that the server answers.
type HealthAnswer struct {
	Status string `json:"status" jsonschema:"enum=ok"`
}

// Fault is the answer to what cannot be done.
type Fault struct {
	Error string `json:"error"` // what, where, what is allowed
}

func (s *Server) serveVersion(w http.ResponseWriter, _ *http.Request) {
	answer(w, VersionAnswer{s.opts.Version})
}

func serveHealth(w http.ResponseWriter, _ *http.Request) { answer(w, HealthAnswer{"ok"}) }

func serveNoSuchEndpoint(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "no %s here: /api/v1/openapi.json lists what there is, from /api/v1/targets on", r.URL.Path)
}

// refuseMethod answers a request whose path is known and whose method is not.
func refuseMethod(allowed []string) http.HandlerFunc {
	list := strings.Join(allowed, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", list)
		refuse(w, http.StatusMethodNotAllowed, "method %s: must be one of %s", r.Method, list)
	}
}

// withTarget answers with what get makes of the named target's history.
func (s *Server) withTarget(w http.ResponseWriter, r *http.Request, get func(*history) any) {
	name := r.PathValue("name")
	s.mu.Lock()
	h, known := s.targets[name]
	var body any
	if known {
		body = get(h)
	}
	s.mu.Unlock()
	if !known {
		s.refuseTarget(w, name)
		return
	}
	answer(w, body)
}

func (s *Server) known(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.targets[name]
	return known
}

func (s *Server) refuseTarget(w http.ResponseWriter, name string) {
	s.mu.Lock()
	names := strings.Join(s.order, ", ")
	s.mu.Unlock()
	if names == "" {
		names = "none"
	}
	refuse(w, http.StatusNotFound, "no target %q: known are %s", name, names)
}

func answer(w http.ResponseWriter, body any) { respond(w, http.StatusOK, body) }

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	respond(w, status, Fault{fmt.Sprintf(format, args...)})
}

// respond encodes before it promises a status.
func respond(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	data = packed(w, append(data, '\n'))
	w.WriteHeader(status)
	w.Write(data) //nolint:errcheck // the client is gone: nobody to tell
}
