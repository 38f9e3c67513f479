package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// startingInterval is the time between probes of a replica that has never
// been ready: capacity that was asked for should be used as soon as it exists.
const startingInterval = 100 * time.Millisecond

// finding is whether a replica can take work, and if not, why.
type finding struct {
	ready bool
	why   string
}

// prober asks one replica again and again whether it can take work.
type prober struct {
	clock   clock.Clock
	cfg     Readiness
	address string
	client  *http.Client
	ready   bool // when last probed
	started bool // has been ready before
	failed  int  // probes in a row
}

func newProber(clk clock.Clock, cfg Readiness, r *replica) *prober {
	return &prober{
		clock:   clk,
		cfg:     cfg,
		address: r.address,
		ready:   r.found.ready,
		started: !r.readyAt.IsZero(),
		client: &http.Client{
			// Every probe opens a connection: whether new ones are accepted
			// is what it is to find out.
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// run tells report the first finding and every change until ctx is
// cancelled.
func (p *prober) run(ctx context.Context, report func(finding)) {
	var before finding
	for first := true; ; first = false {
		err := p.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		found := finding{ready: p.judge(err == nil)}
		if !found.ready && err != nil {
			found.why = err.Error()
		}
		if first || found != before {
			report(found)
		}
		before = found
		interval := p.cfg.Interval.Std()
		if !p.started {
			interval = min(interval, startingInterval)
		}
		select {
		case <-p.clock.After(interval):
		case <-ctx.Done():
			return
		}
	}
}

// judge says whether the replica is ready: one success makes it so,
// FailureThreshold failures in a row unmake it.
func (p *prober) judge(ok bool) bool {
	if ok {
		p.failed, p.ready, p.started = 0, true, true
		return true
	}
	p.failed++
	p.ready = p.ready && p.failed < p.cfg.FailureThreshold
	return p.ready
}

// probe asks once; nil means ready.
func (p *prober) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout.Std())
	defer cancel()
	if p.cfg.Path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err != nil {
			return p.inWords(err)
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+p.cfg.Path, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return p.inWords(err)
	}
	resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("GET %s on %s answers %d", p.cfg.Path, p.address, resp.StatusCode)
	}
	return nil
}

// inWords says what a failed probe means. Every one opens a connection, so one
// that cannot be opened at once finds nobody who listens.
func (p *prober) inWords(err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer within %v", p.address, p.cfg.Timeout)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("nothing listens on %s, the port of the configuration", p.address)
	}
	return err
}
