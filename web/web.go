// Package web shows what the pipeline does: it listens on the bus, keeps a
// bounded history of every target in memory, and serves it as a JSON API, a
// stream of events and the dashboard, which is embedded in the binary. What is
// older it reads from the record. What operators do it hands to Actions; it
// reaches no target itself.
package web

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
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
	Bus   bus.Bus
	Clock clock.Clock
	// Wall is the clock of connections and logins where Clock is that of a
	// simulation; nil: Clock is.
	Wall clock.Clock
	// Simulation is not nil where what is shown is simulated.
	Simulation *Simulation
	Log        *slog.Logger // nil: nothing is logged
	Version    string       // of the program, shown in the page and at /version
	Targets    []TargetInfo
	// Store remembers what is older than memory; nil: nothing is.
	Store record.Store
	// Actions are what operators may do; nil: they may only look.
	Actions Actions
	// Tokens let people in; empty: everyone who reaches the address is in.
	Tokens []Token
	// Metrics is served at /metrics; nil: nothing is.
	Metrics http.Handler
	// Answered is told of each request that was answered: what was asked for, in
	// few words, and how; nil: nobody is. A stream has no duration.
	Answered func(route string, code int, took *time.Duration)
	// AllowedHosts are names accepted in the Host header beside the loopback
	// ones when a request arrives on a loopback address and no token is needed,
	// for example that of a reverse proxy on the same machine.
	AllowedHosts []string
}

// Simulation says how what is shown is simulated.
type Simulation struct {
	// Speed is how many seconds pass in one of real time.
	Speed float64 `json:"speed"`
	// Load says what arrives.
	Load string `json:"load"`
}

// TargetInfo is what is known of a target before anything was measured.
type TargetInfo struct {
	Name      string
	Mode      scale.Mode // as the document says
	Override  *Override  // what was set by hand over it; nil: nothing
	Policy    string     // description, for example "hpa (requestRate, 35 per replica)"
	Shadows   []string   // names of the shadow policies, as in decisions
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
	reads   chan struct{} // one token per request that reads the record
	wanted  chan struct{} // receives when there are targets to load
	stopped chan struct{} // closed when Run has ended
	door    door
	// failures counts wrong tokens.
	failures failures

	mu        sync.Mutex // guards what follows
	ready     bool       // whether every target had a report once
	stopping  bool
	order     []string // names of the targets as configured
	targets   map[string]*history
	chronicle chronicle
}

// maxStreams bounds the number of pages that watch at the same time.
const maxStreams = 256

// New returns a server that knows its targets but has heard nothing yet.
func New(opts Options) *Server {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if opts.Wall == nil {
		opts.Wall = opts.Clock
	}
	s := &Server{
		opts:    opts,
		log:     log,
		events:  newEventLog(opts.Clock.Now()),
		streams: make(chan struct{}, maxStreams),
		reads:   make(chan struct{}, maxReads),
		wanted:  make(chan struct{}, 1),
		stopped: make(chan struct{}),
		targets: map[string]*history{},
		door:    door{guarded: len(opts.Tokens) > 0, tokens: opts.Tokens, changed: make(chan struct{})},
	}
	if opts.Store != nil {
		s.chronicle.since = math.MaxInt64 // until it is loaded
	}
	s.SetTargets(opts.Targets)
	return s
}

// SetTargets replaces the targets, as after a reload. The history of a target
// that stays is kept; its objective is judged afresh when it changed. Pages are
// told what to ask for again: for all when documents changed, for one when only
// what was set over it by hand did.
func (s *Server) SetTargets(infos []TargetInfo) {
	now := s.opts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make(map[string]*history, len(infos))
	order := make([]string, 0, len(infos))
	var byHand []string
	changed := false
	for _, info := range infos {
		if _, twice := kept[info.Name]; twice {
			continue
		}
		h, known := s.targets[info.Name]
		if !known {
			h = newHistory(info.Name)
		}
		h.room = roomFor(len(infos))
		changed = changed || !sameDocument(h.info, info)
		if !reflect.DeepEqual(h.info.Override, info.Override) {
			byHand = append(byHand, info.Name)
		}
		h.configure(info, now)
		kept[info.Name] = h
		order = append(order, info.Name)
	}
	changed = changed || !slices.Equal(order, s.order)
	s.targets, s.order = kept, order
	s.events.fit(len(order))
	s.tellTargets(changed, byHand)
	select {
	case s.wanted <- struct{}{}:
	default: // it will look anyway
	}
}

// sameDocument reports whether two differ in what was set by hand alone.
func sameDocument(a, b TargetInfo) bool {
	a.Override, b.Override = nil, nil
	a.Shadows, b.Shadows = append([]string{}, a.Shadows...), append([]string{}, b.Shadows...)
	return reflect.DeepEqual(a, b)
}

// tellTargets says that all targets are to be asked for again, or some of them.
func (s *Server) tellTargets(all bool, some []string) {
	if all {
		some = []string{""}
	}
	for _, name := range some {
		s.events.add(eventTargets, name, struct{}{})
	}
}

// Run listens on the bus until ctx is done. Streams end when it returns, so
// cancel it before shutting the HTTP server down.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.stopped)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if s.opts.Store != nil {
		var loading sync.WaitGroup
		defer loading.Wait()
		defer cancel()
		loading.Go(func() { s.load(ctx) })
		loading.Go(func() { s.loadEvents(ctx) })
	}
	return s.hear(ctx, heard)
}

// subscriptions are what the server hears of.
type subscriptions struct {
	reports   <-chan control.Report
	decisions <-chan record.Decided
	changes   <-chan record.Applied
	events    <-chan record.Event
}

func (s *Server) listen(ctx context.Context) (heard subscriptions, err error) {
	b := s.opts.Bus
	if heard.reports, err = control.Reports(b, control.All).Subscribe(ctx); err != nil {
		return heard, err
	}
	if heard.decisions, err = control.Decisions(b, control.All).Subscribe(ctx); err != nil {
		return heard, err
	}
	if heard.changes, err = control.Changes(b, control.All).Subscribe(ctx); err != nil {
		return heard, err
	}
	heard.events, err = control.Events(b, control.All).Subscribe(ctx)
	return heard, err
}

func (s *Server) hear(ctx context.Context, heard subscriptions) error {
	for {
		open := true
		select {
		case <-ctx.Done():
			return nil
		case r, ok := <-heard.reports:
			if open = ok; ok {
				s.report(r)
			}
		case d, ok := <-heard.decisions:
			if open = ok; ok {
				s.decided(d)
			}
		case c, ok := <-heard.changes:
			if open = ok; ok {
				s.applied(c)
			}
		case e, ok := <-heard.events:
			if open = ok; ok {
				s.happened(e)
			}
		}
		if !open {
			return busClosed(ctx)
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
	methods := map[string][]string{}
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, r.handler)
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, allowed := range methods {
		mux.HandleFunc(path, refuseMethod(allowed))
	}
	mux.HandleFunc("/api/", serveNoSuchEndpoint)
	s.profile(mux)
	mux.Handle("/", newAssets())
	return s.meter(mux, s.secure(s.admit(pack(mux))))
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

// happened keeps an event and tells it, unless it is another instance's.
func (s *Server) happened(e record.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.targets[e.Target]; !known && e.Target != "" {
		s.chronicle.dropped = max(s.chronicle.dropped, eventID(e)) // the record may have it
		return
	}
	if view, fresh := s.chronicle.add(e); fresh {
		if h := s.targets[e.Target]; h != nil {
			h.addAdvised(e)
		}
		s.events.add(eventEvent, e.Target, view)
	}
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
