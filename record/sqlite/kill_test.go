package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// childEnv makes the test binary a process that writes until it is killed.
const childEnv = "FLYBALL_TEST_RECORD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// perBatch is how many entries a child writes together.
const perBatch = 5

// writeForever writes numbered batches, and says each number once Write has
// returned.
func writeForever(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: path, MaxBytes: 4 << 20})
	if err != nil {
		return err
	}
	last, err := lastNumber(ctx, s)
	if err != nil {
		return err
	}
	for n := last + 1; ; n++ {
		var b record.Batch
		for range perBatch {
			b.Entries = append(b.Entries, recordtest.Event("shop", n))
		}
		b.Values = []record.Value{{Target: "shop", Key: "n", Data: []byte(strconv.Itoa(n))}}
		if err := s.Write(ctx, b); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// lastNumber returns the number of the newest batch, 0 if there is none.
func lastNumber(ctx context.Context, s record.Store) (int, error) {
	newest, err := s.Read(ctx, record.Query{Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return number(newest[0]), nil
}

func number(e record.Entry) int {
	return int(e.At.Sub(recordtest.Start) / recordtest.Interval)
}

func TestKilledAtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	r := rand.New(rand.NewPCG(3, 4))
	acknowledged := 0
	for round := range 20 {
		acknowledged = max(acknowledged, writeAndKill(t, path, time.Duration(r.IntN(120))*time.Millisecond))
		s := open(t, sqlite.Options{Path: path, MaxBytes: 4 << 20})
		last := everyBatchIsWhole(t, s)
		if last < acknowledged {
			t.Fatalf("round %d: the newest batch is %d, but %d was acknowledged", round, last, acknowledged)
		}
		if data, err := s.Value(t.Context(), "shop", "n"); err != nil || string(data) != strconv.Itoa(last) {
			t.Errorf("round %d: value %q, %v, want that of batch %d", round, data, err, last)
		}
		s.Close()
	}
	t.Logf("%d batches were acknowledged before 20 kills, none is lost", acknowledged)
}

// writeAndKill lets a child write for a while and returns the last number it
// has said.
func writeAndKill(t *testing.T, path string, after time.Duration) (last int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for said.Scan() {
		if last == 0 {
			time.AfterFunc(after, func() { child.Process.Kill() })
		}
		if last, err = strconv.Atoi(said.Text()); err != nil {
			t.Fatal(err)
		}
	}
	child.Wait()
	if last == 0 {
		t.Fatal("the child has written nothing")
	}
	return last
}

// everyBatchIsWhole demands numbers without gaps, each as often as it was
// written together, and returns the last.
func everyBatchIsWhole(t *testing.T, s record.Store) int {
	t.Helper()
	entries := all(t, s)
	if len(entries)%perBatch != 0 {
		t.Errorf("%d entries are no whole batches of %d", len(entries), perBatch)
	}
	first := number(entries[0])
	for i, e := range entries {
		if want := first + i/perBatch; number(e) != want {
			t.Fatalf("entry %d is of batch %d, want %d", i, number(e), want)
		}
	}
	return number(entries[len(entries)-1])
}
