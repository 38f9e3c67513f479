package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/telemetry"
	"github.com/flyball-io/flyball/web"
)

// Options say how a controller runs.
type Options struct {
	Deps
	// Specs are what runs from the start.
	Specs []Spec
	// Reload reads the documents anew, whenever Reloads receives. An error
	// keeps everything as it is.
	Reload  func() ([]Spec, error)
	Reloads <-chan struct{}
	// Taken is told what runs from now on; nil: nobody wants to know.
	Taken func([]Spec)
	// LeftOut says what of the newest documents is wrong and was left out,
	// because nothing of it runs; nil: nothing ever is.
	LeftOut func() error
	// Open makes the parts of a service; nothing of them must run or serve yet.
	Open func(ctx context.Context, s Spec) (Parts, error)
	// Dashboard is where API and dashboard are served, or the metrics alone where
	// those are another process's; nil: nothing is.
	Dashboard net.Listener
	// Beside are other ways to what is decided.
	Beside  []Beside
	Version string
	// Tokens allow who may ask; none: everyone who can connect. ReloadTokens
	// reads them anew with the documents; nil: they stay.
	Tokens       []web.Token
	ReloadTokens func() ([]web.Token, error)
	// AllowedHosts are names of a reverse proxy on this machine.
	AllowedHosts []string
	// MetricsAlone serves neither API nor dashboard, whatever the roles.
	MetricsAlone bool
	Ending       Ending
	// Failed is told of a service that has ended by itself, in the goroutine of
	// that service; the others go on. Nil: the controller ends with it.
	Failed func(name string, err error)
	// Simulation is not nil where the world is simulated.
	Simulation *web.Simulation
}

// Beside is a way to what is decided beside the dashboard, such as one for
// another autoscaler.
type Beside interface {
	// SetTargets says which targets there are, at first and after each change.
	SetTargets(targets []web.TargetInfo)
	// Run answers until ctx is done. The controller ends when it fails.
	Run(ctx context.Context) error
}

// Controller runs one service for each document, and the dashboard.
type Controller struct {
	opts      Options
	dashboard *web.Server
	metrics   *telemetry.Metrics
	services  map[string]*running
	commands  chan command
	ended     chan struct{} // closed when no command is taken any more
	failed    context.CancelCauseFunc
	begun     []*running // to be launched
	broken    atomic.Bool
}

// running is a service with what stops it.
type running struct {
	*Service
	stop   context.CancelFunc
	remove context.CancelFunc // also ends its replicas
	done   chan struct{}
	err    error
	told   time.Time // end of the pause that was told last
}

func newRunning(s *Service) *running {
	r := &running{Service: s, done: make(chan struct{})}
	if end := s.spec.PausedUntil; end != nil && !s.deps.Clock.Now().Before(*end) {
		r.told = *end // it was over before the start
	}
	return r
}

// address is where requests are taken now.
func (r *running) address() string {
	if a, ok := r.plane.(interface{ Address() string }); ok {
		return a.Address()
	}
	return r.spec.front().Listen
}

// NewController makes every service before any is started, so that whatever
// is wrong is known while nothing runs.
func NewController(ctx context.Context, opts Options) (*Controller, error) {
	c := &Controller{opts: opts, services: map[string]*running{}, commands: make(chan command), ended: make(chan struct{}),
		metrics: telemetry.New(telemetry.Options{Bus: opts.Bus, Clock: opts.Clock, Version: opts.Version})}
	if opts.Commons == nil {
		c.opts.Commons = new(advisor.Commons)
	}
	if opts.Store != nil {
		c.opts.Store = c.metrics.Store(opts.Store)
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	c.dashboard = web.New(web.Options{Bus: opts.Bus, Clock: opts.Clock, Wall: opts.Wall, Simulation: opts.Simulation, Log: opts.Log, Version: opts.Version, Targets: c.infos(),
		Store: opts.Store, Actions: c, Tokens: opts.Tokens, AllowedHosts: opts.AllowedHosts, Metrics: c.metrics.Handler(), Answered: c.metrics.Answered})
	c.metrics.JudgedBy(func(name string) (telemetry.Kept, bool) {
		kept, stated := c.dashboard.Judge(name)
		return telemetry.Kept(kept), stated
	})
	c.show()
	return c, nil
}

// Run runs everything until ctx is done or a part fails.
func (c *Controller) Run(ctx context.Context) error {
	running, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	c.failed = failed
	// The dashboard outlives the loop, so that the end can be watched, and the
	// record outlives all, so that it is complete.
	after := context.WithoutCancel(ctx)
	stopRemembering := c.remember(after)
	stopServing := c.serve(after)
	for _, s := range c.services {
		c.launch(running, s)
	}
	c.tell(running, record.Event{Type: control.ControllerStarted, Message: fmt.Sprintf("version %s, %s", c.opts.Version, counted(len(c.services), "document"))})
	c.taken(running, c.opts.Specs)
	c.follow(running)
	c.dashboard.Stopping()
	err := c.end()
	c.tell(after, record.Event{Type: control.ControllerStopped, Message: why(ctx, running)})
	return errors.Join(err, stopServing(), stopRemembering())
}

// remember starts what keeps the record, and returns what ends it. Nothing
// that is published from now on is missed.
func (c *Controller) remember(ctx context.Context) (stop func() error) {
	listening := make(chan struct{})
	p := start(ctx, "record", func(ctx context.Context) error {
		return Remember(ctx, c.opts.Deps, func() { close(listening) })
	}, c.failed)
	select {
	case <-listening:
	case <-p.done:
	}
	return p.end
}

// serve starts dashboard and metrics, and returns what ends them.
func (c *Controller) serve(ctx context.Context) (stop func() error) {
	metrics := start(ctx, "metrics", c.metrics.Run, c.failed)
	page := start(ctx, "dashboard", func(ctx context.Context) error {
		if c.opts.Dashboard == nil {
			return c.watch(ctx)
		}
		err := ServeDashboard(ctx, c.opts.Dashboard, c.dashboard, c.handler(), c.opts.Log)
		c.broken.Store(c.broken.Load() || err != nil)
		return err
	}, c.failed)
	bus := start(ctx, "watch of the bus", c.watchBus, c.failed)
	var beside []*part
	for _, b := range c.opts.Beside {
		beside = append(beside, start(ctx, "what is served beside the dashboard", func(ctx context.Context) error {
			err := b.Run(ctx)
			c.broken.Store(c.broken.Load() || err != nil) // no reason to end replicas
			return err
		}, c.failed))
	}
	return func() error {
		var errs []error
		for _, b := range beside {
			errs = append(errs, b.end())
		}
		return errors.Join(append(errs, bus.end(), page.end(), metrics.end())...)
	}
}

// handler answers what this process serves: without the role dashboard only how
// it is itself.
func (c *Controller) handler() http.Handler {
	all := c.dashboard.Handler()
	why := fmt.Sprintf("this process is %s and serves /metrics, /healthz and /readyz; API and dashboard are those of the role dashboard", c.opts.roles())
	switch {
	case c.opts.MetricsAlone:
		why = "this address serves /metrics, /healthz and /readyz; API and dashboard need a --token-file where other machines can reach them"
	case c.opts.has(roles.Dashboard):
		return all
	}
	some := http.NewServeMux()
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/"} {
		some.Handle("GET "+path, all)
	}
	some.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // who asks has gone
	})
	some.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, why, http.StatusNotFound)
	})
	return some
}

