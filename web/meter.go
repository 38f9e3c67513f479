package web

import (
	"net/http"
	"strings"
)

// meter tells of each request what it asked for and how it was answered, also of
// those that get no further than the door.
func (s *Server) meter(routes *http.ServeMux, next http.Handler) http.Handler {
	if s.opts.Answered == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := routes.Handler(r)
		route := routeOf(pattern)
		metered := &metered{ResponseWriter: w, code: http.StatusOK}
		begun := s.opts.Wall.Now()
		defer func() {
			took := max(0, s.opts.Wall.Now().Sub(begun))
			if route == "/api/v1/stream" {
				s.opts.Answered(route, metered.code, nil)
				return
			}
			s.opts.Answered(route, metered.code, &took)
		}()
		next.ServeHTTP(metered, r)
	})
}

// routeOf is the path of a pattern such as "GET /api/v1/targets/{name}": there
// are as many as the server has, whatever is asked for.
func routeOf(pattern string) string {
	if _, path, found := strings.Cut(pattern, " "); found {
		return path
	}
	return pattern
}

// metered notes the status of an answer.
type metered struct {
	http.ResponseWriter
	code    int
	written bool
}

// Unwrap is for http.ResponseController.
func (m *metered) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// WriteHeader notes the first final status.
func (m *metered) WriteHeader(code int) {
	if !m.written && code >= http.StatusOK {
		m.code, m.written = code, true
	}
	m.ResponseWriter.WriteHeader(code)
}

// Write implies 200.
func (m *metered) Write(data []byte) (int, error) {
	m.written = true
	return m.ResponseWriter.Write(data)
}
