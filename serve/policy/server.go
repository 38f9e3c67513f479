package servepolicy

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // the description of the API
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/web"
)

//go:embed openapi.json
var document []byte

const (
	// mostQuestion bounds a question: an observation of thousands of replicas with
	// what a policy remembers.
	mostQuestion = 8 << 20
	// patience is how long a question may wait for its turn, and busyFor what is
	// asked of who is sent away.
	patience = time.Second
	busyFor  = "1"
	// lastWords is how long questions may take that have begun when all ends.
	lastWords = 5 * time.Second
)

// Options of a server.
type Options struct {
	Policy *Served
	// Tokens let people in; empty: everyone who reaches the address is in.
	Tokens []web.Token
	// Parallel is how many questions are answered at a time.
	Parallel int
	Clock    clock.Clock
	Log      *slog.Logger
	Version  string // of the program
}

// Server answers questions over HTTP. Its methods may be called from several
// goroutines.
type Server struct {
	opts    Options
	turns   chan struct{} // one for each question that is being answered
	counted *counted
	mux     *http.ServeMux
	about   []byte
}

// New returns a server.
func New(o Options) (*Server, error) {
	about, err := o.Policy.describe(o.Version)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, turns: make(chan struct{}, max(1, o.Parallel)), counted: newCounted(o.Policy.Kind, o.Version), mux: http.NewServeMux()}
	if s.about, err = json.Marshal(about); err != nil {
		return nil, fmt.Errorf("describe the policy: %w", err)
	}
	s.mux.HandleFunc("POST /v1/recommend", s.guarded(s.recommend))
	s.mux.HandleFunc("GET /v1/policy", s.guarded(func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, http.StatusOK, s.about) }))
	s.mux.HandleFunc("GET /metrics", s.guarded(s.counted.handler.ServeHTTP))
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, http.StatusOK, document) })
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, http.StatusOK, []byte(`{"status":"ok"}`)) })
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "there is no %s %s: see /openapi.json", r.Method, r.URL.Path)
	})
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// Serve answers on l until ctx is done, and then what has begun.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the policy: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // who has not finished is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the policy: %w", err)
	}
	return nil
}

// guarded lets in who has a token, where one is needed.
func (s *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(s.opts.Tokens) > 0 && !s.admits(r) {
			s.counted.refused("token")
			w.Header().Set("WWW-Authenticate", `Bearer realm="flyball"`)
			refuse(w, http.StatusUnauthorized, "a token is needed: send it as Authorization: Bearer TOKEN")
			return
		}
		next(w, r)
	}
}

// admits takes as long whichever token is right.
func (s *Server) admits(r *http.Request) bool {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	hash, found := sha256.Sum256([]byte(strings.TrimSpace(secret))), 0
	for i := range s.opts.Tokens {
		found |= subtle.ConstantTimeCompare(s.opts.Tokens[i].Hash[:], hash[:])
	}
	return found == 1 && strings.EqualFold(scheme, "Bearer")
}

// recommend answers one question.
func (s *Server) recommend(w http.ResponseWriter, r *http.Request) {
	if !s.turn(r.Context()) {
		s.counted.refused("busy")
		w.Header().Set("Retry-After", busyFor)
		refuse(w, http.StatusServiceUnavailable, "%d questions are being answered: ask again", cap(s.turns))
		return
	}
	defer func() { <-s.turns }()
	q, status, err := read(w, r)
	if err != nil {
		s.counted.refused("question")
		refuse(w, status, "%v", err)
		return
	}
	begun := s.opts.Clock.Now()
	a, forgot, err := s.try(q)
	if err != nil {
		s.counted.refused("policy")
		s.opts.Log.Warn("question not answered", slog.String("target", q.Observation.Target), slog.Any("error", err))
		refuse(w, http.StatusUnprocessableEntity, "the policy %s cannot answer: %v", s.opts.Policy.Kind, err)
		return
	}
	s.counted.answered(s.opts.Clock.Now().Sub(begun), a.Replicas != nil, forgot)
	body, err := json.Marshal(a)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "write the answer: %v", err)
		return
	}
	sendJSON(w, http.StatusOK, body)
}

// try keeps what a policy cannot bear from ending the server.
func (s *Server) try(q *remote.Question) (a remote.Answer, forgot bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return s.opts.Policy.Answer(q)
}

// turn waits for one, for a moment.
func (s *Server) turn(ctx context.Context) bool {
	waits, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		return true
	case <-waits.Done():
		return false
	}
}

// read reads and checks a question.
func read(w http.ResponseWriter, r *http.Request) (q *remote.Question, status int, err error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("Content-Type: must be application/json, got %q", kind)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostQuestion))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the question has more than %d bytes", mostQuestion)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("the question was cut off after %d bytes", len(body))
	}
	q = &remote.Question{}
	if err := json.Unmarshal(body, q); err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("the question cannot be read: %w", err)
	}
	if err := q.Validate(); err != nil {
		return nil, http.StatusBadRequest, err
	}
	return q, http.StatusOK, nil
}

// fault is the form of every refusal.
type fault struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	body, err := json.Marshal(fault{fmt.Sprintf(format, args...)})
	if err != nil {
		body = []byte(`{"error":"?"}`)
	}
	sendJSON(w, status, body)
}

func sendJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody to tell
}
