package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

func TestStore(t *testing.T) {
	recordtest.Run(t, func(t *testing.T) record.Store { return open(t, sqlite.Options{}) })
}

// open opens a store in a folder of its own, unless the options name a path.
func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "record.db")
	}
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
