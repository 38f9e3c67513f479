package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus"
	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	recordmemory "github.com/flyball-io/flyball/record/memory"
)

// lead is the work of the instance that acts.
type lead struct {
	opts    Options
	manager manager.Manager
	objects cache.Informer
	decoder *decoder
	// receives is the door to the dashboard; nil: there is none.
	receives *reception
	err      error // of the end
}

// NeedLeaderElection says yes.
func (*lead) NeedLeaderElection() bool { return true }

// keptEntries is how many decisions are kept for the dashboard: some minutes of
// a thousand Autoscalers, some hours of ten.
const keptEntries = 20_000

// Start acts until ctx is done.
//
// The order is that of a controller on one machine: what was remembered is read
// before the first decision, who tells and keeps listens before anything is
// said, and ends after all the rest.
func (l *lead) Start(ctx context.Context) error {
	o := l.opts.App
	o.Log.Info("acts: this instance scales")
	if l.receives != nil {
		o.Dashboard = l.receives.acting
		l.receives.act(true)
		defer l.receives.act(false)
	}
	if r := l.opts.Relay; r != nil {
		r.act(true)
		defer r.act(false)
	}
	cluster := inCluster{client: l.manager.GetClient(), reader: l.manager.GetAPIReader(), log: o.Log, namespaces: l.opts.Namespaces}
	t, err := newTeam(ctx, o, l.decoder, cluster, l.manager.GetEventRecorder("flyball"), applyStatus(l.manager.GetClient()))
	if err != nil {
		return err
	}
	stopFollowing, err := follow(l.objects, t.desk)
	if err != nil {
		return err
	}
	l.err = errors.Join(t.run(ctx), stopFollowing())
	return l.err
}

// team is who works where an instance acts: the controller, who hands it
// documents, and those who tell and keep.
type team struct {
	controller *app.Controller
	bus        bus.Bus
	desk       *desk
	board      *board
	herald     *herald
	writer     *writer
	memories   *memories
	clock      clock.Clock
	log        *slog.Logger
}

func newTeam(ctx context.Context, o app.Options, d *decoder, k keeper, r events.EventRecorder, apply func(context.Context, due) error) (*team, error) {
	if o.Bus == nil {
		o.Bus = busmemory.New()
	}
	if o.Store == nil {
		o.Store = recordmemory.New(recordmemory.Options{MaxEntries: keptEntries})
	}
	t := &team{bus: o.Bus, clock: o.Clock, log: o.Log, board: newBoard(o.Clock)}
	t.memories = newMemories(o.Store, k, t.board, o.Clock, o.Log)
	t.memories.begins = newPast(t.board, d.plugins, o.Clock, o.Log).memory
	if err := t.memories.load(ctx); err != nil {
		return nil, err
	}
	o.Store = t.memories
	t.herald = newHerald(t.board, r, o.Clock)
	t.board.scaled = t.herald.scaled
	t.writer = &writer{board: t.board, apply: apply, clock: o.Clock, log: o.Log}
	t.desk = newDesk(d, nil, o.Clock, o.Log)
	t.desk.known, t.desk.told, t.desk.forgotten = t.board.know, t.told, t.forget
	o.Specs, o.Reload, o.Reloads, o.Failed = nil, nil, nil, t.desk.failed
	if o.Ending.Hurry == nil {
		o.Ending.Hurry = context.WithoutCancel(ctx)
	}
	if o.Open == nil {
		o.Open = app.Opener(o.Deps, nil)
	}
	var err error
	t.controller, err = app.NewController(ctx, o)
	t.desk.controller = t.controller
	return t, err
}

func (t *team) told(doc *document, v verdict) {
	t.board.verdict(doc, v)
	t.herald.verdict(doc, v)
}

func (t *team) forget(key types.NamespacedName) {
	t.board.forget(key)
	t.herald.forget(Name(key))
	t.memories.forget(Name(key))
}

// run works until ctx is done. Who tells and keeps listens before anything is
// said, and outlives the controller.
func (t *team) run(ctx context.Context) error {
	after, stopAfter := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAfter()
	listeners, after := errgroup.WithContext(after)
	listening := make(chan struct{})
	listeners.Go(func() error { return t.board.Run(after, t.bus, func() { close(listening) }) })
	listeners.Go(func() error { return t.herald.Run(after, t.bus) })
	listeners.Go(func() error { return t.writer.Run(after) })
	listeners.Go(func() error { return t.memories.Run(after) })
	select {
	case <-listening:
	case <-after.Done():
	}
	work, running := errgroup.WithContext(ctx)
	work.Go(func() error { return ended(running, "controller", t.controller.Run(running)) })
	work.Go(func() error { return ended(running, "desk", t.desk.Run(running)) })
	work.Go(func() error { return t.followTokens(running) })
	err := work.Wait()
	if kept := t.memories.flush(ctx); kept != nil {
		t.log.Warn("not all that Autoscalers remember could be kept", slog.Any("error", kept))
	}
	stopAfter()
	err = errors.Join(err, listeners.Wait())
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	t.writer.write(last)
	return err
}

// tokensEvery is the time between two looks at the tokens: a Secret that is
// mounted takes a minute to arrive.
const tokensEvery = 10 * time.Second

// followTokens lets in whose tokens the file holds now, until ctx is done. What
// cannot be read leaves them as they were.
func (t *team) followTokens(ctx context.Context) error {
	ticker := t.clock.NewTicker(tokensEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := t.controller.ReloadTokens()
		if failed := err != nil; failed != failing {
			failing = failed
			t.log.Warn("tokens", slog.Bool("read", !failed), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// ended makes a fault of an end that nobody asked for.
func ended(ctx context.Context, what string, err error) error {
	if err == nil && ctx.Err() == nil {
		return fmt.Errorf("%s ended by itself", what)
	}
	return err
}
