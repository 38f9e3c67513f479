// Package metricstest is an API server that speaks the metrics APIs of
// Kubernetes as the real ones do, with what a test says, for tests of whatever
// asks them.
package metricstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Server answers what was set. What was not is answered as an API server does
// that knows no such API: 404, and no JSON.
type Server struct {
	URL string

	mu      sync.Mutex // guards what follows
	answers map[string]answer
	asked   []string
	hangs   bool
}

type answer struct {
	status int
	body   string
}

// New starts a server that ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{answers: map[string]answer{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Set makes an address, with its query if it has one, answer a body with 200.
func (s *Server) Set(address, body string) { s.set(address, answer{http.StatusOK, body}) }

// Fail makes an address answer what the machinery of Kubernetes answers when
// something is wrong: a status with a reason (NotFound, Forbidden).
func (s *Server) Fail(address string, code int, reason, message string) {
	body, _ := json.Marshal(map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{},
		"status": "Failure", "code": code, "reason": reason, "message": message}) // strings and numbers
	s.set(address, answer{code, string(body)})
}

func (s *Server) set(address string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[address] = a
}

// Hang lets every request wait until it is given up.
func (s *Server) Hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs = true
}

// Asked lists the addresses that were asked, in their order.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// ServeHTTP answers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := r.URL.Path // as it is meant: clients write * as %2A
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	a, found, hangs := s.answer(address)
	switch {
	case hangs:
		<-r.Context().Done()
	case !found:
		http.Error(w, "404 page not found", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
	}
}

func (s *Server) answer(address string) (a answer, found, hangs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, address)
	a, found = s.answers[address]
	return a, found, s.hangs
}

// Kubeconfig writes a kubeconfig whose context has a namespace.
func (s *Server) Kubeconfig(t *testing.T, namespace string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q}}]
users: [{name: test, user: {}}]
contexts: [{name: test, context: {cluster: test, user: test, namespace: %s}}]
current-context: test
`, s.URL, namespace)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