// watch is a dashboard that nobody sees.
func (c *Controller) watch(ctx context.Context) error {
	if err := c.dashboard.Run(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	<-ctx.Done()
	return nil
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// why says what ended the controller.
func why(asked, running context.Context) string {
	if asked.Err() != nil {
		return "it was asked to"
	}
	return context.Cause(running).Error()
}

// prepare makes every service, or none.
func (c *Controller) prepare(ctx context.Context) error {
	var errs []error
	for _, spec := range c.opts.Specs {
		s, err := c.make(ctx, spec)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", spec.Name, err))
			continue
		}
		c.services[spec.Name] = s
	}
	if len(errs) > 0 {
		closePlanes(c.services)
	}
	return errors.Join(errs...)
}

func (c *Controller) make(ctx context.Context, spec Spec) (*running, error) {
	parts, err := c.opts.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	service, err := NewServiceOf(ctx, spec, parts, c.opts.Deps)
	if err != nil {
		closePlane(parts.Plane)
		return nil, err
	}
	return newRunning(service), nil
}

func closePlanes(services map[string]*running) {
	for _, r := range services {
		closePlane(r.plane)
	}
}

// launch starts a service beside the others.
func (c *Controller) launch(ctx context.Context, r *running) {
	ctx, r.stop = context.WithCancel(ctx)
	c.announce(ctx, r)
	removed, remove := context.WithCancel(context.Background())
	r.remove = remove
	go func() {
		defer close(r.done)
		defer remove()
		ending := c.opts.Ending
		r.err = r.Run(ctx, func() Ending {
			ending.StopReplicas = removed.Err() != nil || (ending.StopReplicas && !c.broken.Load())
			return ending
		})
		if r.err != nil && c.opts.Failed != nil {
			c.opts.Failed(r.name, r.err)
		} else if r.err != nil {
			// One broken part must not take the replicas of the others with it:
			// they go on, and the next controller adopts them.
			c.broken.Store(true)
			c.failed(fmt.Errorf("%s: %w", r.name, r.err))
		}
	}()
}

// announce says where a service can be reached and what it starts with: where
// the count is remembered, that of the last run.
func (c *Controller) announce(ctx context.Context, r *running) {
	attrs := []slog.Attr{slog.String("target", r.name), slog.String("address", r.address())}
	if status, err := r.target.Status(ctx); err == nil && status.SpecReplicas > 0 {
		attrs = append(attrs, slog.Int("replicas", status.SpecReplicas))
	}
	c.opts.Log.LogAttrs(ctx, slog.LevelInfo, "service starts", attrs...)
}

// end stops every service and returns what went wrong.
func (c *Controller) end() error {
	var errs []error
	for _, r := range c.services {
		r.stop()
	}
	for _, r := range c.services {
		<-r.done
		if c.opts.Failed == nil { // else it was told
			errs = append(errs, r.err)
		}
	}
	return errors.Join(errs...)
}

// show tells dashboard, metrics and what is beside them which targets there are.
func (c *Controller) show() {
	infos := c.infos()
	c.dashboard.SetTargets(infos)
	for _, b := range c.opts.Beside {
		b.SetTargets(infos)
	}
	measured := make([]telemetry.Target, 0, len(c.services))
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		measured = append(measured, c.services[name].spec.measuredBy())
	}
	c.metrics.SetTargets(measured)
}

func (c *Controller) infos() []web.TargetInfo {
	infos := make([]web.TargetInfo, 0, len(c.services))
	for _, r := range c.services {
		infos = append(infos, r.Info(r.address(), 1))
	}
	slices.SortFunc(infos, func(a, b web.TargetInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}
