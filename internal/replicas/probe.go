package replicas

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

// Finding is whether a replica can take work, and if not, why.
type Finding struct {
	Ready bool
	Why   string
}

// Probing is how a replica is asked.
type Probing struct {
	Path              string // of an HTTP GET; "": the port must accept a connection
	Interval, Timeout time.Duration
	FailureThreshold  int    // failed probes in a row that make a ready one not ready
	Port              string // what the address is to an operator
}

// Prober asks one replica again and again whether it can take work.
type Prober struct {
	Probing
	clock   clock.Clock
	address string
	client  *http.Client
	ready   bool // when last probed
	started bool // has been ready before
	failed  int  // probes in a row
}

// NewProber is the prober of a replica that was ready when it was last probed,
// or has been at some time (started).
func NewProber(clk clock.Clock, cfg Probing, address string, ready, started bool) *Prober {
	return &Prober{
		Probing: cfg,
		clock:   clk,
		address: address,
		ready:   ready,
		started: started,
		client: &http.Client{
			// Every probe opens a connection: whether new ones are accepted
			// is what it is to find out.
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Run tells report the first Finding and every change until ctx is
// cancelled.
func (p *Prober) Run(ctx context.Context, report func(Finding)) {
	var before Finding
	for first := true; ; first = false {
		err := p.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		found := Finding{Ready: p.judge(err == nil)}
		if !found.Ready && err != nil {
			found.Why = err.Error()
		}
		if first || found != before {
			report(found)
		}
		before = found
		interval := p.Interval
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

// Once asks once.
func (p *Prober) Once(ctx context.Context) Finding {
	if err := p.probe(ctx); err != nil {
		return Finding{Why: err.Error()}
	}
	return Finding{Ready: true}
}

// judge says whether the replica is ready: one success makes it so,
// FailureThreshold failures in a row unmake it.
func (p *Prober) judge(ok bool) bool {
	if ok {
		p.failed, p.ready, p.started = 0, true, true
		return true
	}
	p.failed++
	p.ready = p.ready && p.failed < p.FailureThreshold
	return p.ready
}

// probe asks once; nil means ready.
func (p *Prober) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if p.Path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err != nil {
			return p.inWords(err)
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+p.Path, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return p.inWords(err)
	}
	resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("GET %s on %s answers %d", p.Path, p.address, resp.StatusCode)
	}
	return nil
}

// inWords says what a failed probe means. Every one opens a connection, so one
// that cannot be opened at once finds nobody who listens.
func (p *Prober) inWords(err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer within %v", p.address, p.Timeout)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("nothing listens on %s, %s", p.address, p.Port)
	}
	return err
}
