package recordtest

import (
	"errors"
	"testing"

	"github.com/flyball-io/flyball/record"
)

func write(t *testing.T, s record.Store, entries ...record.Entry) {
	t.Helper()
	if err := s.Write(t.Context(), record.Batch{Entries: entries}); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func read(t *testing.T, s record.Store, q record.Query) []record.Entry {
	t.Helper()
	entries, err := s.Read(t.Context(), q)
	if err != nil {
		t.Fatalf("read %+v: %v", q, err)
	}
	return entries
}

func set(t *testing.T, s record.Store, target, key, data string) {
	t.Helper()
	v := record.Value{Target: target, Key: key, Data: []byte(data)}
	if err := s.Write(t.Context(), record.Batch{Values: []record.Value{v}}); err != nil {
		t.Fatalf("set %s of %s: %v", key, target, err)
	}
}

func holds(t *testing.T, s record.Store, target, key, want string) {
	t.Helper()
	got, err := s.Value(t.Context(), target, key)
	if err != nil || string(got) != want {
		t.Errorf("%s of %s: got %d bytes %.20q, %v, want %d bytes %.20q", key, target, len(got), got, err, len(want), want)
	}
}

func absent(t *testing.T, s record.Store, target, key string) {
	t.Helper()
	if got, err := s.Value(t.Context(), target, key); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("%s of %s: got %q, %v, want ErrNotFound", key, target, got, err)
	}
}

// numbered gives the entries the IDs of a fresh store.
func numbered(entries []record.Entry) []record.Entry {
	for i := range entries {
		entries[i].ID = int64(i + 1)
	}
	return entries
}

func samples(target string, n int) []record.Entry {
	var all []record.Entry
	for i := range n {
		all = append(all, Sample(target, i))
	}
	return numbered(all)
}
