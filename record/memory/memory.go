// Package memory keeps a record for as long as the process lives: for tests,
// demonstrations and controllers that need no history.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/flyball-io/flyball/record"
)

// DefaultMaxEntries is a day of decisions, one in 15 s, of 17 targets: about
// 200 MB.
const DefaultMaxEntries = 100_000

var (
	_ record.Store = (*Store)(nil)

	errClosed = errors.New("the record is closed")
)

// Options of a store.
type Options struct {
	// MaxEntries is how many entries are kept; 0: DefaultMaxEntries.
	MaxEntries int
}

// Store is a record in memory.
type Store struct {
	max int

	mu      sync.RWMutex // guards what follows
	entries []record.Entry
	last    int64 // ID given last
	values  map[key][]byte
	closed  bool
}

type key struct{ target, key string }

// New returns an empty store.
func New(o Options) *Store {
	if o.MaxEntries <= 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	return &Store{max: o.MaxEntries, values: map[key][]byte{}}
}

// Write appends the entries and sets the values.
func (s *Store) Write(ctx context.Context, b record.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("write: %w", errClosed)
	}
	for _, e := range b.Entries {
		s.last++
		e.ID = s.last
		s.entries = append(s.entries, e.Clone())
	}
	for _, v := range b.Values {
		s.set(v)
	}
	s.dropOldest()
	return nil
}

func (s *Store) set(v record.Value) {
	if v.Data == nil {
		delete(s.values, key{v.Target, v.Key})
		return
	}
	s.values[key{v.Target, v.Key}] = bytes.Clone(v.Data)
}

// dropOldest forgets what is beyond the bound. The array behind the slice is
// left behind by the next append that does not fit.
func (s *Store) dropOldest() {
	if beyond := len(s.entries) - s.max; beyond > 0 {
		clear(s.entries[:beyond])
		s.entries = s.entries[beyond:]
	}
}

// Read returns the entries that q asks for.
func (s *Store) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("read: %w", errClosed)
	}
	within := s.between(q.After, q.Before)
	var found []record.Entry
	for i := range within {
		e := within[i]
		if !q.OldestFirst {
			e = within[len(within)-1-i]
		}
		if !q.Matches(e) {
			continue
		}
		found = append(found, shown(e, q.Brief))
		if len(found) == q.Limit {
			break
		}
	}
	return found, nil
}

// between returns the entries with IDs after one and before another.
func (s *Store) between(after, before int64) []record.Entry {
	from := sort.Search(len(s.entries), func(i int) bool { return s.entries[i].ID > after })
	to := len(s.entries)
	if before != 0 {
		to = sort.Search(len(s.entries), func(i int) bool { return s.entries[i].ID >= before })
	}
	return s.entries[from:max(from, to)]
}

// shown returns a copy for the reader, who may change it.
func shown(e record.Entry, brief bool) record.Entry {
	if brief && e.Decided != nil {
		d := e.Decided.Brief()
		e.Decided = &d
	}
	return e.Clone()
}

// Value returns what was last written under a key of a target.
func (s *Store) Value(ctx context.Context, target, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("read %s of %q: %w", name, target, errClosed)
	}
	data, ok := s.values[key{target, name}]
	if !ok {
		return nil, fmt.Errorf("%s of %q: %w", name, target, record.ErrNotFound)
	}
	return bytes.Clone(data), nil
}

// Close forgets everything.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.entries, s.values = true, nil, nil
	return nil
}
