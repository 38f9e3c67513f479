package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// examine demands that a folder is the same before and after.
func examine(t *testing.T, path string) sqlite.Report {
	t.Helper()
	before := folder(t, filepath.Dir(path))
	r, err := sqlite.Examine(t.Context(), path)
	if err != nil {
		t.Errorf("examine: %v", err)
	}
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("files (-before +after):\n%.2000s", diff)
	}
	return r
}

// folder is the content of all files, but for the index of a log, which
// readers note their marks in.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all[e.Name()] = ""
		if !strings.HasSuffix(e.Name(), "-shm") {
			all[e.Name()] = string(content(t, filepath.Join(dir, e.Name())))
		}
	}
	return all
}

func TestExamineChangesNothing(t *testing.T) {
	o := harm(t)
	for name, lay := range map[string]func(t *testing.T, path string){
		"ended as it should": func(t *testing.T, path string) {
			s := open(t, sqlite.Options{Path: path})
			add(t, s, recordtest.Sample("shop", 1))
			s.Close()
		},
		"killed": func(t *testing.T, path string) {
			put(t, path, o.main)
			put(t, path+"-wal", o.wal)
			put(t, path+".lock", []byte("process 1 since yesterday\n"))
		},
		"moved without its lock": func(t *testing.T, path string) {
			put(t, path, o.main)
			put(t, path+"-wal", o.wal)
		},
		"nothing in it yet": func(t *testing.T, path string) { put(t, path, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.db")
			lay(t, path)
			if r := examine(t, path); r.Damage != "" || r.InUse || r.Bytes != size(path)+size(path+"-wal") {
				t.Errorf("got %+v, want a sound one of %d bytes that is not in use", r, size(path)+size(path+"-wal"))
			}
		})
	}
}

func TestExamineBesideAController(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path})
	add(t, s, recordtest.Sample("shop", 1))
	if r := examine(t, path); r.Damage != "" || !r.InUse {
		t.Errorf("got %+v, want a sound one in use", r)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10 {
			if r, err := sqlite.Examine(t.Context(), path); err != nil || r.Damage != "" {
				t.Errorf("while it is written: got %+v, %v, want a sound one", r, err)
			}
		}
	}()
	n := 1
	for busy := true; busy; n++ {
		add(t, s, recordtest.Sample("shop", n))
		select {
		case <-done:
			busy = false
		default:
		}
	}
	if got := len(all(t, s)); got != n {
		t.Errorf("%d entries afterwards, want %d", got, n)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if left := folder(t, filepath.Dir(path)); len(left) != 2 {
		t.Errorf("%d files left, want the record and its lock", len(left))
	}
}

func TestExamineSeesDamage(t *testing.T) {
	o := harm(t)
	torn := append([]byte(nil), o.main...)
	copy(torn[8192:], make([]byte, 3*4096))
	for name, files := range map[string][2][]byte{
		"pages of zeros":                 {torn, nil},
		"no record":                      {[]byte("this is no record at all, whatever its name says"), nil},
		"the file is empty, the log not": {nil, o.wal},
		"of somebody else":               {diary(t), nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.db")
			put(t, path, files[0])
			if files[1] != nil {
				put(t, path+"-wal", files[1])
			}
			if r := examine(t, path); r.Damage == "" {
				t.Errorf("got %+v, want damage", r)
			}
		})
	}
}

func diary(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	otherDatabase(t, path)
	return content(t, path)
}

func TestExamineWhatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	if r, err := sqlite.Examine(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %+v, %v, want fs.ErrNotExist", r, err)
	}
	open(t, sqlite.Options{Path: path}).Close()
	laterFormat(t, path)
	if r, err := sqlite.Examine(t.Context(), path); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("of a later version: got %+v, %v, want an error that says so", r, err)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := sqlite.Examine(late, path); !errors.Is(err, context.Canceled) {
		t.Errorf("no time: got %+v, %v, want context.Canceled", r, err)
	}
}

// A record that somebody emptied under a controller is in its log still: looking
// must not be what loses it.
func TestExamineLosesNothingOfAnEmptiedRecordInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, sqlite.Options{Path: path})
	add(t, s, recordtest.Sample("shop", 1))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if r := examine(t, path); r.Damage == "" || !r.InUse {
		t.Errorf("got %+v, want it damaged and in use", r)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the log went with the look: %v", err)
	}
}
