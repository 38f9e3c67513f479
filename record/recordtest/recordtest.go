// Package recordtest holds the promises of record.Store as tests that every
// store runs, and entries like those of practice.
package recordtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/record"
)

// Run checks the store that open returns. A store that outlives its process
// also runs Lasting.
func Run(t *testing.T, open func(t *testing.T) record.Store) {
	for name, test := range map[string]func(*testing.T, record.Store){
		"what was written is read":             whatWasWrittenIsRead,
		"the newest comes first":               order,
		"IDs ascend over all targets":          idsAscend,
		"queries":                              queries,
		"pages join without gaps":              pages,
		"entries are copies":                   copies,
		"a faulty batch leaves nothing behind": allOrNothing,
		"values":                               values,
		"odd values are kept":                  oddValues,
		"who is gone writes nothing":           cancelled,
		"many at once":                         manyAtOnce,
		"a closed store says so":               closed,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { _ = s.Close() }) // closed by the test, perhaps
			test(t, s)
		})
	}
}

func whatWasWrittenIsRead(t *testing.T, s record.Store) {
	want := []record.Entry{Sample("shop", 0), Applied("shop", 1), Event("shop", 2), Event("", 3), Sample("cart", 4), Advised("cart", 5)}
	write(t, s, want...)
	equal(t, "all", read(t, s, record.Query{OldestFirst: true}), numbered(want))
}

func order(t *testing.T, s record.Store) {
	write(t, s, Sample("shop", 0), Sample("cart", 1))
	write(t, s, Sample("shop", 2))
	write(t, s, Sample("shop", 1)) // dated before the last: the order is that of writing
	want := numbered([]record.Entry{Sample("shop", 0), Sample("cart", 1), Sample("shop", 2), Sample("shop", 1)})
	equal(t, "oldest first", read(t, s, record.Query{OldestFirst: true}), want)
	slices.Reverse(want)
	equal(t, "newest first", read(t, s, record.Query{}), want)
}

func idsAscend(t *testing.T, s record.Store) {
	for i := range 10 {
		write(t, s, Sample("shop", i), Sample("cart", i), Event("", i))
	}
	last := int64(0)
	for _, e := range read(t, s, record.Query{OldestFirst: true}) {
		if e.ID <= last {
			t.Errorf("ID %d follows %d, want rising ones", e.ID, last)
		}
		last = e.ID
	}
}

func copies(t *testing.T, s record.Store) {
	mine := Sample("shop", 0)
	write(t, s, mine)
	mine.Decided.Decision.Steps[0].Guard = "changed by the writer"
	first := read(t, s, record.Query{})
	first[0].Decided.Seen.Signals[0].Name = "changed by the reader"
	equal(t, "second reader", read(t, s, record.Query{}), numbered([]record.Entry{Sample("shop", 0)}))
	advised := Advised("shop", 1)
	write(t, s, advised)
	*advised.Event.Advised.Replicas = 99
	if got := read(t, s, record.Query{})[0].Event.Advised.Replicas; got == nil || *got != 0 {
		t.Errorf("replicas advised: got %v, want what was written", got)
	}
}

func allOrNothing(t *testing.T, s record.Store) {
	err := s.Write(t.Context(), record.Batch{
		Entries: []record.Entry{Sample("shop", 0), {Target: "shop", At: Start}},
		Values:  []record.Value{{Target: "shop", Key: record.DeciderKey, Data: []byte("memory")}},
	})
	if err == nil {
		t.Error("an entry that is neither decision nor change nor event was taken")
	}
	if got := read(t, s, record.Query{}); len(got) != 0 {
		t.Errorf("%d entries of a refused batch were kept", len(got))
	}
	if data, err := s.Value(t.Context(), "shop", record.DeciderKey); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("value of a refused batch: got %q, %v, want ErrNotFound", data, err)
	}
}

