package sqlite_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// original is what a store had written when its files were copied.
type original struct {
	main, wal []byte
	entries   map[int64]string // as JSON
	values    map[string][]string
}

// harm returns copies of the files of a store in use. Some of its content is
// in the file, some in the write-ahead log.
func harm(t *testing.T) original {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path, MaxBytes: 4 << 20})
	o := original{entries: map[int64]string{}, values: map[string][]string{}}
	for i := range 120 {
		target := fmt.Sprint("shop-", i%3)
		o.add(t, s, target, i)
	}
	all, err := s.Read(t.Context(), record.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		o.entries[e.ID] = asJSON(t, e)
	}
	o.main, o.wal = content(t, path), content(t, path+"-wal")
	if len(o.main) < 50_000 || len(o.wal) < 50_000 {
		t.Fatalf("file of %d and log of %d bytes: want content in both", len(o.main), len(o.wal))
	}
	return o
}

func (o *original) add(t *testing.T, s record.Store, target string, i int) {
	t.Helper()
	data := fmt.Sprintf("memory %d %s", i, strings.Repeat("x", i*13%6000))
	o.values[target] = append(o.values[target], data)
	err := s.Write(t.Context(), record.Batch{
		Entries: []record.Entry{recordtest.Sample(target, i), recordtest.Event(target, i)},
		Values:  []record.Value{{Target: target, Key: record.DeciderKey, Data: []byte(data)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reopen opens damaged files and demands what holds after any damage: it does
// not fail, what it returns was written, and it can be written to.
func (o *original) reopen(t *testing.T, main, wal []byte) (entries int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	put(t, path, main)
	put(t, path+"-wal", wal)
	put(t, path+".lock", []byte("process 1 since yesterday\n"))
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer s.Close()
	entries = o.compare(t, s)
	mine := recordtest.Sample("shop-0", 1000)
	if err := s.Write(t.Context(), record.Batch{Entries: []record.Entry{mine}}); err != nil {
		t.Fatalf("write: %v", err)
	}
	newest, err := s.Read(t.Context(), record.Query{Limit: 1})
	if err != nil || len(newest) != 1 {
		t.Fatalf("read what was written: %d entries, %v", len(newest), err)
	}
	mine.ID = newest[0].ID
	if got, want := asJSON(t, newest[0]), asJSON(t, mine); got != want {
		t.Errorf("written after the damage: got %s, want %s", got, want)
	}
	return entries
}

func (o *original) compare(t *testing.T, s record.Store) (entries int) {
	t.Helper()
	all, err := s.Read(t.Context(), record.Query{})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for _, e := range all {
		if e.Event != nil && e.Event.Type == "RecordRepaired" {
			continue
		}
		entries++
		if got := asJSON(t, e); got != o.entries[e.ID] {
			t.Errorf("entry %d: got %s, want %s", e.ID, got, o.entries[e.ID])
		}
	}
	for target, written := range o.values {
		data, err := s.Value(t.Context(), target, record.DeciderKey)
		if err == nil && !contains(written, string(data)) {
			t.Errorf("value of %s: got %.40q, which was never written", target, data)
		}
	}
	return entries
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func TestFilesInUseAreTakenOver(t *testing.T) {
	o := harm(t)
	if got := o.reopen(t, o.main, o.wal); got != len(o.entries) {
		t.Errorf("%d entries of undamaged files, want all %d", got, len(o.entries))
	}
}

func TestTruncatedAtEveryThousandthByte(t *testing.T) {
	testenv.Long(t)
	o := harm(t)
	kept := 0
	for n := 0; n < len(o.main); n += 1000 {
		kept = o.reopen(t, o.main[:n], o.wal)
	}
	if kept < len(o.entries)*9/10 {
		t.Errorf("%d of %d entries are left when the last kilobyte is missing", kept, len(o.entries))
	}
	for n := 0; n < len(o.wal); n += 1000 {
		kept = o.reopen(t, o.main, o.wal[:n])
	}
	if kept < len(o.entries)*9/10 {
		t.Errorf("%d of %d entries are left when the last kilobyte of the log is missing", kept, len(o.entries))
	}
}

func TestBytesFlipped(t *testing.T) {
	testenv.Long(t)
	o := harm(t)
	r := rand.New(rand.NewPCG(1, 2))
	least := len(o.entries)
	for round := range 150 {
		main, wal := bytes.Clone(o.main), bytes.Clone(o.wal)
		file := main
		if round%3 == 2 {
			file = wal
		}
		for range 1 + round%8 {
			file[r.IntN(len(file))] ^= byte(1 + r.IntN(255))
		}
		if got := o.reopen(t, main, wal); round%3 != 2 {
			least = min(least, got)
		}
	}
	t.Logf("at least %d of %d entries were kept when bytes of the file were flipped", least, len(o.entries))
}

func asJSON(t *testing.T, e record.Entry) string {
	t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
