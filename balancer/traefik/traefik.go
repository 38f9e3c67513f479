// Package traefik balances with Traefik and measures with it: the service and
// its router are a dynamic configuration that Traefik fetches here (its HTTP
// provider) or reads from a file (its file provider).
//
// What it promises. Traefik itself says which configuration it follows: every
// one has a version, shown on a route of its own. A call returns when its
// change is in force, and an error when Traefik does not take it in time. What
// is drained is no longer in the configuration, and gets the time of the
// slowest request of late to finish what it has, or Settle where that is more.
// Traefik keeps its last configuration while nobody provides one, and after a
// restart of the controller it is given the same again until replicas are known.
// Rates, errors, the distribution of latencies and clients' connections come
// from Traefik's metrics.
//
// What it cannot. Traefik does not count requests in progress, neither of the
// service nor of a replica: concurrency is by Little's law the rate times the
// mean latency of what has ended, so a long request counts once, when it ends;
// a drain trusts in time, and a request that takes longer than those before it
// is left to the replica's own grace. Nothing is counted by replica. Rates are of
// answers, not of arrivals. WebSockets and event streams are left out. Every
// change of replicas lets rate limits and the circuit breaker begin anew. No
// requests are held while there is no replica (503), nor before the first
// configuration (404).
package traefik

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
)

// Plane keeps one service of Traefik equal to what it is told.
type Plane struct {
	cfg       Config
	clk       clock.Clock
	log       *slog.Logger
	client    *webclient.Client
	origin    string // of versions: another controller's are others
	provider  *provider
	stateFile string // of what is served over HTTP; "" remembers nothing

	// turn is held by who writes a file, and look by who reads the metrics, so
	// that each has an order.
	turn, looking chan struct{}

	mu      sync.Mutex // guards all below; nobody does I/O under it
	known   map[string]*backend
	gone    map[string]*backend // no longer listed, and perhaps not finished
	wanted  uint64              // raised by every change
	inForce uint64              // the change that Traefik follows
	began   time.Time           // when the first of our changes came in force
	body    []byte              // the configuration that is wanted
	fetched time.Time           // when Traefik last asked for it
	tally   tally
}

// backend is a replica and what is known of it.
type backend struct {
	balancer.BackendStatus
	with     uint64    // the change that brings it in
	draining bool      // in the state once that is in force
	without  uint64    // the first change that has it no more; 0 while it is in
	leaves   time.Time // when that was wanted
	left     time.Time // when it came in force
}

// Timeouts and sizes of what Traefik is asked.
const (
	askTimeout = 2 * time.Second
	askBytes   = 32 << 20
)

// New returns a plane. It does no I/O: Traefik may start later, and what it
// fetches is served from [Config.Open] on.
func New(cfg Config, clk clock.Clock, log *slog.Logger) (*Plane, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Plane{
		cfg: cfg, clk: clk, log: log, origin: rand.Text()[:8],
		client: webclient.New(webclient.Options{Client: calls.Balancer, Timeout: askTimeout, MaxBytes: askBytes, Direct: true}),
		turn:   make(chan struct{}, 1), looking: make(chan struct{}, 1),
		known: map[string]*backend{}, gone: map[string]*backend{},
		tally: newTally(cfg, clk.Now()),
	}, nil
}

// Run serves the configuration, reads the metrics and mends what is not as it
// should be until ctx is done. Traefik goes on afterwards.
func (p *Plane) Run(ctx context.Context) error {
	defer p.client.Close()
	g, ctx := errgroup.WithContext(ctx)
	if p.provider != nil {
		g.Go(func() error { return p.provider.run(ctx) })
	}
	g.Go(func() error { return p.watch(ctx) })
	return g.Wait()
}

// watch looks at Traefik's metrics and at the file.
func (p *Plane) watch(ctx context.Context) error {
	failing := false
	for {
		err := p.look(ctx)
		if err == nil {
			err = p.mend(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			p.log.Warn("cannot see Traefik", slog.String("service", p.cfg.Service), slog.Any("error", err))
		case err == nil && failing:
			p.log.Info("Traefik is seen again", slog.String("service", p.cfg.Service))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-p.clk.After(p.config().PollInterval.Std()):
		}
	}
}

// SetBackends makes exactly these the known backends, and returns once Traefik
// follows. An ID with another address is another backend.
func (p *Plane) SetBackends(ctx context.Context, backends []balancer.Backend) error {
	for _, b := range backends {
		if err := checked(b); err != nil {
			return err
		}
	}
	p.mu.Lock()
	err := p.list(backends)
	goal := p.wanted
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return p.apply(ctx, goal)
}

// list takes over what is wanted. The caller holds the lock.
func (p *Plane) list(backends []balancer.Backend) error {
	next, same := make(map[string]*backend, len(backends)), p.wanted > 0
	for _, wanted := range backends {
		b := p.known[wanted.ID]
		if b == nil || b.Backend != wanted {
			same = false
			b = &backend{BackendStatus: balancer.BackendStatus{Backend: wanted, State: balancer.Active}, with: p.wanted + 1}
		}
		next[wanted.ID] = b
	}
	for id, b := range p.known {
		if next[id] == b {
			continue
		}
		same = false
		if b.without == 0 {
			b.leave(p.wanted+1, p.clk.Now())
		}
		p.gone[id] = b
	}
	p.known = next
	if same {
		return nil
	}
	return p.change()
}

// change makes what is known now what is wanted. The caller holds the lock.
func (p *Plane) change() error {
	body, err := render(p.cfg, p.known, fmt.Sprintf("%s.%d", p.origin, p.wanted+1))
	if err != nil {
		return fmt.Errorf("configuration of Traefik: %w", err)
	}
	p.wanted++
	p.body = body
	return nil
}

// Backends says what is known of each that Traefik has begun to follow. Of a
// replica Traefik counts nothing.
func (p *Plane) Backends(ctx context.Context) ([]balancer.BackendStatus, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]balancer.BackendStatus, 0, len(p.known))
	for _, b := range p.known {
		if b.with <= p.inForce {
			out = append(out, b.BackendStatus)
		}
	}
	slices.SortFunc(out, func(a, b balancer.BackendStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Load returns an equal share of the requests in progress for a backend that
// gets new ones.
func (p *Plane) Load(id string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	active := 0
	for _, b := range p.known {
		if b.serves() {
			active++
		}
	}
	b := p.known[id]
	if b == nil || !b.serves() {
		return 0, false
	}
	return int(math.Round(p.tally.window.Read(p.clk.Now()).InProgress() / float64(active))), true
}

func (b *backend) serves() bool { return b.State == balancer.Active && !b.draining }

// leave notes the change that has it no more.
func (b *backend) leave(without uint64, now time.Time) { b.without, b.leaves = without, now }
