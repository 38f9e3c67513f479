// Package web shows what the pipeline does: it listens on the bus, keeps a
// bounded history of every target in memory, and serves it as a JSON API, a
// stream of events and the dashboard, which is embedded in the binary. It
// only reads; nothing it does reaches a target.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Options says what a Server shows and where it hears of it.
type Options struct {
	Bus     bus.Bus
	Clock   clock.Clock
	Log     *slog.Logger // nil: nothing is logged
	Version string       // of the program, shown in the page and at /version
	Targets []TargetInfo
	// AllowedHosts are names accepted in the Host header beside the loopback
	// ones when a request arrives on a loopback address, for example that of a
	// reverse proxy on the same machine.
	AllowedHosts []string
}

// TargetInfo is what is known of a target before anything was measured.
type TargetInfo struct {
	Name      string
	Mode      scale.Mode
	Policy    string   // description, for example "hpa (requestRate, 35 per replica)"
	Shadows   []string // descriptions of the shadow policies
	Objective *scale.Objective
	Min, Max  int
	Sync      time.Duration // time between two decisions
	Kind      string        // what is scaled, in words: "process ./shop"
	Balancer  string        // address where requests arrive; empty: not known
	// Compression is how many times faster than in real life time runs (every
	// time constant was divided by it); 0 and 1 mean not at all.
	Compression float64
}

// Server keeps the history and answers requests. Its methods may be called
// from several goroutines.
type Server struct {
	opts    Options
	log     *slog.Logger
	events  *eventLog
	streams chan struct{} // one token per open stream
	stopped chan struct{} // closed when Run has ended

	mu      sync.Mutex // guards what follows
	order   []string   // names of the targets as configured
	targets map[string]*history
}

// maxStreams bounds the number of pages that watch at the same time.
const maxStreams = 256

// New returns a server that knows its targets but has heard nothing yet.
func New(opts Options) *Server {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opts:    opts,
		log:     log,
		events:  newEventLog(opts.Clock.Now()),
		streams: make(chan struct{}, maxStreams),
		stopped: make(chan struct{}),
		targets: map[string]*history{},
	}
	s.SetTargets(opts.Targets)
	return s
}

// SetTargets replaces the targets, as after a reload. The history of a target
// that stays is kept; its objective is judged afresh when it changed.
func (s *Server) SetTargets(infos []TargetInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make(map[string]*history, len(infos))
	s.order = s.order[:0]
	for _, info := range infos {
		if _, twice := kept[info.Name]; twice {
			continue
		}
		h, known := s.targets[info.Name]
		if !known {
			h = newHistory(info.Name)
		}
		h.configure(info)
		kept[info.Name] = h
		s.order = append(s.order, info.Name)
	}
	s.targets = kept
	s.events.add(eventTargets, "", struct{}{})
}

// Run listens on the bus until ctx is done. Streams end when it returns, so
// cancel it before shutting the HTTP server down.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.stopped)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports, err := control.Reports(s.opts.Bus, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	decisions, err := control.Decisions(s.opts.Bus, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	changes, err := control.Changes(s.opts.Bus, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case r, open := <-reports:
			if !open {
				return busClosed(ctx)
			}
			s.report(r)
		case d, open := <-decisions:
			if !open {
				return busClosed(ctx)
			}
			s.decided(d)
		case c, open := <-changes:
			if !open {
				return busClosed(ctx)
			}
			s.applied(c)
		}
	}
}

func busClosed(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("dashboard: the bus ended the subscription")
}

// Handler serves the API, the stream and the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/targets", s.serveTargets)
	mux.HandleFunc("GET /api/v1/targets/{name}", s.serveTarget)
	mux.HandleFunc("GET /api/v1/targets/{name}/series", s.serveSeries)
	mux.HandleFunc("GET /api/v1/targets/{name}/decisions", s.serveDecisions)
	mux.HandleFunc("GET /api/v1/stream", s.serveStream)
	mux.HandleFunc("GET /version", s.serveVersion)
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("/api/", serveNoSuchEndpoint)
	mux.Handle("/", newAssets())
	return s.secure(mux)
}

func (s *Server) report(r control.Report) {
	s.withHistory(r.Target, func(h *history) {
		h.addReport(r)
		s.tellPoint(h)
		for _, f := range h.updateFaults(r) {
			s.events.add(eventFault, r.Target, f)
		}
	})
}

func (s *Server) decided(d record.Decided) {
	name := d.Decision.Target
	s.withHistory(name, func(h *history) {
		s.events.add(eventDecision, name, h.addDecision(d))
		if h.wish(d) {
			s.tellPoint(h)
		}
	})
}

func (s *Server) applied(a record.Applied) {
	s.withHistory(a.Target, func(h *history) {
		event := appliedEvent{At: unix(a.At), From: a.From, To: a.To, Error: a.Error}
		if d, found := h.addApplied(a); found {
			event.Decision = d.ID
		}
		s.events.add(eventApplied, a.Target, event)
		if f, changed := h.executed(a); changed {
			s.events.add(eventFault, a.Target, f)
		}
	})
}

// withHistory calls do with the target's history, unless a reload removed the
// target or it is another instance's.
func (s *Server) withHistory(name string, do func(*history)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, known := s.targets[name]; known {
		do(h)
	}
}

// tellPoint sends the newest point as it is now.
func (s *Server) tellPoint(h *history) {
	newest := h.points[len(h.points)-1]
	s.events.add(eventPoint, h.name, pointEvent{Point: newest, Objective: h.objectiveStatus(h.reportAt)})
}
