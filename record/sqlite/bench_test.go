package sqlite_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/record/sqlite"
)

// thousand is what a controller of 1,000 targets writes every 15 seconds.
func thousand(i int) record.Batch {
	var b record.Batch
	for target := range 1000 {
		name := fmt.Sprint("shop-", target)
		b.Entries = append(b.Entries, recordtest.Sample(name, i))
		b.Values = append(b.Values, record.Value{Target: name, Key: record.DeciderKey, Data: bytes.Repeat([]byte("snapshot"), 128)})
	}
	return b
}

func BenchmarkWriteOfAThousandTargets(b *testing.B) {
	path := filepath.Join(b.TempDir(), "record.db")
	s := open(b, sqlite.Options{Path: path})
	batches := 0
	for b.Loop() {
		b.StopTimer()
		batch := thousand(batches)
		batches++
		b.StartTimer()
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
	b.ReportMetric(float64(size(path))/float64(batches*1000), "bytes/decision")
}

func BenchmarkWriteOfOne(b *testing.B) {
	s := open(b, sqlite.Options{})
	batch := record.Batch{Entries: []record.Entry{recordtest.Sample("shop", 1)},
		Values: []record.Value{{Target: "shop", Key: record.DeciderKey, Data: make([]byte, 1000)}}}
	for b.Loop() {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// weeks fills a store with decisions of one target among others.
func weeks(b *testing.B, days int) *sqlite.Store {
	b.Helper()
	path := filepath.Join(b.TempDir(), "record.db")
	s := open(b, sqlite.Options{Path: path})
	perDay := int(24 * 3600 / recordtest.Interval.Seconds())
	for d := range days {
		var batch record.Batch
		for i := range perDay {
			batch.Entries = append(batch.Entries, recordtest.Sample("shop", d*perDay+i), recordtest.Sample("cart", d*perDay+i))
		}
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d decisions in %d bytes: %d each", 2*days*perDay, size(path), size(path)/int64(2*days*perDay))
	return s
}

func BenchmarkBriefReadOfAWeek(b *testing.B) {
	s := weeks(b, 8)
	to := recordtest.Start.AddDate(0, 0, 8)
	q := record.Query{Target: "shop", Brief: true, From: to.AddDate(0, 0, -7), To: to}
	for b.Loop() {
		got, err := s.Read(b.Context(), q)
		if err != nil || len(got) != 7*5760 {
			b.Fatalf("%d entries, %v", len(got), err)
		}
	}
}

func BenchmarkReadOfTheLastFifty(b *testing.B) {
	s := weeks(b, 2)
	for b.Loop() {
		if got, err := s.Read(b.Context(), record.Query{Target: "shop", Limit: 50}); err != nil || len(got) != 50 {
			b.Fatalf("%d entries, %v", len(got), err)
		}
	}
}
