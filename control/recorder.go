package control

import (
	"context"
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

	mu      sync.Mutex // guards what follows
	entries []record.Entry
	values  map[string]record.Value // newest memory of each target

	failing bool // whether the last write failed
}

// maxPending bounds what is kept while the store cannot be written: some
// minutes of a thousand targets.
const maxPending = 50_000

// How long the end waits for messages under way, and for the store.
const (
	quiet     = 100 * time.Millisecond
	lastWrite = 5 * time.Second
)

// Run records until ctx is done.
func (r *Recorder) Run(ctx context.Context) error {
	hearing, deaf := context.WithCancel(context.WithoutCancel(ctx))
	defer deaf()
	r.values = map[string]record.Value{}
	var listening sync.WaitGroup
	defer listening.Wait()
	for _, err := range []error{
		listen(hearing, &listening, ctx.Done(), r.Clock, Decisions(r.Bus, All), func(d record.Decided) {
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
	last, cancel := context.WithTimeout(hearing, lastWrite)
	defer cancel()
	r.write(last)
	return nil
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
			r.write(ctx)
		}
	}
}

func (r *Recorder) add(e record.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
}

// remember keeps the newest memory of each target for the next write.
func (r *Recorder) remember(m Memory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[m.Target] = record.Value{Target: m.Target, Key: record.DeciderKey, Data: m.Data}
}

// write hands what has come to the store. What cannot be written is kept for
// the next time.
func (r *Recorder) write(ctx context.Context) {
	r.mu.Lock()
	batch := record.Batch{Entries: r.entries}
	for _, v := range r.values {
		batch.Values = append(batch.Values, v)
	}
	r.entries, r.values = nil, map[string]record.Value{}
	r.mu.Unlock()
	if len(batch.Entries)+len(batch.Values) == 0 {
		return
	}
	err := r.Store.Write(ctx, batch)
	if err != nil {
		r.putBack(batch)
	}
	r.say(ctx, err)
}

// putBack keeps a batch that could not be written, newer memory excepted.
func (r *Recorder) putBack(batch record.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(batch.Entries, r.entries...)
	if lost := len(r.entries) - maxPending; lost > 0 {
		r.entries = r.entries[lost:]
		r.Log.Error("the record cannot be written: its oldest entries are lost", slog.Int("entries", lost))
	}
	for _, v := range batch.Values {
		if _, newer := r.values[v.Target]; !newer {
			r.values[v.Target] = v
		}
	}
}

// say logs when writing begins to fail and when it succeeds again.
func (r *Recorder) say(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && !r.failing:
		r.Log.Error("cannot write the record: decisions go on and are kept in memory", slog.Any("error", err))
	case err == nil && r.failing:
		r.Log.Info("the record can be written again")
	}
	r.failing = err != nil
}
