package compose

import (
	"context"
	"sync"
)

// turn is whether other controllers may look after the service.
type turn struct {
	mu      sync.Mutex // guards what follows
	others  bool
	changed chan struct{} // closed when that does
}

func newTurn() turn { return turn{changed: make(chan struct{})} }

// now says how it is, and what tells that it is no longer so.
func (t *turn) now() (others bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.others, t.changed
}

// Alone says whether this controller is certainly the only one.
func (t *Target) Alone(yes bool) {
	t.turn.mu.Lock()
	defer t.turn.mu.Unlock()
	if t.turn.others != yes {
		return
	}
	t.turn.others = !yes
	close(t.turn.changed)
	t.turn.changed = make(chan struct{})
}

// Run looks after the replicas until ctx is cancelled; they stay. While another
// controller may have them nobody does: whoever asks for the status then looks
// for itself.
func (t *Target) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		others, changed := t.turn.now()
		if !others {
			if over, err := t.lookAfter(ctx, changed); over {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// lookAfter runs the containers until the turn has changed; over when that is
// not why it ends.
func (t *Target) lookAfter(ctx context.Context, changed <-chan struct{}) (over bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer stop()
	waiting.Go(func() {
		select {
		case <-changed:
			stop()
		case <-ctx.Done():
		}
	})
	err = t.containers.Run(ctx)
	return err != nil || ctx.Err() == nil, err
}
