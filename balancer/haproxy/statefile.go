package haproxy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/atomicfile"
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
	if err := atomicfile.Write(p.cfg.StateFile, []byte(states), 0o644); err != nil {
		return fmt.Errorf("write HAProxy's states of servers: %w", err)
	}
	p.mu.Lock()
	p.stored.due = now.Add(storeEvery)
	p.mu.Unlock()
	return nil
}
