// Package demo is the main job with nothing installed: real sample processes
// behind the built-in balancer, real HTTP load, the autoscaler and its
// dashboard, and a scorecard at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/app"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/record"
	recorded "github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
	"github.com/flyball-io/flyball/workload"
)

// Options say what is demonstrated.
type Options struct {
	Policy  scale.Plugin
	Compare *scale.Plugin // a second service under the same load; nil: none
	// Shape is the load over real time, already compressed; Workload names it.
	Shape    workload.Shape
	Workload string
	Duration time.Duration // of the load, real time
	// Speed is how many times faster than life time runs: every time constant
	// of policies and rules is divided by it.
	Speed       float64
	MaxReplicas int
	Seed        uint64
	Executable  string // this program, whose sample-app is scaled
	StateDir    string // scratch folder
	Dashboard   net.Listener
	Plugins     *builtin.Registry
	Version     string
	Log         *slog.Logger
	// Screen gets what a person follows; Progress one line a second.
	Screen   io.Writer
	Width    int // columns of Screen; 0: as wide as need be
	Progress func(Progress)
	// Hurry, once done, turns a graceful end into an immediate one.
	Hurry context.Context
}

// Progress is the state of all services a person follows.
type Progress struct {
	Elapsed, Total time.Duration
	Services       []ServiceProgress
}

// ServiceProgress is the state of one service.
type ServiceProgress struct {
	Name                  string
	Rate                  float64 // requests per second sent in the last second
	P95                   time.Duration
	Ready, Specified      int
	Failed, Requests      int64
	LastFrom, LastTo      int
	LastReason, LastSetBy string
}

// side is one of the services that are compared.
type side struct {
	spec    app.Spec
	plane   *proxy.Local
	service *app.Service
	tally   *tally
	result  load.Result

	mu     sync.Mutex
	latest load.Snapshot
}

// Run plays the demonstration until the load ends or ctx is done; when it
// returns, no process is left.
func Run(ctx context.Context, o Options) (Result, error) {
	deps := app.Deps{Bus: memory.New(), Clock: clock.System, Log: o.Log, StateDir: o.StateDir, DieWithController: true,
		Store: recorded.New(recorded.Options{})}
	// An interruption ends the load; what it comes before is still set up, so
	// that there is a result.
	whole := context.WithoutCancel(ctx)
	sides, err := newSides(whole, o, deps)
	if err != nil {
		return Result{}, err
	}
	hands := &actions{sides: sides, speed: o.Speed}
	dashboard := web.New(web.Options{Bus: deps.Bus, Clock: clock.System, Log: o.Log, Version: o.Version, Targets: infos(sides, o.Speed),
		Store: deps.Store, Actions: hands})
	hands.show = dashboard.SetTargets

	running, stop := context.WithCancel(whole)
	defer stop()
	g, running := errgroup.WithContext(running)
	news, err := subscribe(running, deps.Bus)
	if err != nil {
		return Result{}, err
	}
	g.Go(func() error { return app.ServeDashboard(running, o.Dashboard, dashboard, dashboard.Handler(), o.Log) })
	listening := make(chan struct{})
	g.Go(func() error { return app.Remember(running, deps, func() { close(listening) }) })
	<-listening
	g.Go(func() error { news.count(running, sides); return nil })
	for _, s := range sides {
		g.Go(func() error {
			return s.service.Run(running, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: o.Hurry} })
		})
	}
	playing, stopPlaying := context.WithCancel(ctx)
	context.AfterFunc(running, stopPlaying) // a part that fails ends the load
	playErr := warmUp(playing, sides)
	if playErr == nil {
		playErr = play(playing, o, sides)
	}
	stopPlaying()
	for _, s := range sides {
		s.tally.settle(clock.System.Now())
	}
	stop()
	err = errors.Join(g.Wait(), playErr)
	return result(ctx, o, sides), err
}

func newSides(ctx context.Context, o Options, deps app.Deps) ([]*side, error) {
	policies := map[string]scale.Plugin{"shop": o.Policy}
	names := []string{"shop"}
	if o.Compare != nil {
		names = append(names, "shop-compare")
		policies["shop-compare"] = *o.Compare
	}
	var sides []*side
	for _, name := range names {
		s, changes, err := newSide(ctx, name, policies[name], o, deps)
		if err != nil {
			return nil, err
		}
		sides = append(sides, s)
		if name == names[0] {
			introduce(o, s, changes)
		}
	}
	return sides, nil
}

func newSide(ctx context.Context, name string, policy scale.Plugin, o Options, deps app.Deps) (*side, []builtin.Change, error) {
	spec, changes, err := spec(name, policy, o)
	if err != nil {
		return nil, nil, err
	}
	plane, err := proxy.OpenLocal(ctx, *spec.Balancer.(*proxy.Config), clock.System, o.Log)
	if err != nil {
		return nil, nil, err
	}
	service, err := app.NewService(ctx, spec, plane, deps)
	if err != nil {
		return nil, nil, errors.Join(err, plane.Close())
	}
	return &side{spec: spec, plane: plane, service: service, tally: newTally(name)}, changes, nil
}

