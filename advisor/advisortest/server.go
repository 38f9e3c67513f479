// Package advisortest has servers of language models that say what a test wants:
// they speak the formats that Gemini, OpenAI and Ollama have on the wire, refuse
// what these refuse, and fail in all the ways that servers fail. A request that is
// not as the protocol has it fails the test.
//
//	s := advisortest.NewServer(t, advisortest.Ollama, advisortest.Busy(503, "3"), advisortest.Say(`{"replicas": 4}`))
//	model, err := openai.New(advised.OpenAI{URL: s.URL(), Model: advisortest.Model}, os.Getenv)
package advisortest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Protocol is what a server speaks.
type Protocol string

// Protocols.
const (
	OpenAI Protocol = "OpenAI"
	Gemini Protocol = "Gemini"
	Ollama Protocol = "Ollama"
)

const (
	// Key is the one that OpenAI and Gemini take. Ollama wants none.
	Key = "test-key-9c41e07b"
	// Model is one that every server has. It has also those that are found without
	// configuration.
	Model = "test-model"
)

// Feature is part of a request that not every server knows.
type Feature string

// Features.
const (
	JSONSchema  Feature = "json_schema" // response_format, responseJsonSchema
	JSONObject  Feature = "json_object" // response_format, responseMimeType
	MaxTokens   Feature = "max_tokens"  // in the place of max_completion_tokens
	Temperature Feature = "temperature"
	NoThinking  Feature = "thinking" // a thinkingBudget of 0
	System      Feature = "system"   // systemInstruction
)

// Request is a question that a server was asked, whatever the protocol.
type Request struct {
	Model, System, User string
	// Format is how the answer is wanted: JSONSchema, JSONObject or "".
	Format      Feature
	Schema      string
	SchemaName  string
	MostTokens  int
	Temperature float64 // -1: the server's own
	Key         string
	Path        string
}

// Server is scripted. It may be asked by several goroutines.
type Server struct {
	t        testing.TB
	protocol Protocol
	http     *httptest.Server
	over     chan struct{} // closed at the end of the test

	mu      sync.Mutex // guards what follows
	steps   []Step
	checks  Step
	models  []string
	key     string
	unknown []Feature
	seen    []Request
}

// NewServer returns a server that meets one question after the other as the steps
// say, and each further one as the last says. Questions that it refuses by itself,
// for their key, model or a feature, take no step. It ends with the test.
func NewServer(t testing.TB, p Protocol, steps ...Step) *Server {
	t.Helper()
	if len(steps) == 0 {
		t.Fatal("a server needs at least one step")
	}
	s := &Server{t: t, protocol: p, over: make(chan struct{}), steps: steps, key: Key,
		models: []string{Model, "qwen2.5-coder:3b", "gemini-2.5-flash", "gpt-4o-mini", "gpt-5-mini"}}
	if p == Ollama {
		s.key = ""
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.over)
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// URL is what a configuration names.
func (s *Server) URL() string {
	if s.protocol == Gemini {
		return s.http.URL
	}
	return s.http.URL + "/v1"
}

// Serves replaces the models that it has.
func (s *Server) Serves(models ...string) { s.set(func() { s.models = models }) }

// Wants replaces the key that it takes; "" takes any and none.
func (s *Server) Wants(key string) { s.set(func() { s.key = key }) }

// Lacks makes it refuse requests that use a feature.
func (s *Server) Lacks(features ...Feature) { s.set(func() { s.unknown = features }) }

// Checks replaces how it meets those who ask which models there are.
func (s *Server) Checks(step Step) { s.set(func() { s.checks = step }) }

// Script replaces the steps that are left.
func (s *Server) Script(steps ...Step) { s.set(func() { s.steps = steps }) }

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Requests are the questions so far, also those that were refused.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// next is the step for a question.
func (s *Server) next() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	return step
}

func (s *Server) lacks(f Feature) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.unknown, f)
}

func (s *Server) has(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.models, model)
}

// serve reads a request to its end, so that one is noticed who goes away.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // gone
	}
	x := &exchange{server: s, w: w, r: r}
	switch {
	case s.protocol == Gemini:
		x.gemini(body)
	case s.protocol == Ollama && !strings.HasPrefix(r.URL.Path, "/v1/"):
		x.ollama()
	default:
		x.openai(body)
	}
}

// exchange is one request and how it is met.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	asked  Request
}

// fault fails the test: no server is asked like that.
func (x *exchange) fault(format string, args ...any) {
	x.server.t.Errorf(string(x.server.protocol)+": %s %s: "+format, append([]any{x.r.Method, x.r.URL.Path}, args...)...)
	x.refuse(http.StatusBadRequest, "the request is not as the protocol has it", "invalid_request_error", "")
}

// note keeps a question.
func (x *exchange) note(q Request) {
	q.Path = x.r.URL.Path
	x.asked = q
	x.server.set(func() { x.server.seen = append(x.server.seen, q) })
}

// authorized reports whether the key is taken, else it is refused.
func (x *exchange) authorized(key string) bool {
	x.server.mu.Lock()
	want := x.server.key
	x.server.mu.Unlock()
	if want == "" || key == want {
		return true
	}
	x.unauthorized(key)
	return false
}
