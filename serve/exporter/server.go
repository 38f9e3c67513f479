package exporter

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flyball-io/flyball/web"
)

const (
	// mostScrapes are answered at the same time; they share their readings.
	mostScrapes = 16
	// lastWords is how long scrapes may take that have begun when all ends.
	lastWords = 5 * time.Second
)

// Options of a server.
type Options struct {
	Exporter *Exporter
	// Tokens let people in; empty: everyone who reaches the address is in.
	Tokens  []web.Token
	Log     *slog.Logger
	Version string // of the program
}

// Server answers scrapes.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	own     prometheus.Gatherer // of this process
	scrapes chan struct{}       // has one for each that is being answered
}

// NewServer returns a server.
func NewServer(o Options) *Server {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "flyball_exporter_info", Help: "The exporter that is running; always 1.", ConstLabels: prometheus.Labels{"version": o.Version}})
	info.Set(1)
	own := prometheus.NewRegistry()
	own.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s := &Server{opts: o, own: own, mux: http.NewServeMux(), scrapes: make(chan struct{}, mostScrapes)}
	s.mux.HandleFunc("GET /metrics", s.guarded(s.metrics))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return s
}

// metrics answers one scrape.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	select {
	case s.scrapes <- struct{}{}:
		defer func() { <-s.scrapes }()
	default:
		http.Error(w, fmt.Sprintf("%d scrapes are being answered already", mostScrapes), http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patienceOf(r))
	defer cancel()
	scrape, end := s.opts.Exporter.Scrape(ctx)
	defer end()
	all := prometheus.NewRegistry()
	all.MustRegister(scrape)
	promhttp.HandlerFor(prometheus.Gatherers{all, s.own}, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelWarn)}).ServeHTTP(w, r)
}

// patienceOf is how long Prometheus waits for a scrape, which it says, less what
// the way takes; for whoever does not say it, longer than any deadline.
func patienceOf(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < 3600) {
		return time.Hour
	}
	return time.Duration(seconds * 0.9 * float64(time.Second))
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// Serve answers on l until ctx is done, and then what has begun.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // who has not finished is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// guarded lets in who has a token, where one is needed.
func (s *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(s.opts.Tokens) > 0 && !s.admits(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="flyball"`)
			http.Error(w, "a token is needed: send it as Authorization: Bearer TOKEN", http.StatusUnauthorized)
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
