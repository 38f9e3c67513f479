package haproxy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// storeEvery is how often the states are written without a change of ours:
// health checks change them too.
const storeEvery = 10 * time.Second

// storage says when the state file is due; the zero time is at once.
type storage struct{ due time.Time }

// store writes the states of all servers when that is due. HAProxy that is
// killed and started again reads them and serves with the same servers. The
// caller has the turn.
func (p *Plane) store(ctx context.Context) error {
	now := p.clk.Now()
	p.mu.Lock()
	due := p.set && p.cfg.StateFile != "" && !now.Before(p.stored.due)
	p.mu.Unlock()
	if !due {
		return nil
	}
	states, err := p.socket.ask(ctx, "show servers state")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(states, "1\n") {
		return fmt.Errorf("HAProxy's states of servers: %.200q", states)
	}
	if err := replace(p.cfg.StateFile, states); err != nil {
		return fmt.Errorf("write HAProxy's states of servers: %w", err)
	}
	p.mu.Lock()
	p.stored.due = now.Add(storeEvery)
	p.mu.Unlock()
	return nil
}

// replace writes a file so that a reader sees the old text or the new one.
func replace(file, text string) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".new*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary.Name()) // gone already when it was renamed
	_, err = temporary.WriteString(text)
	if err == nil {
		err = temporary.Chmod(0o644)
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
