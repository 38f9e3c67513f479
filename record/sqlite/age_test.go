package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// hand is a clock set by hand.
type hand struct {
	clock.Clock
	now time.Time
}

func (h *hand) Now() time.Time { return h.now }

const day = 24 * time.Hour

// live writes an entry every ten minutes, dated by the clock.
func live(t *testing.T, s record.Store, h *hand, d time.Duration) {
	t.Helper()
	for end := h.now.Add(d); h.now.Before(end); h.now = h.now.Add(10 * time.Minute) {
		e := recordtest.Event("shop", 0)
		e.At = h.now
		add(t, s, e)
	}
}

func add(t *testing.T, s record.Store, entries ...record.Entry) {
	t.Helper()
	if err := s.Write(t.Context(), record.Batch{Entries: entries}); err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, s record.Store) []record.Entry {
	t.Helper()
	entries, err := s.Read(t.Context(), record.Query{OldestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestWhatIsTooOldGoes(t *testing.T) {
	h := &hand{now: recordtest.Start}
	s := open(t, sqlite.Options{Retention: day, Clock: h})
	keepValue(t, s)
	live(t, s, h, 3*day)
	got := all(t, s)
	if age := h.now.Sub(got[0].At); age < day || age > day+time.Hour {
		t.Errorf("the oldest entry is %s old, want a day and little more", age)
	}
	if want := int(day / (10 * time.Minute)); len(got) < want || len(got) > want+6 {
		t.Errorf("%d entries, want the %d of a day and few more", len(got), want)
	}
	valueKept(t, s)
}

// A clock that leaps, there and back, neither empties the record nor keeps it
// from forgetting later.
func TestTheClockLeapsAYear(t *testing.T) {
	for name, leap := range map[string]int{"ahead": 1, "back": -1} {
		t.Run(name, func(t *testing.T) {
			h := &hand{now: recordtest.Start}
			s := open(t, sqlite.Options{Retention: day, Clock: h})
			live(t, s, h, day)
			before := len(all(t, s))
			h.now = h.now.AddDate(leap, 0, 0)
			live(t, s, h, 2*time.Hour)
			if got := len(all(t, s)); got < before-12 {
				t.Errorf("%d entries after a leap, want about the %d there were", got, before)
			}
			h.now = h.now.AddDate(-leap, 0, 0)
			live(t, s, h, 2*time.Hour)
			if got := len(all(t, s)); got < before-12 {
				t.Errorf("%d entries after leaping there and back, want about the %d there were", got, before)
			}
			live(t, s, h, 2*day)
			if got := len(all(t, s)); got > before+18 {
				t.Errorf("%d entries two days after the leap, want about the %d of one day", got, before)
			}
		})
	}
}

func TestAnEntryOfTheFutureIsKeptAndHoldsNothingUp(t *testing.T) {
	h := &hand{now: recordtest.Start}
	s := open(t, sqlite.Options{Retention: day, Clock: h})
	future := recordtest.Event("shop", 1)
	future.At = h.now.AddDate(10, 0, 0)
	add(t, s, future)
	live(t, s, h, day/2)
	if got := all(t, s); !got[0].At.Equal(future.At) {
		t.Errorf("the oldest entry is of %s, want the one dated %s", got[0].At, future.At)
	}
	found, err := s.Read(t.Context(), record.Query{From: future.At.Add(-time.Hour)})
	if err != nil || len(found) != 1 {
		t.Errorf("entries of the future: got %d, %v, want 1", len(found), err)
	}
	live(t, s, h, 2*day)
	if age := h.now.Sub(all(t, s)[0].At); age > day+time.Hour {
		t.Errorf("the oldest entry is %s old two days later, want a day", age)
	}
}

// Being off for long is no reason to forget what was before: it counts as an
// hour, in which six entries grow too old.
func TestTheControllerWasOffForMonths(t *testing.T) {
	h := &hand{now: recordtest.Start}
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path, Retention: day, Clock: h})
	live(t, s, h, day)
	before := len(all(t, s))
	s.Close()
	h.now = h.now.AddDate(0, 3, 0)
	s = open(t, sqlite.Options{Path: path, Retention: day, Clock: h})
	live(t, s, h, time.Hour)
	if got := len(all(t, s)); got < before-6 {
		t.Errorf("%d entries, want about the %d from before", got, before)
	}
}

func TestTheFileStaysWithinItsBound(t *testing.T) {
	const bound = 2 << 20
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path, MaxBytes: bound})
	keepValue(t, s)
	largest := int64(0)
	const batches, targets = 400, 50
	for i := range batches {
		var entries []record.Entry
		for target := range targets {
			entries = append(entries, recordtest.Sample(fmt.Sprint("shop-", target), i))
		}
		add(t, s, entries...)
		largest = max(largest, size(path)+size(path+"-wal"))
	}
	if largest > bound {
		t.Errorf("file and log grew to %d bytes, want at most %d", largest, bound)
	}
	got := all(t, s)
	t.Logf("the newest %d of %d entries in %d bytes", len(got), batches*targets, largest)
	if last := got[len(got)-1].ID; last != batches*targets || int(last-got[0].ID) != len(got)-1 {
		t.Errorf("%d entries, IDs %d to %d, want the newest without a gap", len(got), got[0].ID, last)
	}
	if len(got)*1000 < bound {
		t.Errorf("%d entries in %d bytes, want more than one in 1000", len(got), bound)
	}
	valueKept(t, s)
}

func TestALoweredBoundShrinksTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path, MaxBytes: 16 << 20})
	for i := range 100 {
		var entries []record.Entry
		for target := range 100 {
			entries = append(entries, recordtest.Sample(fmt.Sprint("shop-", target), i))
		}
		add(t, s, entries...)
	}
	s.Close()
	before := size(path)
	const bound = 2 << 20
	s = open(t, sqlite.Options{Path: path, MaxBytes: bound})
	for i := range 20 {
		add(t, s, recordtest.Sample("shop-1", 100+i))
	}
	s.Close()
	if after := size(path); before < 2*bound || after > bound {
		t.Errorf("from %d bytes to %d, want at most %d", before, after, bound)
	}
}

func keepValue(t *testing.T, s record.Store) {
	t.Helper()
	v := record.Value{Target: "shop", Key: record.OverrideKey, Data: []byte("kept")}
	if err := s.Write(t.Context(), record.Batch{Values: []record.Value{v}}); err != nil {
		t.Fatal(err)
	}
}

func valueKept(t *testing.T, s record.Store) {
	t.Helper()
	if data, err := s.Value(t.Context(), "shop", record.OverrideKey); err != nil || string(data) != "kept" {
		t.Errorf("value: got %q, %v, want it kept whatever goes", data, err)
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
