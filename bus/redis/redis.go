// Package redis is the bus between processes: Redis Streams (Redis 6.2 or
// later) with CloudEvents as messages.
//
//	flyball:NS:reports                  a stream per kind, read by all who subscribe
//	flyball:NS:newest:reports.shop      the newest message of a subject
//	flyball:NS:queue:decisions.shop     a stream per consumed subject, with a group per consumer
//	flyball:NS:lease:shop, term:shop    who plans a target, and his term
//
// All lengths are bounded. While Redis cannot be reached publishing fails, and
// who subscribed hears nothing; afterwards who follows one subject gets its
// newest message, who follows a whole kind everything that is still there, and
// consumers everything they have not acknowledged.
package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
)

var (
	_ bus.Bus     = (*Bus)(nil)
	_ bus.Durable = (*Bus)(nil)
	_ bus.Watched = (*Bus)(nil)
)

const (
	// callTimeout is how long one command may take.
	callTimeout = 2 * time.Second
	// block is how long a read waits for messages; a connection that is cut is
	// noticed after as long again as a call may take.
	block = time.Second
	// kindLength and queueLength bound the streams: a minute of reports of ten
	// targets (some kilobytes each), and half an hour of decisions of one.
	kindLength  = 2000
	queueLength = 100
)

// Options say how a bus is used.
type Options struct {
	Server
	// Namespace keeps installations that share a server apart.
	Namespace string
	// Instance is who publishes and consumes. It stays the same over restarts
	// and differs between processes that run at the same time.
	Instance string
	// ClaimAfter is how long a message may be unacknowledged by one consumer
	// before another of its name gets it.
	ClaimAfter time.Duration
	Clock      clock.Clock
	Log        *slog.Logger
}

// Bus is a connection to one server, used by many goroutines.
type Bus struct {
	opts   Options
	prefix string
	ctx    context.Context // of all readers; they belong to the bus, not to a call
	stop   context.CancelFunc
	pool   *redis.Pool
	events events
	link   link
	work   sync.WaitGroup

	mu      sync.Mutex // guards streams
	streams map[string]*stream
	dropped atomic.Uint64
}

// Open returns a bus. A server that cannot be reached may come later; one that
// refuses what it is told, such as the password, is an error.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Namespace == "" || strings.ContainsAny(o.Namespace, ":* ") {
		return nil, fmt.Errorf("bus: namespace: must be a word without colon, space and star, got %q", o.Namespace)
	}
	if o.ClaimAfter == 0 {
		o.ClaimAfter = 30 * time.Second
	}
	security, err := o.security()
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	b := &Bus{opts: o, prefix: "flyball:" + o.Namespace + ":", streams: map[string]*stream{},
		events: newEvents(o.Instance, o.Clock), link: link{server: o.Server, security: security, clock: o.Clock, log: o.Log}}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.pool = &redis.Pool{DialContext: b.link.dial, MaxIdle: 4, IdleTimeout: time.Minute, TestOnBorrow: b.link.stillOpen}
	if err := b.ping(ctx); refused(err) {
		return nil, errors.Join(fmt.Errorf("bus: %s: %w", o.Address, err), b.Close())
	}
	return b, nil
}

func (b *Bus) ping(ctx context.Context) error {
	_, err := b.do(ctx, "PING")
	return err
}

// Close ends all subscriptions and connections.
func (b *Bus) Close() error {
	b.stop()
	b.work.Wait()
	return b.pool.Close()
}

// Dropped returns how many messages were lost to slow subscribers.
func (b *Bus) Dropped() uint64 { return b.dropped.Load() }

// Away implements [bus.Watched].
func (b *Bus) Away() (since time.Time, why error) { return b.link.away() }

// publishing adds an event to the stream of its kind and to that of its
// consumers, where there are any, and remembers it as the newest, where that is
// for a time only for as many seconds.
var publishing = redis.NewScript(3, `
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'whom', ARGV[1], 'ce', ARGV[2])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[2])
if tonumber(ARGV[5]) > 0 then redis.call('EXPIRE', KEYS[2], ARGV[5]) end
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'ce', ARGV[2])
end
return id`)

// Publish adds message to the stream of its kind.
func (b *Bus) Publish(ctx context.Context, subject string, message any) error {
	kind, whom, _ := strings.Cut(subject, ".")
	if whom == bus.Any {
		return fmt.Errorf("publish to %q: %s is for subscribers", subject, bus.Any)
	}
	event, err := b.events.wrap(kind, whom, message)
	if err != nil {
		return fmt.Errorf("publish to %q: %w", subject, err)
	}
	_, err = b.run(ctx, publishing, b.kindKey(kind), b.newestKey(subject), b.queueKey(subject), whom, event, kindLength, queueLength, int(kept(kind).Seconds()))
	if err != nil {
		return fmt.Errorf("publish to %q: %w", subject, err)
	}
	return nil
}

// kept is how long the newest message of a kind is remembered; 0: always. Who
// says something each second and has not for a day is gone: a node of a cloud, or
// a target, that comes back under another name.
func kept(kind string) time.Duration {
	switch kind {
	case "reports", "nodes", "containers", "drains", "drained":
		return 24 * time.Hour
	default:
		return 0
	}
}

func (b *Bus) kindKey(kind string) string      { return b.prefix + kind }
func (b *Bus) newestKey(subject string) string { return b.prefix + "newest:" + subject }
func (b *Bus) queueKey(subject string) string  { return b.prefix + "queue:" + subject }

// do runs one command.
func (b *Bus) do(ctx context.Context, command string, args ...any) (any, error) {
	return b.with(ctx, func(ctx context.Context, c redis.Conn) (any, error) { return redis.DoContext(c, ctx, command, args...) })
}

// run runs a script.
func (b *Bus) run(ctx context.Context, s *redis.Script, keysAndArgs ...any) (any, error) {
	return b.with(ctx, func(ctx context.Context, c redis.Conn) (any, error) { return s.DoContext(ctx, c, keysAndArgs...) })
}

func (b *Bus) with(ctx context.Context, call func(context.Context, redis.Conn) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := b.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	reply, err := call(ctx, c)
	b.link.note(c.Err())
	return reply, err
}

// Subscribe returns the messages of a subject from now until ctx is done. Where
// it is one subject, its newest message comes first.
func (b *Bus) Subscribe(ctx context.Context, subject string) (<-chan any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kind, whom, _ := strings.Cut(subject, ".")
	s := newSubscriber(whom, &b.dropped)
	if err := b.stream(kind).add(ctx, s); err != nil {
		return nil, err
	}
	return s.messages, nil
}

// stream returns the reader of a kind, which runs from the first subscriber on.
func (b *Bus) stream(kind string) *stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.streams[kind]
	if s == nil {
		s = &stream{bus: b, kind: kind, subscribers: map[*subscriber]struct{}{}}
		b.streams[kind] = s
	}
	return s
}

// message is what an event carries.
func message(event []byte) ([]byte, error) {
	var e cloudEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	return e.Data, nil
}
