package process

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// startingInterval is the time between probes of a replica that has never
// been ready: capacity that was asked for should be used as soon as it exists.
const startingInterval = 100 * time.Millisecond

// prober asks one replica again and again whether it can take work.
type prober struct {
	clock   clock.Clock
	cfg     Readiness
	address string
	ready   bool // was ready when last probed
	started bool // has been ready before
}

// run tells report the first result and every change until ctx is cancelled.
// One success makes a replica ready, FailureThreshold failures in a row make
// it not ready.
func (p *prober) run(ctx context.Context, report func(ready bool)) {
	client := &http.Client{
		// Every probe opens a connection of its own: whether new ones are
		// accepted is what it is to find out.
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: new(net.Dialer).DialContext},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	known, ready, failed := p.ready, p.ready, 0
	for {
		ok := p.probe(ctx, client)
		if ctx.Err() != nil {
			return
		}
		if ok {
			failed = 0
		} else {
			failed++
		}
		now := ok || (ready && failed < p.cfg.FailureThreshold)
		if !known || now != ready {
			known, ready = true, now
			p.started = p.started || ready
			report(ready)
		}
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

func (p *prober) probe(ctx context.Context, client *http.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout.Std())
	defer cancel()
	if p.cfg.Path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+p.cfg.Path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}
