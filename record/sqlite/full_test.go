package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// A disk that fills up loses nothing that was acknowledged, and is written to
// again once there is room.
func TestTheDiskIsFull(t *testing.T) {
	dir := testenv.SmallDisk(t, "2m")
	path := filepath.Join(dir, "record.db")
	s := open(t, sqlite.Options{Path: path, MaxBytes: 64 << 20})
	written := untilFull(t, s, 0)
	if got := len(all(t, s)); got != written {
		t.Errorf("%d entries on a full disk, want the %d acknowledged", got, written)
	}
	valueIs(t, s, written)
	put(t, filepath.Join(dir, "room"), nil) // removing nothing makes no room
	if err := s.Write(t.Context(), fullBatch(written)); !errors.Is(err, record.ErrFull) {
		t.Errorf("still full: got %v, want ErrFull", err)
	}
	s.Close()
	s = open(t, sqlite.Options{Path: path, MaxBytes: 64 << 20})
	if got := len(all(t, s)); got != written {
		t.Errorf("opened again: %d entries, want the %d acknowledged", got, written)
	}
}

func TestThereIsRoomAgain(t *testing.T) {
	dir := testenv.SmallDisk(t, "4m")
	ballast := filepath.Join(dir, "ballast")
	put(t, ballast, make([]byte, 3<<20))
	s := open(t, sqlite.Options{Path: filepath.Join(dir, "record.db"), MaxBytes: 64 << 20})
	written := untilFull(t, s, 0)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if more := untilFull(t, s, written); more < 2*written {
		t.Errorf("%d entries after %d when there was room again, want many more", more, written)
	} else if got := len(all(t, s)); got != more {
		t.Errorf("%d entries, want the %d acknowledged", got, more)
	}
}

// fullBatch is the batch after n entries.
func fullBatch(n int) record.Batch {
	b := record.Batch{Values: []record.Value{{Target: "shop", Key: "n", Data: []byte{byte(n / 10)}}}}
	for i := range 10 {
		b.Entries = append(b.Entries, recordtest.Sample("shop", n+i))
	}
	return b
}

// untilFull writes until there is no room and returns how many entries there
// are.
func untilFull(t *testing.T, s record.Store, written int) int {
	t.Helper()
	for ; written < 100_000; written += 10 {
		err := s.Write(t.Context(), fullBatch(written))
		if errors.Is(err, record.ErrFull) {
			t.Logf("full after %d entries: %v", written, err)
			return written
		}
		if err != nil {
			t.Fatalf("write on a disk that fills up: got %v, want ErrFull", err)
		}
	}
	t.Fatal("the disk never was full")
	return 0
}

func valueIs(t *testing.T, s record.Store, written int) {
	t.Helper()
	data, err := s.Value(t.Context(), "shop", "n")
	if want := byte(written/10 - 1); err != nil || len(data) != 1 || data[0] != want {
		t.Errorf("value: got %v, %v, want %d, that of the last batch acknowledged", data, err, want)
	}
}

// Where not even the lock can be written, that is for want of space too, and
// the lock is free for who comes when there is room.
func TestThereIsNoRoomToOpen(t *testing.T) {
	dir := testenv.SmallDisk(t, "2m")
	path := filepath.Join(dir, "folder", "record.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, path+".lock", nil) // a file, but no room for a text
	ballast := filepath.Join(dir, "ballast")
	untilNoRoom(t, ballast)
	if s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); !errors.Is(err, record.ErrFull) || errors.Is(err, record.ErrDamaged) {
		t.Errorf("no room for the lock: got %v, %v, want ErrFull", s, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s := open(t, sqlite.Options{Path: path})
	add(t, s, recordtest.Event("shop", 1))
	s.Close()
	untilNoRoom(t, ballast)
	if s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); !errors.Is(err, record.ErrFull) {
		t.Errorf("no room for the log: got %v, %v, want ErrFull", s, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if got := len(all(t, open(t, sqlite.Options{Path: path}))); got != 1 {
		t.Errorf("%d entries when there was room again, want the one from before", got)
	}
}

func untilNoRoom(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, 3<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
}
