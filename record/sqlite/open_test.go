package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

func TestEverythingIsThereWhenOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "record.db")
	s := open(t, sqlite.Options{Path: path})
	keepValue(t, s)
	var want []string
	for i := range 50 {
		add(t, s, recordtest.Sample("shop", i), recordtest.Event("shop", i))
	}
	for _, e := range all(t, s) {
		want = append(want, asJSON(t, e))
	}
	s.Close()
	s = open(t, sqlite.Options{Path: path})
	valueKept(t, s)
	add(t, s, recordtest.Sample("shop", 51))
	got := all(t, s)
	if len(got) != len(want)+1 || got[len(want)].ID != int64(len(want)+1) {
		t.Fatalf("%d entries, want %d and one more with the next ID", len(got), len(want))
	}
	for i := range want {
		if asJSON(t, got[i]) != want[i] {
			t.Errorf("entry %d: got %s, want %s", i, asJSON(t, got[i]), want[i])
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path})
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if !errors.Is(err, record.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("got %v, want ErrInUse naming process %d", err, os.Getpid())
	}
	s.Close()
	open(t, sqlite.Options{Path: path})
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	add(t, open(t, sqlite.Options{Path: path}), recordtest.Sample("shop", 1))
	for _, suffix := range []string{"", "-wal", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("record.db%s: mode %o, want 600", suffix, got)
		}
	}
}

// What is not a record is left as it is.
func TestWhatIsNotARecordIsRefused(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"text":             func(t *testing.T, path string) { put(t, path, []byte(strings.Repeat("dear diary, ", 1000))) },
		"a folder":         func(t *testing.T, path string) { mkdir(t, path) },
		"another database": otherDatabase,
		"a later format":   laterFormat,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mine.db")
			make(t, path)
			before, _ := os.ReadFile(path)
			_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "name another path") {
				t.Errorf("got %v, want ErrDamaged naming the file and what to do", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if left, _ := filepath.Glob(path + ".*"); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func otherDatabase(t *testing.T, path string) { run(t, path, "CREATE TABLE diary (day TEXT)") }

func laterFormat(t *testing.T, path string) {
	open(t, sqlite.Options{Path: path}).Close()
	run(t, path, "PRAGMA user_version = 99")
}

func run(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// A process that ends in the middle of a repair leaves it to the next one.
func TestARepairIsTakenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path})
	add(t, s, recordtest.Sample("shop", 1))
	s.Close()
	put(t, path+".repaired", content(t, path))
	put(t, path, []byte("rubble"))
	if got := all(t, open(t, sqlite.Options{Path: path})); len(got) != 1 {
		t.Errorf("%d entries, want the one of the repaired file", len(got))
	}
	if _, err := os.Stat(path + ".repaired"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the repaired file is still beside its place: %v", err)
	}
}

// Damage that shows while the store is in use is repaired at once. Of damaged
// files the two newest are kept.
func TestDamageShowsLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	for round := range 4 {
		s := open(t, sqlite.Options{Path: path})
		for i := range 100 {
			add(t, s, recordtest.Sample("shop", i))
		}
		keepValue(t, s)
		s.Close()
		s = open(t, sqlite.Options{Path: path})
		data := content(t, path)
		for at := 20 * 4096; at < len(data)-4096; at += 3 * 4096 {
			copy(data[at:], make([]byte, 200)) // heads of pages
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got := len(all(t, s)); got == 0 || got >= 100*(round+1)+2*round {
			t.Errorf("round %d: %d entries, want some lost and some kept", round, got)
		}
		add(t, s, recordtest.Sample("shop", 1))
		s.Close()
	}
	aside, _ := filepath.Glob(path + ".damaged-*")
	if len(aside) != 2 {
		t.Errorf("damaged files kept: %v, want the newest 2", aside)
	}
}
