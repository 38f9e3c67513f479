package sqlite_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// A record that is removed under a controller, alone or with its folder, is
// written anew with all that was in it.
func TestARecordThatIsRemovedComesBack(t *testing.T) {
	for name, remove := range map[string]func(folder string) error{
		"the file alone": func(folder string) error { return os.Remove(filepath.Join(folder, "record.db")) },
		"the folder":     os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "state")
			options := sqlite.Options{Path: filepath.Join(folder, "record.db"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
			s := open(t, options)
			add(t, s, recordtest.Sample("shop", 1))
			if err := s.Write(t.Context(), record.Batch{Values: []record.Value{{Target: "shop", Key: record.OverrideKey, Data: []byte("paused")}}}); err != nil {
				t.Fatal(err)
			}
			if err := remove(folder); err != nil {
				t.Fatal(err)
			}
			add(t, s, recordtest.Sample("shop", 2))
			if _, err := sqlite.Open(t.Context(), options); !errors.Is(err, record.ErrInUse) {
				t.Errorf("a second one: got %v, want that it is in use", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, options)
			if got := len(all(t, s)); got != 2 {
				t.Errorf("%d entries, want both: %+v", got, all(t, s))
			}
			if v, err := s.Value(t.Context(), "shop", record.OverrideKey); err != nil || string(v) != "paused" {
				t.Errorf("value: got %q, %v, want what was kept", v, err)
			}
		})
	}
}
