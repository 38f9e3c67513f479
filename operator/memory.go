package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

var _ record.Store = (*memories)(nil)

// memories is a record whose values are in the cluster: the instance of the
// operator that takes over goes on with what the deciders of this one knew. The
// log is that of another store, which may end with this process; of it the next
// instance needs the last changes of the count, which statuses tell.
type memories struct {
	record.Store
	keeper keeper
	board  *board
	clock  clock.Clock
	log    *slog.Logger
	// begins is what the deciders of an Autoscaler begin with, where what is kept
	// of it, if anything, is not enough; nil: with what is kept.
	begins func(ctx context.Context, name string, kept []byte) []byte

	mu    sync.Mutex // guards what follows
	known map[string]*memory
}

// memory is what is kept of one Autoscaler.
type memory struct {
	Decider, Override []byte
	writtenAt         time.Time // zero: not by this process
	newer             bool      // there is more than was written
	tooLarge          bool
}

// keeper keeps memories, in a cluster or in a test.
type keeper interface {
	// Load returns all that are kept.
	Load(ctx context.Context) (map[types.NamespacedName]memory, error)
	// Keep writes that of an Autoscaler, which it goes with.
	Keep(ctx context.Context, of *unstructured.Unstructured, m memory) error
}

const (
	// memoryEvery is the time between two writes of one memory. What is written may
	// be a minute old, so a leader that is killed loses what deciders saw in at most
	// three. It loses no change of a count.
	memoryEvery = 2 * time.Minute
	// largestMemory is that of a snapshot, compressed. Objects are small.
	largestMemory = 700 << 10
	// lastWrites is what the end has for all memories: less than the time after
	// which Kubernetes kills.
	lastWrites = 20 * time.Second
)

func newMemories(inner record.Store, k keeper, b *board, clk clock.Clock, log *slog.Logger) *memories {
	return &memories{Store: inner, keeper: k, board: b, clock: clk, log: log, known: map[string]*memory{}}
}

// load reads what earlier leaders kept.
func (m *memories) load(ctx context.Context) error {
	kept, err := m.keeper.Load(ctx)
	if err != nil {
		return fmt.Errorf("read what Autoscalers remember: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, one := range kept {
		m.known[Name(key)] = &one
	}
	return nil
}

// Write takes the newest memory of deciders for later, and keeps at once what
// was set by hand.
func (m *memories) Write(ctx context.Context, b record.Batch) error {
	var byHand []string
	m.mu.Lock()
	for _, v := range b.Values {
		one := m.known[v.Target]
		if one == nil {
			one = &memory{writtenAt: m.clock.Now().Add(-spread(v.Target))}
			m.known[v.Target] = one
		}
		switch v.Key {
		case record.DeciderKey:
			one.newer = one.newer || !bytes.Equal(one.Decider, v.Data)
			one.Decider = v.Data
		case record.OverrideKey:
			one.Override, one.newer = v.Data, true
			byHand = append(byHand, v.Target)
		}
	}
	m.mu.Unlock()
	for _, name := range byHand {
		if err := m.keep(ctx, name); err != nil {
			return err
		}
	}
	return m.Store.Write(ctx, record.Batch{Entries: b.Entries})
}

// spread is how long ago the first write of a memory is taken to be, so that
// those that began together are not all written together.
func spread(name string) time.Duration {
	var sum uint32
	for _, c := range []byte(name) {
		sum = sum*31 + uint32(c)
	}
	return memoryEvery * time.Duration(sum%1000) / 1000
}

// Value returns what was kept.
func (m *memories) Value(ctx context.Context, target, key string) ([]byte, error) {
	data := m.kept(target, key)
	if key == record.DeciderKey && m.begins != nil {
		data = m.begins(ctx, target, data)
	}
	if data == nil {
		return nil, record.ErrNotFound
	}
	return data, nil
}

// kept is nil where nothing is.
func (m *memories) kept(target, key string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch one := m.known[target]; {
	case one == nil:
		return nil
	case key == record.OverrideKey:
		return one.Override
	default:
		return one.Decider
	}
}

// Read adds the changes that a status tells and this process has not made.
func (m *memories) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	entries, err := m.Store.Read(ctx, q)
	if err != nil || q.Kind != record.AppliedKind || q.Target == "" || q.Limit > 0 {
		return entries, err
	}
	for _, a := range m.board.changes(q.Target) {
		e := record.Entry{Target: a.Target, At: a.At, Applied: &a}
		twice := slices.ContainsFunc(entries, func(was record.Entry) bool { return micro(was.At).Equal(micro(a.At)) })
		if q.Matches(e) && !twice {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b record.Entry) int {
		if q.OldestFirst {
			return a.At.Compare(b.At)
		}
		return b.At.Compare(a.At)
	})
	return entries, nil
}

// Run keeps memories until ctx is done.
func (m *memories) Run(ctx context.Context) error {
	ticker := m.clock.NewTicker(writeLook)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			err := each(ctx, m.due(memoryEvery), m.keep)
			if failed := err != nil && ctx.Err() == nil; failed != failing {
				failing = failed
				m.log.Warn("what Autoscalers remember", slog.Bool("kept", !failed), slog.Any("error", err))
			}
		}
	}
}

// flush keeps all that is not kept yet.
func (m *memories) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	return each(ctx, m.due(0), m.keep)
}

// due are those that have something new and were written long ago.
func (m *memories) due(every time.Duration) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m.known)) {
		if one := m.known[name]; one.newer && since(now, one.writtenAt) >= every {
			all = append(all, name)
		}
	}
	return all
}

// keep writes one memory. That of an Autoscaler that is gone goes with it.
func (m *memories) keep(ctx context.Context, name string) error {
	object := m.board.object(name)
	m.mu.Lock()
	one := m.known[name]
	if one == nil || object == nil {
		delete(m.known, name)
		m.mu.Unlock()
		return nil
	}
	one.newer, one.writtenAt = false, m.clock.Now()
	snapshot := *one
	m.mu.Unlock()
	err := m.keeper.Keep(ctx, object, snapshot)
	m.mu.Lock()
	defer m.mu.Unlock()
	var large tooLarge
	switch {
	case errors.As(err, &large):
		if !one.tooLarge {
			m.log.Warn("too much to be kept: the next leader begins without what policies and guards have learned", slog.String("target", name), slog.Any("error", err))
		}
		one.tooLarge, err = true, nil
	case err != nil:
		one.newer = true
	}
	return err
}

// forget takes the end of an Autoscaler: another one of its name begins afresh.
func (m *memories) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, name)
}
