package web

import "net/http"

// route is one thing that can be asked for, and what the OpenAPI document says
// of it.
type route struct {
	method, path string
	handler      http.HandlerFunc
	summary      string
	query        []parameter
	body         any  // of this type; nil: none
	answer       any  // of this type; a string: the content type of something else than JSON
	moved        bool // whether it may lead to the page instead, with a 303
	faults       []int
	open         bool // whether it needs no token
}

// parameter is part of the address or its query.
type parameter struct {
	name, description string
	kind              string // string, integer, time or duration
	enum              []string
	least, most       int64 // of integers
}

func (s *Server) routes() []route {
	routes := append(s.readRoutes(), s.actRoutes()...)
	routes = append(routes, s.openRoutes()...)
	if s.opts.Metrics != nil {
		routes = append(routes, route{method: "GET", path: "/metrics", handler: s.opts.Metrics.ServeHTTP,
			summary: "Flyball's own metrics as Prometheus text.", answer: "text/plain"})
	}
	return routes
}

func (s *Server) readRoutes() []route {
	return []route{
		{method: "GET", path: "/api/v1/targets", handler: s.serveTargets,
			summary: "Every target, without its replicas.", answer: TargetsAnswer{}},
		{method: "GET", path: "/api/v1/targets/{name}", handler: s.serveTarget,
			summary: "One target.", answer: TargetAnswer{}, faults: []int{404}},
		{method: "GET", path: "/api/v1/targets/{name}/series", handler: s.serveSeries,
			summary: "What was measured in a window, oldest first.", answer: SeriesAnswer{}, faults: []int{400, 404, 503}, query: []parameter{
				{name: "since", kind: "time", description: "begin of the window, included; the oldest in memory by default"},
				{name: "until", kind: "time", description: "end of the window, excluded; now by default"},
				{name: "step", kind: "duration", description: "what a point stands for, at least 1s; coarser where the window needs it"},
			}},
		{method: "GET", path: "/api/v1/targets/{name}/decisions", handler: s.serveDecisions,
			summary: "The decision log, newest first.", answer: LogAnswer{}, faults: []int{400, 404, 503}, query: append(pages(maxDecisionID),
				parameter{name: "filter", kind: "string", enum: []string{filterAll, filterChanges, filterHeld}, description: "all, those that ask for another count than there is, or those where a guard allowed another count than was wanted"})},
		{method: "GET", path: "/api/v1/targets/{name}/decisions/{id}", handler: s.serveDecision,
			summary: "One decision with its whole trail and what it was made on.", answer: DecisionAnswer{}, faults: []int{400, 404, 503}},
		{method: "GET", path: "/api/v1/events", handler: s.serveEvents,
			summary: "What happened beside decisions, newest first.", answer: EventsAnswer{}, faults: []int{400, 404, 503}, query: append(pages(maxEventID),
				parameter{name: "target", kind: "string", description: "name of a target; all by default"},
				parameter{name: "type", kind: "string", description: "only events of these types, with commas between them"},
				parameter{name: "exclude", kind: "string", description: "no events of these types, with commas between them"})},
		{method: "GET", path: "/api/v1/stream", handler: s.serveStream,
			summary: "Server-sent events as they happen.", answer: "text/event-stream", faults: []int{404, 503}, query: []parameter{
				{name: "target", kind: "string", description: "name of a target; all by default"},
				{name: "after", kind: "string", description: "ID of the newest event that is known already"},
			}},
		{method: "GET", path: "/api/v1/openapi.json", handler: serveDocument,
			summary: "This document.", answer: map[string]any{}},
		{method: "GET", path: "/version", handler: s.serveVersion,
			summary: "The version of the program.", answer: VersionAnswer{}},
	}
}

func pages(most int64) []parameter {
	return []parameter{
		{name: "limit", kind: "integer", least: 1, most: maxDecisions, description: "how many at most; 100 by default"},
		{name: "before", kind: "integer", least: 1, most: most, description: "only those with a smaller ID"},
		{name: "from", kind: "time", description: "begin of the window, included"},
		{name: "to", kind: "time", description: "end of the window, excluded"},
	}
}

func (s *Server) actRoutes() []route {
	faults := []int{400, 404, 405, 413, 415, 500, 503}
	return []route{
		{method: "PUT", path: "/api/v1/targets/{name}/mode", handler: s.serveSetMode,
			summary: "Set the mode by hand, over what the document says.", body: ModeRequest{}, answer: ModeAnswer{}, faults: faults},
		{method: "DELETE", path: "/api/v1/targets/{name}/mode", handler: s.serveClearMode,
			summary: "Return to the mode that the document says.", answer: ModeAnswer{}, faults: faults},
	}
}

func (s *Server) openRoutes() []route {
	return []route{
		{method: "GET", path: "/healthz", handler: serveHealth, open: true,
			summary: "Whether the server answers.", answer: HealthAnswer{}},
		{method: "GET", path: "/readyz", handler: s.serveReady, open: true,
			summary: "Whether every target had a report and the end has not begun; 503 otherwise.", answer: ReadyAnswer{}},
		{method: "GET", path: "/login", handler: s.serveLoginPage, open: true,
			summary: "The form to log in with; leads to the page who is in.", answer: "text/html", moved: true},
		{method: "POST", path: "/login", handler: s.serveLogin, open: true,
			summary: "Trade a token (form field token) for a cookie; leads to the page.", moved: true, faults: []int{400, 401, 429}},
		{method: "POST", path: "/logout", handler: serveLogout, open: true,
			summary: "Forget the cookie; leads to the page.", moved: true},
	}
}