// introduce says what is about to be seen and by how much time is compressed.
func introduce(o Options, s *side, changes []builtin.Change) {
	what := fmt.Sprintf("Flyball scales a sample service (%d slots of %v: 50 requests/s per replica) under %s for %v.",
		slots, serviceMean, o.Workload, short(o.Duration))
	fmt.Fprintln(o.Screen, strings.Join(cli.Wrap(what, o.Width, 0), "\n"))
	fmt.Fprintf(o.Screen, "Time runs %s times faster than life. Divided by it:\n", scale.Number(o.Speed))
	fmt.Fprintf(o.Screen, "    start-up %s → %s\n", short(startupDelay), short(compress(startupDelay, o.Speed)))
	for _, c := range changes {
		fmt.Fprintf(o.Screen, "    %s %s → %s\n", c.Path, short(c.Before.Std()), short(c.After.Std()))
	}
	fmt.Fprintf(o.Screen, "  service    http://%s\n  dashboard  http://%s\n\n", s.plane.Address(), o.Dashboard.Addr())
}

// short writes a duration with three significant digits.
func short(d time.Duration) string { return scale.Because("", "{0s}", d.Seconds()).String() }

// news is what the services do.
type news struct {
	reports   <-chan control.Report
	decisions <-chan record.Decided
	changes   <-chan record.Applied
}

func subscribe(ctx context.Context, b bus.Bus) (n news, err error) {
	if n.reports, err = control.Reports(b, control.All).Subscribe(ctx); err != nil {
		return news{}, err
	}
	if n.decisions, err = control.Decisions(b, control.All).Subscribe(ctx); err != nil {
		return news{}, err
	}
	n.changes, err = control.Changes(b, control.All).Subscribe(ctx)
	return n, err
}

// count feeds the tallies until ctx is done.
func (n news) count(ctx context.Context, sides []*side) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-n.reports:
			each(sides, func(t *tally) { t.report(r) })
		case d := <-n.decisions:
			each(sides, func(t *tally) { t.decided(d) })
		case c := <-n.changes:
			each(sides, func(t *tally) { t.applied(c) })
		}
	}
}

func each(sides []*side, f func(*tally)) {
	for _, s := range sides {
		f(s.tally)
	}
}

// startTimeout is how long the first replicas may take to be ready.
const startTimeout = 30 * time.Second

// warmUp waits until every service has the replicas that the first moment
// demands, and opens its account.
func warmUp(ctx context.Context, sides []*side) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("the sample service was not ready within %v", startTimeout))
	defer cancel()
	for _, s := range sides {
		for ready := 0; ready < s.spec.Initial; ready, _, _ = s.tally.counts() {
			select {
			case <-ctx.Done():
				if errors.Is(ctx.Err(), context.DeadlineExceeded) {
					return context.Cause(ctx)
				}
				return nil // interrupted
			case <-clock.System.After(20 * time.Millisecond):
			}
		}
	}
	for _, s := range sides {
		s.tally.open(clock.System.Now())
	}
	return nil
}

// play sends the same seeded load to every service at the same time.
func play(ctx context.Context, o Options, sides []*side) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range sides {
		g.Go(func() error {
			var err error
			s.result, err = load.Run(ctx, load.Options{
				URL: "http://" + s.plane.Address() + "/", Shape: o.Shape, Seed: o.Seed, Threshold: threshold, Clock: clock.System,
				OnProgress: func(snapshot load.Snapshot) {
					s.mu.Lock()
					s.latest = snapshot
					s.mu.Unlock()
					if i == 0 && o.Progress != nil {
						o.Progress(progress(o, sides))
					}
				},
			})
			return err
		})
	}
	return g.Wait()
}

func progress(o Options, sides []*side) Progress {
	p := Progress{Total: o.Duration}
	for _, s := range sides {
		s.mu.Lock()
		snapshot := s.latest
		s.mu.Unlock()
		p.Elapsed = max(p.Elapsed, snapshot.Elapsed)
		ready, specified, last := s.tally.counts()
		p.Services = append(p.Services, ServiceProgress{
			Name: s.spec.Name, Rate: snapshot.AchievedRate, P95: snapshot.P95, Ready: ready, Specified: specified,
			Failed: snapshot.Failed, Requests: snapshot.Requests,
			LastFrom: last.CurrentReplicas, LastTo: last.DesiredReplicas, LastReason: last.Reason.String(), LastSetBy: last.SetBy,
		})
	}
	return p
}

func result(ctx context.Context, o Options, sides []*side) Result {
	r := Result{
		Scorecard: sides[0].scorecard(), Workload: o.Workload, DurationSeconds: sides[0].result.DurationSeconds, TimeCompression: o.Speed,
		ThresholdSeconds: threshold.Seconds(), ObjectiveTarget: share, Seed: o.Seed, Interrupted: ctx.Err() != nil, Warnings: []string{},
	}
	if len(sides) > 1 {
		compare := sides[1].scorecard()
		r.Compare = &compare
	}
	for i, name := range r.names() {
		r.Warnings = append(r.Warnings, notes(sides, i, name)...)
	}
	return r
}

// notes are what the load generator doubts of one service; with two it says of
// which.
func notes(sides []*side, i int, name string) []string {
	var all []string
	for _, warning := range sides[i].result.Warnings {
		if len(sides) > 1 {
			warning = name + ": " + warning
		}
		all = append(all, warning)
	}
	return all
}

func (s *side) scorecard() Scorecard {
	return newScorecard(s.spec.Policy.Kind, s.spec.Policy.Description(), s.result, s.tally)
}
