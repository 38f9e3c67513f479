package memory_test

import (
	"testing"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/record/recordtest"
)

func TestStore(t *testing.T) {
	recordtest.Run(t, func(*testing.T) record.Store { return memory.New(memory.Options{}) })
}

func TestTheOldestEntriesGoAndNeverAValue(t *testing.T) {
	s := memory.New(memory.Options{MaxEntries: 10})
	if err := s.Write(t.Context(), record.Batch{Values: []record.Value{{Target: "shop", Key: "k", Data: []byte("kept")}}}); err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if err := s.Write(t.Context(), record.Batch{Entries: []record.Entry{recordtest.Event("shop", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Read(t.Context(), record.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 10 || got[0].ID != 25 || got[9].ID != 16 {
		t.Errorf("got %d entries, want the newest 10, IDs 25 to 16", len(got))
	}
	if data, err := s.Value(t.Context(), "shop", "k"); err != nil || string(data) != "kept" {
		t.Errorf("value: got %q, %v, want it kept", data, err)
	}
}
