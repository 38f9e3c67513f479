package containers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// The subjects on the bus. Agents publish to that of their node; the role that
// has the engine publishes to that of a target which container is which.
const (
	nodesSubject = "nodes."
	rollsSubject = "containers."
)

// NodeSubject is where the agent of a node reports.
func NodeSubject(node string) string { return nodesSubject + node }

// RollSubject is where it is told which container each replica of a target is.
func RollSubject(target string) string { return rollsSubject + target }

// Subscribe is that of a bus.
type Subscribe func(ctx context.Context, subject string) (<-chan any, error)

// listener is the half of a bus that listens.
type listener struct{ subscribe Subscribe }

var errDeaf = errors.New("this side of the bus only listens")

func (listener) Publish(context.Context, string, any) error { return errDeaf }

func (l listener) Subscribe(ctx context.Context, subject string) (<-chan any, error) {
	return l.subscribe(ctx, subject)
}

// ErrNoBus is why agents cannot be heard.
var ErrNoBus = errors.New("reports of agents come over the bus, and there is none")

// Agents is the back end that listens to the agents of all nodes. Which
// container is which replica comes from a role that has the engine, over the
// bus too; until it is heard, from replicas that are called like their
// containers.
type Agents struct {
	Meter     *Meter
	Target    string
	Subscribe Subscribe
	// Replicas lists what exists of the target.
	Replicas func(ctx context.Context) ([]scale.Replica, error)

	roll  Roll
	nodes map[string]node
}

// node is what an agent has said last, and when that was heard by our clock.
type node struct {
	NodeReport
	heard time.Time
}

// nodeGone is how long after its last report a node is forgotten. Its containers
// have no readings long before.
const nodeGone = 5 * time.Minute

// Run measures until ctx is done.
func (a *Agents) Run(ctx context.Context) error {
	if a.Subscribe == nil {
		a.Meter.Fail(ErrNoBus)
		<-ctx.Done()
		return nil
	}
	for {
		a.attend(ctx)
		select {
		case <-a.Meter.clock.After(retryInterval):
		case <-ctx.Done():
			return nil
		}
	}
}

// attend listens until ctx is done or the bus has ended that.
func (a *Agents) attend(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports, rolls, err := a.listen(ctx)
	if err != nil {
		a.Meter.Fail(err)
		return
	}
	a.run(ctx, reports, rolls)
}

func (a *Agents) listen(ctx context.Context) (<-chan NodeReport, <-chan Roll, error) {
	l := listener{a.Subscribe}
	reports, err := bus.Topic[NodeReport]{Bus: l, Subject: NodeSubject(bus.Any)}.Subscribe(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listen to agents: %w", err)
	}
	rolls, err := bus.Topic[Roll]{Bus: l, Subject: RollSubject(a.Target)}.Subscribe(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listen to who has the engine: %w", err)
	}
	return reports, rolls, nil
}

// run takes what is heard until one of the two has ended.
func (a *Agents) run(ctx context.Context, reports <-chan NodeReport, rolls <-chan Roll) {
	a.nodes = map[string]node{}
	again := a.Meter.clock.NewTicker(retryInterval)
	defer again.Stop()
	for {
		select {
		case r, open := <-reports:
			if !open {
				return
			}
			a.hear(r)
		case r, open := <-rolls:
			if !open {
				return
			}
			a.take(r)
		case <-again.C:
			a.follow(ctx)
		}
	}
}

// hear takes what an agent has read. Its clock says how old that is; one that
// is ahead of ours says no more than that it is new.
func (a *Agents) hear(r NodeReport) {
	at, now := r.At, a.Meter.clock.Now()
	a.nodes[r.Node] = node{r, now}
	if at.After(now) {
		at = now
	}
	for id, usage := range r.Containers {
		a.Meter.add(id, Reading{At: at, Tick: r.At, Usage: usage}, r.Machine)
	}
}

// take takes what is told by who has the engine.
func (a *Agents) take(roll Roll) {
	a.roll = roll
	for _, entry := range roll.Replicas {
		if entry.Vitals != nil {
			a.Meter.learn(entry.Container, *entry.Vitals, entry.At, entry.SizeAt)
		}
	}
}

// follow brings the meter up to date with what exists.
func (a *Agents) follow(ctx context.Context) {
	replicas, err := a.Replicas(ctx)
	a.Meter.Fail(err)
	if err != nil {
		return
	}
	now := a.Meter.clock.Now()
	maps.DeleteFunc(a.nodes, func(_ string, n node) bool { return now.Sub(n.heard) > nodeGone })
	var names []docker.Name
	for _, r := range a.nodes {
		for id := range r.Containers {
			names = append(names, docker.Name{ID: id})
		}
	}
	index := NewIndex(names)
	a.Meter.FollowReplicas(replicas, func(replica string) string {
		if entry, told := a.roll.Replicas[replica]; told {
			return entry.Container
		}
		return index.Container(replica)
	})
}

// Roller is a target that knows which container each of its replicas is.
type Roller interface {
	Roll(ctx context.Context) (Roll, error)
}

// Announce tells every second which container each replica of a target is,
// until ctx is done. Who has the engine does so for those who have not.
func Announce(ctx context.Context, clk clock.Clock, publish func(context.Context, Roll) error, target Roller) error {
	ticker := clk.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if roll, err := target.Roll(ctx); err == nil {
			_ = publish(ctx, roll) // the next one holds all that this one did
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
