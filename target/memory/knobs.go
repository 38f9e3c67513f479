package memory

import (
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// Crash ends a replica by itself; another one takes its place.
func (t *Target) Crash(id string) error {
	return t.with(id, func(r *replica) {
		now := t.clock.Now()
		r.Phase, r.DeletedAt, r.goneAt = scale.Failed, now, now
	})
}

// SetReady makes a replica fail its probe, or pass it again.
func (t *Target) SetReady(id string, ready bool) error {
	return t.with(id, func(r *replica) { r.sick = !ready })
}

// SetCapacity changes how many replicas there is room for; 0 is no limit.
func (t *Target) SetCapacity(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg.Capacity = n
	t.advance()
}

// FailStatus makes Status return err until it is called with nil.
func (t *Target) FailStatus(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.statusErr = err
}

// FailSetReplicas makes SetReplicas return err until it is called with nil.
func (t *Target) FailSetReplicas(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setErr = err
}

// with changes one replica.
func (t *Target) with(id string, change func(*replica)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.replicas {
		if r.ID == id {
			change(r)
			t.advance()
			t.changed()
			return nil
		}
	}
	return fmt.Errorf("memory target: no replica %q", id)
}
