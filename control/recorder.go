package control

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// Recorder writes what every target decided, did and remembers to a store.
// It should end after the stages it listens to: it then writes what is left.
type Recorder struct {
	Bus   bus.Bus
	Store record.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Every is the time between two writes: what a crash can lose.
	Every time.Duration
	// Listening is called once nothing that is published is missed any more.
	Listening func()

	pending  pending
	underway *attempt // the write that has not ended
	failing  bool     // whether the last write failed
}

const (
	// quiet is how long the end waits for messages under way.
	quiet = 100 * time.Millisecond
	// patience is how long one write may take, lastWrite the end of all.
	patience  = 30 * time.Second
	lastWrite = 5 * time.Second
)

// Run records until ctx is done. It then returns an error if something could
// not be written in the time that the end has.
func (r *Recorder) Run(ctx context.Context) error {
	hearing, deaf := context.WithCancel(context.WithoutCancel(ctx))
	defer deaf()
	var listening sync.WaitGroup
	defer listening.Wait()
	for _, err := range []error{
		listen(hearing, &listening, ctx.Done(), r.Clock, Decisions(r.Bus, All), func(d record.Decided) {
			d = d.Unforeseen()
			r.add(record.Entry{Target: d.Decision.Target, At: d.Decision.At, Decided: &d})
		}),
		listen(hearing, &listening, ctx.Done(), r.Clock, Changes(r.Bus, All), func(a record.Applied) {
			r.add(record.Entry{Target: a.Target, At: a.At, Applied: &a})
		}),
		listen(hearing, &listening, ctx.Done(), r.Clock, Events(r.Bus, All), func(e record.Event) {
			r.add(record.Entry{Target: e.Target, At: e.At, Event: &e})
		}),
		listen(hearing, &listening, ctx.Done(), r.Clock, Memories(r.Bus, All), r.remember),
	} {
		if err != nil {
			return err
		}
	}
	r.Listening()
	r.writeEvery(ctx)
	listening.Wait()
	return r.finish(hearing)
}

// listen hands each message of a topic to take, until nothing more comes after
// done is closed.
func listen[T any](ctx context.Context, listening *sync.WaitGroup, done <-chan struct{}, clk clock.Clock, topic bus.Topic[T], take func(T)) error {
	messages, err := topic.Subscribe(ctx)
	if err != nil {
		return err
	}
	listening.Go(func() {
		var end <-chan time.Time
		for {
			select {
			case m, open := <-messages:
				if !open {
					return
				}
				take(m)
			case <-done:
				done, end = nil, clk.After(quiet)
			case <-end:
				return
			}
		}
	})
	return nil
}

func (r *Recorder) writeEvery(ctx context.Context) {
	ticker := r.Clock.NewTicker(r.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = r.write(ctx) // it was said, and is tried again
		}
	}
}

func (r *Recorder) add(e record.Entry) { r.sayLost(r.pending.add(r.Clock.Now(), e)) }

// remember keeps the newest memory of each target for the next write.
func (r *Recorder) remember(m Memory) {
	r.pending.remember(record.Value{Target: m.Target, Key: record.DeciderKey, Data: m.Data})
}

// attempt is a write. One that a disk does not answer goes on until it does:
// only then it is known what became of its batch.
type attempt struct {
	batch record.Batch
	done  chan error // receives once
	stop  context.CancelFunc
}

// write hands what has come to the store, until nothing is left, the store
// fails or ctx is done. What cannot be written is kept for the next time.
func (r *Recorder) write(ctx context.Context) error {
	var err error
	for err == nil && ctx.Err() == nil && r.begin(ctx) {
		slow := r.Clock.After(patience + quiet)
		for r.underway != nil && ctx.Err() == nil {
			select {
			case err = <-r.underway.done:
				r.settle(err)
			case <-slow:
				r.say(fmt.Errorf("the store does not answer for %s", patience))
			case <-ctx.Done():
			}
		}
	}
	return err
}

// begin starts a write where none is under way; false when there is nothing to
// write.
func (r *Recorder) begin(ctx context.Context) bool {
	if r.underway != nil {
		return true
	}
	batch := r.pending.take()
	if len(batch.Entries)+len(batch.Values) == 0 {
		return false
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	a := &attempt{batch: batch, done: make(chan error, 1), stop: stop}
	go func() { a.done <- r.Store.Write(ctx, batch) }()
	r.underway = a
	return true
}

// settle takes the answer of the store.
func (r *Recorder) settle(err error) {
	r.underway.stop()
	if err != nil {
		r.sayLost(r.pending.putBack(r.Clock.Now(), r.underway.batch))
	}
	r.underway = nil
	r.say(err)
}

// finish writes what is left and tells what could not be written.
func (r *Recorder) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	err := r.write(ctx)
	entries, values, lost := r.pending.rest()
	r.sayLost(lost)
	if a := r.underway; a != nil {
		a.stop()
		entries, values = entries+len(a.batch.Entries), values+len(a.batch.Values)
		err = fmt.Errorf("the store did not answer for %s", lastWrite)
	}
	if entries+values == 0 {
		return nil
	}
	if err == nil {
		err = ctx.Err() // the time was not enough
	}
	r.Log.Error("the record is incomplete: not everything could be written before the end",
		slog.Int("entries", entries), slog.Int("memories", values), slog.Any("error", err))
	return fmt.Errorf("%d entries of the record and the newest memory of %d targets could not be written: %w", entries, values, err)
}

// say logs when writing begins to fail and when it succeeds again.
func (r *Recorder) say(err error) {
	switch {
	case err != nil && !r.failing:
		r.Log.Error("cannot write the record: decisions go on and are kept in memory", slog.Any("error", err))
	case err == nil && r.failing:
		r.Log.Info("the record can be written again")
	}
	r.failing = err != nil
}

func (r *Recorder) sayLost(entries int) {
	if entries > 0 {
		r.Log.Error("the record cannot be written: its oldest entries are lost", slog.Int("entries", entries))
	}
}
