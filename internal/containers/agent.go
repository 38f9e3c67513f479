package containers

import (
	"context"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/clock"
)

// NodeReport is what the agent of a node read. It names every container of
// the node: which of them matter, the agent does not know.
type NodeReport struct {
	Node       string                   `json:"node"`
	At         time.Time                `json:"at"` // by the node's clock
	Machine    cgroups.Machine          `json:"machine"`
	Containers map[string]cgroups.Usage `json:"containers"` // by ID
}

// lookAgain is the time between two looks for containers that are new. It
// costs more than to read those that are known.
const lookAgain = 2 * time.Second

// Agent reads what the containers of its node use. It needs files alone.
type Agent struct {
	Node     string
	Host     *cgroups.Host
	Interval time.Duration
	// Publish sends a report to whoever listens.
	Publish func(ctx context.Context, r NodeReport) error
	Clock   clock.Clock
	Log     *slog.Logger

	looked time.Time
	groups map[string]string // group by container
	pids   map[string]int    // a process by container
}

// Run reports every Interval until ctx is done. What fails is said once, and
// tried again.
func (a *Agent) Run(ctx context.Context) error {
	ticker := a.Clock.NewTicker(a.Interval)
	defer ticker.Stop()
	failing := false
	for {
		err := a.report(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			a.Log.Warn("no report: it is tried again", slog.String("node", a.Node), slog.Any("error", err))
		case err == nil && failing:
			a.Log.Info("reports again", slog.String("node", a.Node))
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Agent) report(ctx context.Context) error {
	r, err := a.look()
	if err != nil {
		return err
	}
	return a.Publish(ctx, r)
}

// look reads every container. One that ends meanwhile is left out.
func (a *Agent) look() (NodeReport, error) {
	machine, err := a.Host.Machine()
	if err != nil {
		return NodeReport{}, err
	}
	r := NodeReport{Node: a.Node, At: a.Clock.Now(), Machine: machine, Containers: map[string]cgroups.Usage{}}
	if since := r.At.Sub(a.looked); since >= lookAgain || since < 0 {
		if err := a.find(); err != nil {
			return NodeReport{}, err
		}
		a.looked = r.At
	}
	var failed error
	for id, group := range a.groups {
		switch u, err := a.Host.Usage(group, a.pids[id]); {
		case err == nil:
			r.Containers[id] = u
		case !cgroups.IsGone(err):
			failed = err
		}
	}
	if len(r.Containers) == 0 && failed != nil {
		return NodeReport{}, failed
	}
	return r, nil
}

// find looks for containers, and for a process of each that has none.
func (a *Agent) find() error {
	groups, err := a.Host.Containers()
	if err != nil {
		return err
	}
	kept := make(map[string]int, len(groups))
	for id := range groups {
		if pid := a.pids[id]; pid > 0 && a.Host.ContainerOfProcess(pid) == id {
			kept[id] = pid
		}
	}
	a.groups, a.pids = groups, kept
	if len(kept) == len(groups) {
		return nil
	}
	found, err := a.Host.Processes(func(id string) bool { return groups[id] != "" && kept[id] == 0 })
	for id, pid := range found {
		kept[id] = pid
	}
	return err
}
