package traefik

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/atomicfile"
)

const (
	// takeOver is how long Traefik may take to follow a change: it fetches
	// twice a second, and after it could not waits up to 19 s (its back-off
	// begins anew every 30 s).
	takeOver     = 20 * time.Second
	takeOverPoll = 20 * time.Millisecond
	// switchOver is how long Traefik may take to give all of its entry points
	// the routes that one has. It exchanges pointers.
	switchOver = 25 * time.Millisecond
)

// apply brings in force that change, or something newer.
//
//	render ─► served, or .new and rename ─► fetched, throttled ─► the new version answers
func (p *Plane) apply(ctx context.Context, goal uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	done := p.inForce >= goal
	p.mu.Unlock()
	if done {
		return nil
	}
	if err := p.publish(ctx); err != nil {
		return err
	}
	deadline := p.clk.After(takeOver)
	var seen error // of the last look that was not broken off
	for {
		has, err := p.followed(ctx)
		if ctx.Err() == nil {
			seen = err
		}
		if has >= goal && err == nil {
			return p.reach(ctx, has)
		}
		select {
		case <-ctx.Done():
			return &balancer.Behind{Why: p.why(seen), Err: ctx.Err()}
		case <-deadline:
			return errors.New(p.why(seen))
		case <-p.clk.After(takeOverPoll):
		}
	}
}

// freshFetch is how long ago Traefik may have fetched and be said to do so: it
// asks twice a second.
const freshFetch = 2 * time.Second

// why says what keeps Traefik from following, and what to do. Err is of the last
// look at it.
func (p *Plane) why(err error) string {
	p.mu.Lock()
	fetched := p.fetched
	p.mu.Unlock()
	ago := p.clk.Now().Sub(fetched).Round(time.Second)
	switch {
	case err != nil:
		return fmt.Sprintf("Traefik does not say which configuration it follows: %v", err)
	case p.cfg.File != "":
		return fmt.Sprintf("Traefik does not follow %s: providers.file of traefik.yml must watch that folder, and its log may say more", p.cfg.File)
	case fetched.IsZero():
		return fmt.Sprintf("Traefik has not fetched its configuration since this controller began: providers.http.endpoint of traefik.yml must lead to %s, and its log says what it got", p.cfg.HTTP.Listen)
	case ago > freshFetch:
		return fmt.Sprintf("Traefik has not fetched its configuration for %v: it must reach %s, and its log says what it got", ago, p.cfg.HTTP.Listen)
	}
	return "Traefik fetches its configuration and does not follow it: its log says why"
}

// publish shows Traefik the newest configuration that is wanted.
func (p *Plane) publish(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	body := p.body
	p.mu.Unlock()
	file := p.file()
	if file == "" || body == nil {
		return nil
	}
	if held, err := os.ReadFile(file); err == nil && string(held) == string(body) {
		return nil
	}
	if err := replace(file, body); err != nil {
		return fmt.Errorf("write the configuration of Traefik: %w", err)
	}
	return nil
}

// file is what Traefik watches, or what the next controller serves at first.
func (p *Plane) file() string {
	if p.cfg.File != "" {
		return p.cfg.File
	}
	return p.stateFile
}

// mend writes again what somebody changed by hand.
func (p *Plane) mend(ctx context.Context) error {
	if p.cfg.File == "" {
		return nil
	}
	return p.publish(ctx)
}

// followed asks which of our changes Traefik follows; 0 is none.
func (p *Plane) followed(ctx context.Context) (uint64, error) {
	u, err := url.Parse(p.cfg.Metrics.URL)
	if err != nil {
		return 0, err
	}
	u.Path, u.RawQuery = probePath(p.cfg.Service), ""
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, err
	}
	answer, err := p.client.Do(ctx, request)
	if err != nil {
		return 0, err
	}
	version := answer.Header.Get(versionHeader)
	if version == "" {
		return 0, fmt.Errorf("%s answered %d without a version: Traefik has no configuration of ours, or no entry point %s there", u, answer.Status, p.cfg.Metrics.EntryPoint)
	}
	number, ours := strings.CutPrefix(version, p.origin+".")
	if !ours {
		return 0, nil // another controller's
	}
	return strconv.ParseUint(number, 10, 64)
}

// reach notes what Traefik follows, once all of it does.
func (p *Plane) reach(ctx context.Context, version uint64) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.clk.After(switchOver):
	}
	now := p.clk.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inForce == 0 {
		p.began = now
	}
	p.inForce = max(p.inForce, version)
	for _, all := range []map[string]*backend{p.known, p.gone} {
		for id, b := range all {
			if b.without > 0 && b.without <= p.inForce && b.left.IsZero() {
				b.left = now
				b.State = balancer.Draining
			}
			if p.gone[id] == b && !b.left.IsZero() && p.rest(b, now) <= 0 {
				delete(p.gone, id)
			}
		}
	}
	return nil
}

// replace writes a file so that a reader sees the old text or the new one.
func replace(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(file, text, 0o644)
}
