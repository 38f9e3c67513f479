// Package haproxy balances with HAProxy and measures with it, over its runtime
// API: nothing is reloaded to scale.
//
// What it promises. Replicas take the slots of a server-template; a new one
// serves before an old one drains. Draining waits for HAProxy's own count of
// requests in progress. A file of server states lets a HAProxy that was killed
// start with the same servers, and what it lost or somebody changed by hand is
// set again at the next look. Another controller that takes over finds its
// replicas by their addresses, and takes what is in progress elsewhere for that
// of replicas that drained before. Rates, errors, requests in progress and the
// distribution of latencies come from the same socket.
//
// What it cannot. HAProxy does not hold requests while there is no replica
// (503 at once). No more replicas serve than there are slots. After a reload,
// requests that go on in the old process are not seen, also not by a drain.
// Latency ends with the first byte of the answer, in buckets of a third of an
// octave, and is missing where haproxy.cfg was not rendered by [Render] for
// the same threshold. A client that gives up counts only when it was answered.
// The frontend may not have the backend's name: its statistics would hide it.
package haproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Plane keeps one backend of HAProxy equal to what it is told.
type Plane struct {
	cfg    Config
	clk    clock.Clock
	log    *slog.Logger
	socket socket
	edges  []int64

	// turn is held by who talks to HAProxy, so that looks and changes have an
	// order.
	turn chan struct{}

	mu     sync.Mutex // guards all below; nobody does I/O under it
	set    bool       // SetBackends was called: slots nobody knows are freed
	known  map[string]*backend
	slots  map[string]*backend // by slot, those that leave included
	met    map[string]bool     // IDs that were listed since slots were last without strange requests
	last   snapshot
	tally  tally
	stored storage
}

// backend is a replica and what is known of it.
type backend struct {
	balancer.BackendStatus
	slot     string // "" until there is one
	leaving  bool   // no longer listed; the slot is free when nothing is in progress
	draining bool
	serving  bool   // HAProxy sends it requests
	before   counts // of the slot, at the last look
	window   *latency.Window
}

var (
	_ balancer.Balancer = (*Plane)(nil)
	_ source.Source     = (*Plane)(nil)
	_ source.Runner     = (*Plane)(nil)
	_ target.Traffic    = (*Plane)(nil)
)

// New returns a plane. It does no I/O: HAProxy may start later.
func New(cfg Config, clk clock.Clock, log *slog.Logger) (*Plane, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Plane{
		cfg: cfg, clk: clk, log: log, socket: socket{cfg.Socket}, edges: edges(cfg.Threshold),
		turn: make(chan struct{}, 1), known: map[string]*backend{}, slots: map[string]*backend{}, met: map[string]bool{},
	}
	p.tally.window = latency.NewWindow(cfg.MetricWindow.Std(), clk.Now())
	return p, nil
}

// Run looks at HAProxy until ctx is done, and mends what is not as it should
// be. HAProxy goes on afterwards.
func (p *Plane) Run(ctx context.Context) error {
	failing := false
	for {
		err := p.sync(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			p.log.Warn("cannot steer HAProxy", slog.String("backend", p.cfg.Backend), slog.Any("error", err))
		case err == nil && failing:
			p.log.Info("HAProxy is steered again", slog.String("backend", p.cfg.Backend))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-p.clk.After(p.pollInterval()):
		}
	}
}

func (p *Plane) pollInterval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.PollInterval.Std()
}

// SetBackends makes exactly these the known backends. An ID with another
// address is another backend.
func (p *Plane) SetBackends(ctx context.Context, backends []balancer.Backend) error {
	for _, b := range backends {
		if _, err := addressOf(b); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.list(backends)
	p.mu.Unlock()
	return p.sync(ctx)
}

// list takes over what is wanted. The caller holds the lock.
func (p *Plane) list(backends []balancer.Backend) {
	next := make(map[string]*backend, len(backends))
	for _, wanted := range backends {
		b := p.known[wanted.ID]
		if b == nil || b.Backend != wanted {
			b = &backend{BackendStatus: balancer.BackendStatus{Backend: wanted, State: balancer.Unhealthy}}
			b.window = latency.NewWindow(p.cfg.MetricWindow.Std(), p.clk.Now())
		}
		next[wanted.ID] = b
		p.met[wanted.ID] = true
	}
	for id, b := range p.known {
		b.leaving = next[id] != b
	}
	p.known, p.set = next, true
}

// Backends looks at HAProxy and says what is known of each.
func (p *Plane) Backends(ctx context.Context) ([]balancer.BackendStatus, error) {
	if err := p.measure(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]balancer.BackendStatus, 0, len(p.known))
	for _, b := range p.known {
		out = append(out, b.BackendStatus)
	}
	slices.SortFunc(out, func(a, b balancer.BackendStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// rounds are looks and changes until nothing is left to change: leave slots
// that nobody knows, take them, see that they serve.
const rounds = 4

// sync looks at HAProxy and changes what is not as it should be.
func (p *Plane) sync(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var errs []error
	for range rounds {
		seen, err := p.look(ctx)
		if err != nil {
			return err
		}
		changes, missing := p.merge(seen)
		if errs = append(errs[:0], missing); len(changes) == 0 {
			break
		}
		for _, c := range changes {
			if err := c.make(ctx, p.socket, p.cfg.Backend); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(append(errs, p.store(ctx))...)
}

// merge takes over what was seen and returns what is to be changed, and that
// slots are missing.
func (p *Plane) merge(seen snapshot) ([]change, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.pid != 0 && p.last.pid != seen.pid {
		p.log.Info("HAProxy was started anew", slog.String("backend", p.cfg.Backend), slog.Int("pid", seen.pid))
		p.last = snapshot{at: p.last.at, pid: seen.pid} // it counts from zero
		for _, b := range p.slots {
			b.before = counts{}
		}
	}
	p.tally.note(p, seen)
	p.observe(seen)
	p.last = seen
	missing := p.assign(seen)
	if !slices.ContainsFunc(seen.slots, p.strange) {
		clear(p.met)
	}
	changes := p.changes(seen)
	if len(changes) > 0 {
		p.stored.due = time.Time{}
	}
	return changes, missing
}

func addressFault(b balancer.Backend, err error) error {
	return fmt.Errorf("backend %s: address %q: %w", b.ID, b.Address, err)
}