func values(t *testing.T, s record.Store) {
	absent(t, s, "shop", record.DeciderKey)
	set(t, s, "shop", record.DeciderKey, "first")
	set(t, s, "cart", record.DeciderKey, "another target")
	set(t, s, "shop", record.OverrideKey, "another key")
	set(t, s, "shop", record.DeciderKey, "second")
	holds(t, s, "shop", record.DeciderKey, "second")
	holds(t, s, "cart", record.DeciderKey, "another target")
	holds(t, s, "shop", record.OverrideKey, "another key")
	if err := s.Write(t.Context(), record.Batch{Values: []record.Value{{Target: "shop", Key: record.DeciderKey}}}); err != nil {
		t.Fatalf("remove: %v", err)
	}
	absent(t, s, "shop", record.DeciderKey)
	holds(t, s, "shop", record.OverrideKey, "another key")
}

func oddValues(t *testing.T, s record.Store) {
	long := string(make([]byte, 300_000))
	for _, data := range []string{"", "\x00\xff", "ö", long} {
		set(t, s, "shöp/with \x00", "kéy", data)
		holds(t, s, "shöp/with \x00", "kéy", data)
	}
	both := []record.Value{{Target: "a", Key: "k", Data: []byte("1")}, {Target: "a", Key: "k", Data: []byte("2")}}
	if err := s.Write(t.Context(), record.Batch{Values: both}); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "a", "k", "2") // the last one of a batch counts
}

func cancelled(t *testing.T, s record.Store) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(gone, record.Batch{Entries: []record.Entry{Sample("shop", 0)}}); !errors.Is(err, context.Canceled) {
		t.Errorf("write: got %v, want context.Canceled", err)
	}
	if _, err := s.Read(gone, record.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("read: got %v, want context.Canceled", err)
	}
	if _, err := s.Value(gone, "shop", "key"); !errors.Is(err, context.Canceled) {
		t.Errorf("value: got %v, want context.Canceled", err)
	}
	write(t, s, Sample("shop", 0))
	if got := read(t, s, record.Query{}); len(got) != 1 {
		t.Errorf("%d entries, want the one written afterwards", len(got))
	}
}

func manyAtOnce(t *testing.T, s record.Store) {
	const writers, each = 8, 25
	var g sync.WaitGroup
	for w := range writers {
		target := fmt.Sprint("shop-", w)
		g.Go(func() {
			for i := range each {
				b := record.Batch{Entries: []record.Entry{Sample(target, i)},
					Values: []record.Value{{Target: target, Key: record.DeciderKey, Data: fmt.Append(nil, i)}}}
				if err := s.Write(t.Context(), b); err != nil {
					t.Errorf("write %d of %s: %v", i, target, err)
				}
			}
		})
		g.Go(func() {
			for range each {
				if _, err := s.Read(t.Context(), record.Query{Target: target, Limit: 5}); err != nil {
					t.Errorf("read %s: %v", target, err)
				}
			}
		})
	}
	g.Wait()
	for w := range writers {
		target := fmt.Sprint("shop-", w)
		got := read(t, s, record.Query{Target: target, OldestFirst: true})
		for i := range got {
			got[i].ID = int64(i + 1)
		}
		equal(t, target, got, samples(target, each))
		holds(t, s, target, record.DeciderKey, fmt.Sprint(each-1))
	}
}

func closed(t *testing.T, s record.Store) {
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := s.Write(t.Context(), record.Batch{Entries: []record.Entry{Sample("shop", 0)}}); err == nil {
		t.Error("a closed store took an entry")
	}
	if _, err := s.Read(t.Context(), record.Query{}); err == nil {
		t.Error("a closed store gave entries")
	}
	if _, err := s.Value(t.Context(), "shop", "key"); err == nil || errors.Is(err, record.ErrNotFound) {
		t.Errorf("value of a closed store: got %v, want an error that is not ErrNotFound", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed a second time: %v", err)
	}
}

// equal compares entries; times are the same when they are the same instant.
func equal(t *testing.T, what string, got, want []record.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: entries differ (-want +got):\n%s", what, diff)
	}
}
