package builtin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// checker asks each backend, again and again, whether it is there.
type checker struct {
	proxy  *Proxy
	client *http.Client
}

func newChecker(p *Proxy) *checker {
	t := newTransport(p.cfg, dialer(p.cfg))
	t.DisableKeepAlives = true // a check is also one that connecting works
	return &checker{proxy: p, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// run checks until ctx ends and no check is under way.
func (c *checker) run(ctx context.Context) {
	var checks sync.WaitGroup
	defer checks.Wait()
	tick := c.proxy.clk.NewTicker(c.proxy.cfg.Health.Interval.Std())
	defer tick.Stop()
	for {
		now := c.proxy.clk.Now()
		for _, b := range c.proxy.pool.backends() {
			b.wires.sweep(now)
		}
		for _, b := range c.proxy.pool.toCheck() {
			checks.Go(func() { c.check(ctx, b) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *checker) check(ctx context.Context, b *backend) {
	within, cancel := context.WithTimeout(ctx, c.proxy.cfg.Health.Timeout.Std())
	defer cancel()
	err := c.ask(within, b.Address)
	if ctx.Err() != nil {
		c.proxy.pool.unchecked(b) // we are ending: the result says nothing
		return
	}
	switch c.proxy.pool.checked(b, err == nil, c.proxy.cfg.Health) {
	case wentDown:
		c.proxy.pool.blame(b, err)
		c.proxy.log.Warn("replica taken out by its health check", slog.String("replica", b.ID), slog.Any("error", err))
	case cameUp:
		c.proxy.log.Info("replica is back", slog.String("replica", b.ID))
	}
}

// ask returns why the backend is not healthy.
func (c *checker) ask(ctx context.Context, address string) error {
	path := c.proxy.cfg.Health.Path
	if path == "" {
		return connect(ctx, address)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "flyball-health")
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("answered %s, want 2xx or 3xx", response.Status)
	}
	return nil
}

// connect checks that somebody listens. It resets the connection, which
// leaves nothing behind; closing it would leave a port waiting for a minute.
func connect(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // then it is closed the other way
	}
	return conn.Close()
}

// change is what became of a backend's health.
type change int

const (
	unchanged change = iota
	wentDown
	cameUp
)

// toCheck returns the backends that are not being checked, marked so that
// they are.
func (p *pool) toCheck() []*backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*backend
	for _, b := range p.known {
		if !b.checking && !b.draining {
			b.checking = true
			out = append(out, b)
		}
	}
	return out
}

// checked takes in the result of an active check.
func (p *pool) checked(b *backend, ok bool, rule Health) change {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.checking = false
	if !ok {
		b.passes = 0
		b.misses++
		if b.misses < rule.UnhealthyAfter || b.down {
			return unchanged
		}
		p.take(b)
		p.rescue(b)
		return wentDown
	}
	b.misses = 0
	b.passes++
	if !b.down || b.passes < rule.HealthyAfter {
		return unchanged
	}
	b.down, b.strikes = false, 0
	p.refresh()
	return cameUp
}

// blame notes why a backend was taken out.
func (p *pool) blame(b *backend, why error) {
	p.mu.Lock()
	b.fault = why
	p.mu.Unlock()
}

// unchecked forgets a check that came to no result.
func (p *pool) unchecked(b *backend) {
	p.mu.Lock()
	b.checking = false
	p.mu.Unlock()
}

// take takes a backend out.
func (p *pool) take(b *backend) change {
	b.down, b.passes = true, 0
	p.refresh()
	return wentDown
}

// strike takes in a failure seen in traffic. Nothing listens where a
// connection is refused: that takes the backend out at once. Broken
// connections do after some in a row, but never the last backend: a request
// that makes every replica break off must not close the service.
func (p *pool) strike(b *backend, refused bool, limit int) change {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.strikes++
	last := len(p.ready) == 1 && p.ready[0] == b
	if b.down || !refused && (b.strikes < limit || last) {
		return unchanged
	}
	return p.take(b)
}

// strike notes that b failed a request. A later check brings b back: by then
// it has had a rest of up to one interval.
func (p *Proxy) strike(b *backend, err error, refused bool) {
	if p.pool.strike(b, refused, p.cfg.Health.UnhealthyAfter) == unchanged {
		return
	}
	p.pool.blame(b, err)
	p.log.Warn("replica taken out", slog.String("replica", b.ID), slog.Any("error", err))
}
