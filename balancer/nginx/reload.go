package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/atomicfile"
)

const (
	// testTimeout is how long nginx -t may take: it looks up names.
	testTimeout = 30 * time.Second
	// takeOver is how long nginx may take to start workers with the new file.
	takeOver     = 10 * time.Second
	takeOverPoll = 5 * time.Millisecond
	// shownLines of what nginx says are in an error.
	shownLines = 4
)

// apply brings in force what is wanted now, or something newer.
//
//	render ─► write .new, rename ─► nginx -t ─► HUP ─► new workers, old ones leave
//	                                   └ fails: the old file back
func (p *Plane) apply(ctx context.Context) error {
	p.mu.Lock()
	goal := p.wanted
	p.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if goal == 0 || p.done(goal) {
		return nil // nobody wants anything yet, or whoever had the turn did it
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	version, text := p.wanted, p.render()
	p.mu.Unlock()
	p.reloaded = p.clk.Now()
	before, err := p.exchange(ctx, text)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follow(version, before)
	return nil
}

// done reports whether nginx follows that change, and its file still holds it.
func (p *Plane) done(version uint64) bool {
	p.mu.Lock()
	done, current, text := p.inForce >= version, p.inForce == p.wanted, p.render()
	p.mu.Unlock()
	if !done || !current {
		return done
	}
	held, err := os.ReadFile(p.cfg.Include)
	return err == nil && string(held) == text
}

// pause waits until nginx may be reloaded again.
func (p *Plane) pause(ctx context.Context) error {
	p.mu.Lock()
	interval := p.cfg.Reload.MinInterval.Std()
	p.mu.Unlock()
	wait := interval - p.clk.Now().Sub(p.reloaded)
	if p.reloaded.IsZero() || wait <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.clk.After(wait):
		return nil
	}
}

// follow notes what nginx follows from now on, and who may still work for what
// it no longer sends requests to. The caller holds the lock.
func (p *Plane) follow(version uint64, before []process) {
	if p.inForce == 0 {
		p.before = before
	}
	p.inForce = version
	for id, gone := range p.leaving {
		gone.left = slices.DeleteFunc(append(gone.left, before...), func(one process) bool { return !alive([]process{one}) })
		if p.leaving[id] = gone; len(gone.left) == 0 {
			delete(p.leaving, id)
		}
	}
	for _, b := range p.known {
		if b.draining && b.State != balancer.Draining && b.since <= version {
			b.State, b.left = balancer.Draining, before
		}
	}
}

// exchange makes nginx follow the text, and returns the workers there were
// before.
func (p *Plane) exchange(ctx context.Context, text string) ([]process, error) {
	old, err := os.ReadFile(p.cfg.Include)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the upstream: %w", err)
	}
	existed := err == nil
	if err := replace(p.cfg.Include, text); err != nil {
		return nil, fmt.Errorf("write the upstream: %w", err)
	}
	if err := p.test(ctx); err != nil {
		if existed {
			err = errors.Join(err, replace(p.cfg.Include, string(old)))
		}
		return nil, err
	}
	master, err := p.master()
	if err != nil {
		return nil, err // the file stays: nginx will start with it
	}
	serving, leaving, err := workers(master)
	if err != nil {
		return nil, err
	}
	if err := hangUp(master); err != nil {
		return nil, fmt.Errorf("reload nginx: %w", err)
	}
	return append(serving, leaving...), p.taken(ctx, master, serving)
}

// hangUp tells nginx to read its configuration anew.
func hangUp(pid int) error {
	found, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return found.Signal(syscall.SIGHUP)
}

// test asks nginx whether it would start with its files as they are.
func (p *Plane) test(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, p.cfg.Program, "-t", "-q", "-c", p.cfg.ConfigFile).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		lines = lines[max(0, len(lines)-shownLines):]
		return errors.Join(ctx.Err(), fmt.Errorf("nginx -t: %w: %s", err, strings.Join(lines, "; ")))
	}
	return nil
}

// taken waits until new workers serve and the old ones take nothing new.
func (p *Plane) taken(ctx context.Context, master int, old []process) error {
	deadline := p.clk.After(takeOver)
	for {
		serving, _, err := workers(master)
		if err != nil {
			return err
		}
		fresh := slices.ContainsFunc(serving, func(one process) bool { return !slices.Contains(old, one) })
		stale := slices.ContainsFunc(serving, func(one process) bool { return slices.Contains(old, one) })
		if fresh && !stale {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("nginx did not take over its new configuration within %v: its error log says why", takeOver)
		case <-p.clk.After(takeOverPoll):
		}
	}
}

// replace writes a file so that a reader sees the old text or the new one.
func replace(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(file, []byte(text), 0o644)
}
