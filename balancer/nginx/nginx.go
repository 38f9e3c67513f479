// Package nginx balances with nginx and measures with its access log.
//
// What it promises. The replicas are an upstream in a file of its own, which is
// replaced as a whole and tested (nginx -t) before nginx is told; where the
// test fails, whoever is to blame, the old file comes back, nginx serves as
// before and the error holds nginx's last lines. At most one reload per
// interval: changes meanwhile are made by the next one. A call returns when
// its change is in force. What is drained is down in the new configuration,
// and has nothing in progress once no worker of the old ones is connected to it
// nor awake; what drained under an earlier controller, once those from before
// this one have ended.
//
// What it cannot. nginx without its commercial part does not count requests in
// progress per replica: a drain looks for connections of the old workers to
// the replica (it must be allowed to: root, or the same user), or else waits for
// all that these workers do, and it must see nginx's processes: same machine,
// same pid namespace. worker_shutdown_timeout bounds requests on old workers,
// also those of replicas that stay. There are no health checks
// but failed requests, and no requests are held while there is no replica
// (502). A reload closes kept-alive connections of clients, and a POST just
// sent on one is lost: the shipped nginx.conf keeps none before 1.27.4. Log
// messages over UDP may be lost; stub_status makes up for their number.
package nginx

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Plane keeps one upstream of nginx equal to what it is told.
type Plane struct {
	cfg Config
	clk clock.Clock
	log *slog.Logger

	// turn is held by who writes the file and reloads.
	turn     chan struct{}
	reloaded time.Time // the newest try; whoever has the turn uses it

	mu      sync.Mutex // guards all below; nobody does I/O under it
	known   map[string]*backend
	wanted  uint64              // raised by every change
	inForce uint64              // the change that nginx follows
	before  []process           // workers from before the first change: whose requests they have nobody knows
	leaving map[string]leftover // by ID that is no longer listed
	byAddr  map[string]*backend // the newest one at an address
	total   *latency.Window     // of the log
	status  statusTally
	reading bool // the log is read
}

// leftover is a backend that is no longer listed: where it is, or was, and the
// workers that may have requests of it.
type leftover struct {
	at   []string
	left []process
}

// backend is a replica and what is known of it.
type backend struct {
	balancer.BackendStatus
	listed   uint64 // the change that brings it in
	draining bool
	since    uint64 // the change that drains it; when it is in force the state says so
	// left are the workers that may have requests of it then.
	left   []process
	window *latency.Window
}

var (
	_ balancer.Balancer = (*Plane)(nil)
	_ source.Source     = (*Plane)(nil)
	_ source.Runner     = (*Plane)(nil)
	_ target.Traffic    = (*Plane)(nil)
)

// New returns a plane. It does no I/O: nginx may start later.
func New(cfg Config, clk clock.Clock, log *slog.Logger) (*Plane, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Plane{
		cfg: cfg, clk: clk, log: log, turn: make(chan struct{}, 1),
		known: map[string]*backend{}, leaving: map[string]leftover{}, byAddr: map[string]*backend{},
		total: latency.NewWindow(cfg.MetricWindow.Std(), clk.Now()), status: newStatusTally(cfg, clk.Now()),
	}, nil
}

// mendEvery is the time between two tries of a change that did not succeed.
const mendEvery = 5 * time.Second

// Run reads the log and mends what is not as it should be until ctx is done.
// nginx goes on afterwards.
func (p *Plane) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.readLog(ctx) })
	g.Go(func() error { return p.watchStatus(ctx) })
	g.Go(func() error { return p.mend(ctx) })
	return g.Wait()
}

// mend tries again what could not be done, and what somebody undid.
func (p *Plane) mend(ctx context.Context) error {
	ticker := p.clk.NewTicker(mendEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := p.apply(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("cannot steer nginx", slog.String("upstream", p.cfg.Upstream), slog.Any("error", err))
		}
	}
}

// SetBackends makes exactly these the known backends, and returns once nginx
// follows. An ID with another address is another backend.
func (p *Plane) SetBackends(ctx context.Context, backends []balancer.Backend) error {
	for _, b := range backends {
		if err := checked(b); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.list(backends)
	p.mu.Unlock()
	return p.apply(ctx)
}

// list takes over what is wanted. The caller holds the lock.
func (p *Plane) list(backends []balancer.Backend) {
	next, same := make(map[string]*backend, len(backends)), p.wanted > 0
	for _, wanted := range backends {
		b := p.known[wanted.ID]
		if b == nil || b.Backend != wanted {
			same = false
			b = &backend{BackendStatus: balancer.BackendStatus{Backend: wanted, State: balancer.Active}, listed: p.wanted + 1,
				window: latency.NewWindow(p.cfg.MetricWindow.Std(), p.clk.Now())}
		}
		next[wanted.ID] = b
	}
	for id, b := range p.known {
		if next[id] != b {
			same = false
			gone := p.leaving[id]
			p.leaving[id] = leftover{append(gone.at, b.Address), append(gone.left, b.left...)}
			if p.byAddr[b.Address] == b {
				delete(p.byAddr, b.Address)
			}
		}
	}
	for _, b := range next {
		p.byAddr[b.Address] = b
	}
	if p.known = next; !same {
		p.wanted++
	}
}

// Backends says what is known of each that nginx has begun to follow. Requests
// in progress are a mean over the metric window: nginx does not count them.
func (p *Plane) Backends(ctx context.Context) ([]balancer.BackendStatus, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]balancer.BackendStatus, 0, len(p.known))
	for _, b := range p.known {
		if b.listed <= p.inForce {
			out = append(out, b.BackendStatus)
		}
	}
	slices.SortFunc(out, func(a, b balancer.BackendStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Load returns the requests in progress on a backend that gets new ones: their
// mean over the metric window, as far as they have ended.
func (p *Plane) Load(id string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.known[id]
	if b == nil || b.draining {
		return 0, false
	}
	return int(math.Round(b.window.Read(p.clk.Now()).InProgress())), true
}
