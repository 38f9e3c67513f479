package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/bus"
)

// LeaseTime is how long a lease is held without being renewed: how long nothing
// is decided after the holder was killed.
const LeaseTime = 10 * time.Second

// Lease is held by one bus at a time, as long as it renews it.
type Lease struct {
	bus  *Bus
	name string
	id   string // of this holder, so that a restart does not take itself for another
	ttl  time.Duration
	says words

	mu    sync.Mutex // guards what follows; nobody does I/O under it
	term  int64
	until time.Time // by our clock, from before asking: never later than the server has it
}

var _ bus.Lease = (*Lease)(nil)

// words are what is logged of a lease.
type words struct{ taken, lost, unknown string }

// NewLease returns a lease that is tried for once it runs. One of 0 is of
// [LeaseTime].
func (b *Bus) NewLease(name string, ttl time.Duration) *Lease {
	if ttl == 0 {
		ttl = LeaseTime
	}
	return &Lease{bus: b, name: name, id: b.opts.Instance + "/" + b.events.boot, ttl: ttl,
		says: words{"plans from now on", "somebody else plans now", "cannot tell who plans: nothing is decided until that is known"}}
}

// NewExecutorLease returns the lease of who looks after a target. One that was
// killed and is back has it still: nobody but it has its state folder, and the
// replicas need somebody at once.
func (b *Bus) NewExecutorLease(target string, ttl time.Duration) *Lease {
	l := b.NewLease("executor."+target, ttl)
	l.id = b.opts.Instance
	l.says = words{"looks after the target from now on", "another executor looks after the target now",
		"cannot tell who looks after the target: nothing is carried out until that is known"}
	return l
}

// holding takes or renews a lease, and returns the term, 0 where another holds
// it. A term is above the one before it and not below the server's time in
// milliseconds, so that a server that has lost its data repeats none.
var holding = redis.NewScript(2, `
local holder = redis.call('GET', KEYS[1])
local term = tonumber(redis.call('GET', KEYS[2]) or '0')
if holder and holder ~= ARGV[1] then return '0' end
if not holder then
  local now = redis.call('TIME')
  term = math.max(term + 1, now[1] * 1000 + math.floor(now[2] / 1000))
  redis.call('SET', KEYS[2], string.format('%.0f', term))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return string.format('%.0f', term)`)

// releasing gives a lease up, if it is ours.
var releasing = redis.NewScript(1, `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

// Term implements [bus.Lease].
func (l *Lease) Term() (term int64, held bool) {
	now := l.bus.opts.Clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.term > 0 && now.Before(l.until)
}

// Run tries for the lease and renews it until ctx is done. It then gives it up,
// so that the next need not wait.
func (l *Lease) Run(ctx context.Context) error {
	ticker := l.bus.opts.Clock.NewTicker(l.ttl / 4)
	defer ticker.Stop()
	for {
		l.hold(ctx)
		select {
		case <-ctx.Done():
			return l.release(context.WithoutCancel(ctx))
		case <-ticker.C:
		}
	}
}

func (l *Lease) hold(ctx context.Context) {
	_, held := l.Term()
	asked := l.bus.opts.Clock.Now()
	term, err := redis.Int64(l.bus.run(ctx, holding, l.key("lease:"), l.key("term:"), l.id, l.ttl.Milliseconds()))
	if err != nil {
		if _, still := l.Term(); held && !still && ctx.Err() == nil {
			l.say(ctx, slog.LevelWarn, l.says.unknown)
		}
		return
	}
	l.mu.Lock()
	before := l.term
	l.term, l.until = term, asked.Add(l.ttl)
	l.mu.Unlock()
	switch {
	case term == 0 && before > 0:
		l.say(ctx, slog.LevelWarn, l.says.lost)
	case term > 0 && term != before:
		l.say(ctx, slog.LevelInfo, l.says.taken, slog.Int64("term", term))
	}
}

// say logs one of the words, which are constants of the kind of lease.
func (l *Lease) say(ctx context.Context, level slog.Level, words string, more ...slog.Attr) {
	l.bus.opts.Log.LogAttrs(ctx, level, words, append(more, slog.String("target", l.name))...) //nolint:sloglint // see above
}

func (l *Lease) release(ctx context.Context) error {
	l.mu.Lock()
	held := l.term > 0
	l.term = 0
	l.mu.Unlock()
	if !held {
		return nil
	}
	if _, err := l.bus.run(ctx, releasing, l.key("lease:"), l.id); err != nil {
		l.bus.opts.Log.Warn("lease not given up: it ends by itself", slog.String("target", l.name), slog.Duration("in", l.ttl), slog.Any("error", fmt.Errorf("release: %w", err)))
	}
	return nil
}

func (l *Lease) key(what string) string { return l.bus.prefix + what + l.name }
