package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
)

// watchInterval is how often a Plane sees to it that its proxy runs.
const watchInterval = 200 * time.Millisecond

// maxWatchInterval is how seldom one that does not start is tried again.
const maxWatchInterval = 10 * time.Second

// answerTimeout is how long the proxy may take to say that it runs.
const answerTimeout = 5 * time.Second

// PlaneOptions are what a controller needs to keep a proxy process.
type PlaneOptions struct {
	Socket  string
	Program Program
	// Version is that of Program; a proxy of another one is upgraded.
	Version string
	Config  builtin.Config
	Clock   clock.Clock
	Log     *slog.Logger
}

// Plane is the proxy process of a controller: found or started, upgraded when
// its version or configuration differs, started again when it dies. It goes
// on when the controller ends.
type Plane struct {
	*Client
	opts PlaneOptions

	mu       sync.Mutex // guards opts.Config and all below
	address  string
	backends []balancer.Backend
	known    bool // backends were set
}

// Open returns the plane once its proxy serves with the given configuration.
func Open(ctx context.Context, o PlaneOptions) (*Plane, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	p := &Plane{Client: NewClient(o.Socket), opts: o}
	info, err := p.Info(ctx)
	switch {
	case errors.Is(err, ErrNotRunning):
		err = p.start(ctx, o.Config)
	case err == nil && (info.Version != o.Version || !reflect.DeepEqual(info.Config, o.Config)):
		err = p.upgrade(ctx, o.Config)
	}
	if err != nil {
		return nil, err
	}
	if info, err = p.Info(ctx); err != nil {
		return nil, err
	}
	p.address = info.Address
	return p, nil
}

// start starts a proxy; one that another controller has just started serves
// as well.
func (p *Plane) start(ctx context.Context, cfg builtin.Config) error {
	err := Start(ctx, p.opts.Program, cfg)
	if err != nil {
		if _, already := p.Info(ctx); already == nil {
			return nil
		}
	}
	return err
}

func (p *Plane) upgrade(ctx context.Context, cfg builtin.Config) error {
	executable, err := p.opts.Program.executable()
	if err != nil {
		return err
	}
	u, err := Upgrade{Executable: executable, Args: p.opts.Program.Args}.WithConfig(cfg)
	if err != nil {
		return err
	}
	_, err = p.Upgrade(ctx, u)
	return err
}

// Reconfigure replaces the proxy by one of a changed configuration without
// losing a request. On an error the old one goes on.
func (p *Plane) Reconfigure(ctx context.Context, cfg builtin.Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := p.upgrade(ctx, cfg); err != nil {
		return fmt.Errorf("balancer: change configuration: %w", err)
	}
	info, err := p.Info(ctx)
	if err != nil {
		return fmt.Errorf("balancer: change configuration: %w", err)
	}
	p.mu.Lock()
	p.opts.Config, p.address = cfg, info.Address
	p.mu.Unlock()
	return nil
}

// Address is where requests are taken, host:port.
func (p *Plane) Address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// SetBackends makes exactly these the known backends.
func (p *Plane) SetBackends(ctx context.Context, backends []balancer.Backend) error {
	p.mu.Lock()
	p.backends, p.known = slices.Clone(backends), true
	p.mu.Unlock()
	return p.Client.SetBackends(ctx, backends)
}

// Run starts the proxy again when it dies, with the backends that were set
// last. It returns nil once ctx is done; the proxy goes on. A proxy that does
// not start is tried again more and more seldom, and each reason is told once.
func (p *Plane) Run(ctx context.Context) error {
	wait, told := watchInterval, ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.opts.Clock.After(wait):
		}
		asking, cancel := context.WithTimeout(ctx, answerTimeout)
		_, err := p.Info(asking)
		cancel()
		if !errors.Is(err, ErrNotRunning) {
			wait, told = watchInterval, ""
			continue
		}
		if told == "" {
			p.opts.Log.Warn("balancer process is gone, starting it again", slog.String("socket", p.socket))
		}
		if err := p.revive(ctx); err != nil && ctx.Err() == nil {
			wait = min(2*wait, maxWatchInterval)
			if err.Error() != told {
				told = err.Error()
				p.opts.Log.Error("balancer process does not start", slog.Any("error", err))
			}
		}
	}
}

// revive starts the proxy where it was before, also if that was any port.
func (p *Plane) revive(ctx context.Context) error {
	// Whoever removed the folder of state must not keep the balancer away.
	if err := os.MkdirAll(filepath.Dir(p.socket), 0o700); err != nil {
		return err
	}
	p.mu.Lock()
	cfg := p.opts.Config
	if _, port, _ := net.SplitHostPort(cfg.Listen); port == "0" {
		cfg.Listen = p.address
	}
	p.mu.Unlock()
	if err := p.start(ctx, cfg); err != nil {
		return err
	}
	p.mu.Lock()
	backends, known := slices.Clone(p.backends), p.known
	p.mu.Unlock()
	if !known {
		return nil
	}
	if err := p.Client.SetBackends(ctx, backends); err != nil {
		return fmt.Errorf("restore backends: %w", err)
	}
	return nil
}
