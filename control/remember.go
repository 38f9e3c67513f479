package control

import (
	"context"
	"hash/fnv"
	"log/slog"
	"time"
)

// A snapshot of a learning policy is some tens of kilobytes and takes a
// millisecond or two: with thousands of targets more than deciding. So one of
// n bytes is not followed by the next within n/snapshotRate, a minute at most.
// What a controller that is killed loses is what its deciders saw in that time:
// changes that were made are told to them again from the record. One that ends
// in order loses nothing.
const (
	snapshotRate = 512 // bytes/s of one target: 15 s for 7.5 kB, a minute from 30 kB on
	rarestMemory = time.Minute
)

// remembering is when the memory of a target was published last.
type remembering struct {
	taken time.Time     // zero: never
	pause time.Duration // until the next
	newer bool          // the deciders remember more than what was published
}

// due reports whether it is time for the next. A clock that was set back makes
// nobody wait.
func (r *remembering) due(now time.Time) bool {
	since := now.Sub(r.taken)
	return r.taken.IsZero() || since < 0 || since >= r.pause
}

// took notes that a snapshot of so many bytes was taken. The first pause is a
// part of the whole that depends on the name, so that targets that began together
// do not go on together.
func (r *remembering) took(now time.Time, name string, bytes int) {
	first := r.taken.IsZero()
	r.taken, r.newer = now, false
	r.pause = min(rarestMemory, time.Duration(bytes)*time.Second/snapshotRate)
	if first {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(name)) // it never fails
		r.pause = r.pause * time.Duration(hash.Sum32()%1000) / 1000
	}
}

// remember publishes the memory of the deciders, for whoever keeps it, when it is
// time.
func (p *Planner) remember(ctx context.Context) {
	p.memory.newer = true
	if p.memory.due(p.Clock.Now()) {
		p.publishMemory(ctx)
	}
}

// rememberLast publishes what is not published yet: the loop ends.
func (p *Planner) rememberLast(ctx context.Context) {
	if p.memory.newer {
		p.publishMemory(context.WithoutCancel(ctx))
	}
}

func (p *Planner) publishMemory(ctx context.Context) {
	now := p.Clock.Now()
	data, err := p.plan.Snapshot()
	if err == nil {
		p.memory.took(now, p.Name, len(data))
		err = p.Memories.Publish(ctx, Memory{Target: p.Name, At: p.at, Data: data})
	}
	if err != nil && ctx.Err() == nil {
		p.Log.Error("memory lost", slog.String("target", p.Name), slog.Any("error", err))
	}
}
