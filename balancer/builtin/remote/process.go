package remote

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// backends lists the backends with the requests of both processes.
func (p *process) backends(ctx context.Context) ([]balancer.BackendStatus, error) {
	list, err := p.proxy.Backends(ctx)
	if err != nil {
		return nil, err
	}
	for id, n := range p.previousLoad(ctx) {
		if i := slices.IndexFunc(list, func(b balancer.BackendStatus) bool { return b.ID == id }); i >= 0 {
			list[i].InFlight += n
		}
	}
	return list, nil
}

// previousLoad is what the predecessor still has in progress, by backend.
func (p *process) previousLoad(ctx context.Context) map[string]int {
	previous := p.predecessor()
	if previous == nil {
		return nil
	}
	list, err := previous.Backends(ctx)
	if err != nil {
		p.lost(previous, err)
		return nil
	}
	load := map[string]int{}
	for _, b := range list {
		load[b.ID] = b.InFlight
	}
	return load
}

// setBackends tells the predecessor too: it has connections that live on.
func (p *process) setBackends(ctx context.Context, list []balancer.Backend) error {
	if err := p.proxy.SetBackends(ctx, list); err != nil {
		return err
	}
	if previous := p.predecessor(); previous != nil {
		p.lost(previous, previous.SetBackends(ctx, list))
	}
	return nil
}

// leave stops new requests here and at the predecessor, whose connections live
// on.
func (p *process) leave(ctx context.Context, id string) error {
	if err := p.proxy.Leave(ctx, id); err != nil {
		return err
	}
	if previous := p.predecessor(); previous != nil {
		p.lost(previous, previous.Leave(ctx, id))
	}
	return nil
}

// drain waits for the requests of both processes.
func (p *process) drain(ctx context.Context, id string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.proxy.Drain(ctx, id) })
	if previous := p.predecessor(); previous != nil {
		g.Go(func() error {
			err := previous.Drain(ctx, id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.lost(previous, err)
			return nil
		})
	}
	return g.Wait()
}

// collect measures. What the predecessor has in progress, its WebSockets for
// example, is added to the concurrency; everything else happens here by now.
func (p *process) collect(ctx context.Context) ([]scale.Sample, error) {
	samples, err := p.proxy.Collect(ctx)
	if err != nil {
		return nil, err
	}
	load, all := p.previousLoad(ctx), 0
	for _, n := range load {
		all += n
	}
	for i := range samples {
		s := &samples[i]
		switch {
		case s.Signal != scale.Concurrency:
		case s.Replica == "":
			s.Value += float64(all)
		default:
			s.Value += float64(load[s.Replica])
		}
	}
	return samples, nil
}

// predecessor returns the process that handed over, nil once it has ended.
func (p *process) predecessor() *Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.previous
}

// lost forgets a predecessor that has ended; other errors are noted only,
// since its requests end without our help.
func (p *process) lost(previous *Client, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	if !errors.Is(err, ErrNotRunning) {
		p.opts.Log.Warn("predecessor does not answer", slog.Any("error", err))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.previous == previous {
		p.previous = nil
	}
}
