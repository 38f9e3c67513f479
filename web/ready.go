package web

import "net/http"

// ReadyAnswer says whether the instance does its work.
type ReadyAnswer struct {
	Status  string   `json:"status" jsonschema:"enum=ready,enum=starting,enum=stopping"`
	Waiting []string `json:"waiting,omitempty"` // targets without a report
}

// Stopping makes /readyz say that the instance ends; it still answers.
func (s *Server) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// serveReady answers 503 until every target had a report, and at the end. A
// target that a reload brings later changes nothing: the others are served.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	var waiting []string
	for _, name := range s.order {
		if !s.targets[name].heard {
			waiting = append(waiting, name)
		}
	}
	s.ready = s.ready || len(waiting) == 0
	ready, stopping := s.ready, s.stopping
	s.mu.Unlock()
	switch {
	case stopping:
		respond(w, http.StatusServiceUnavailable, ReadyAnswer{Status: "stopping"})
	case !ready:
		respond(w, http.StatusServiceUnavailable, ReadyAnswer{"starting", waiting})
	default:
		answer(w, ReadyAnswer{Status: "ready"})
	}
}
