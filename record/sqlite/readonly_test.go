package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/sqlite"
	"github.com/flyball-io/flyball/scale"
)

// A record is read beside the controller that writes it, after it has gone, and
// with a log that nobody has taken in; nothing is changed or left behind.
func TestReadBesideAController(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	write := func(target string, desired int) {
		d := &record.Decided{Decision: scale.Decision{Target: target, At: at, DesiredReplicas: desired}, Seen: record.Seen{Ready: desired, ReadySince: at.Add(-time.Minute)}}
		if err := store.Write(t.Context(), record.Batch{
			Entries: []record.Entry{{Target: target, At: at, Decided: d}},
			Values:  []record.Value{{Target: target, Key: record.DeciderKey, Data: []byte(strconv.Itoa(desired))}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	write("web", 3)
	write("api", 2)
	reads := func(when string, want int) {
		t.Helper()
		r, err := sqlite.OpenToRead(t.Context(), path)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		defer r.Close()
		if names, err := r.Targets(t.Context()); err != nil || !slices.Equal(names, []string{"api", "web"}) {
			t.Errorf("%s: targets %v, %v; want api and web", when, names, err)
		}
		found, err := r.Read(t.Context(), record.Query{Target: "web", OldestFirst: true})
		if err != nil || len(found) != want || found[0].Decided.Decision.DesiredReplicas != 3 || !found[0].Decided.Seen.ReadySince.Equal(at.Add(-time.Minute)) {
			t.Errorf("%s: got %+v, %v; want %d decisions, the first of 3 replicas", when, found, err, want)
		}
		if memory, err := r.Value(t.Context(), "web", record.DeciderKey); err != nil || string(memory) != strconv.Itoa(2+want) {
			t.Errorf("%s: memory %q, %v; want that of %d replicas", when, memory, err, 2+want)
		}
		if _, err := r.Value(t.Context(), "web", record.OverrideKey); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("%s: what was never set: %v, want ErrNotFound", when, err)
		}
		if r.Garbled() != 0 {
			t.Errorf("%s: %d entries are damaged", when, r.Garbled())
		}
	}
	reads("beside the store", 1)
	write("web", 4)
	reads("beside the store, later", 2)

	// What a controller leaves that was killed.
	killed := filepath.Join(t.TempDir(), "record.db")
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+end, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reads("after its end", 2)
	path = killed
	reads("after it was killed", 2)
	left, err := os.ReadDir(filepath.Dir(killed))
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v; want the file and its log", left, err)
	}
}

func TestReadRefusesWhatIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	_, err := sqlite.OpenToRead(t.Context(), filepath.Join(dir, "none.db"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: got %v", err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("not ours\n", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, dir} {
		if _, err := sqlite.OpenToRead(t.Context(), path); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%s: got %v, want %v", path, err, record.ErrDamaged)
		}
	}
}
