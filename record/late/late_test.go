package late_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/late"
	"github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/record/recordtest"
)

// disk opens records; each attempt fails with the next of its faults.
type disk struct {
	faults []error
	opened *once
}

// once is a record that fails its first writes.
type once struct {
	record.Store
	full   int
	closed int
}

func (o *once) Write(ctx context.Context, b record.Batch) error {
	if o.full > 0 {
		o.full--
		return record.ErrFull
	}
	return o.Store.Write(ctx, b)
}

func (o *once) Close() error { o.closed++; return nil }

func (d *disk) open(context.Context) (record.Store, error) {
	if len(d.faults) > 0 {
		err := d.faults[0]
		d.faults = d.faults[1:]
		return nil, fmt.Errorf("open record: %w", err)
	}
	return d.opened, nil
}

func options(d *disk) late.Options {
	return late.Options{Open: d.open, Clock: clock.System, Log: slog.New(slog.DiscardHandler)}
}

func one(t *testing.T) record.Batch {
	t.Helper()
	return record.Batch{Entries: []record.Entry{recordtest.Event("shop", 1)}, Values: []record.Value{{Target: "shop", Key: "k", Data: []byte("v")}}}
}

func TestTheRecordIsOpenedOnceThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{faults: []error{record.ErrFull, record.ErrFull, record.ErrInUse}, opened: &once{Store: memory.New(memory.Options{}), full: 1}}
		s, err := late.Open(t.Context(), options(d))
		if err != nil {
			t.Fatalf("no room: got %v, want a record that is not open yet", err)
		}
		for at := time.Duration(0); at < 4*late.DefaultEvery; at += late.DefaultEvery {
			if at > 0 {
				time.Sleep(late.DefaultEvery)
			}
			synctest.Wait()
			_, read := s.Read(t.Context(), record.Query{})
			_, value := s.Value(t.Context(), "shop", "k")
			for what, err := range map[string]error{"write": s.Write(t.Context(), one(t)), "read": read, "value": value} {
				if !errors.Is(err, record.ErrFull) {
					t.Errorf("%s after %s: got %v, want ErrFull", what, at, err)
				}
			}
		}
		if d.opened.closed != 1 {
			t.Errorf("a record that could not be written was closed %d times, want once", d.opened.closed)
		}
		time.Sleep(late.DefaultEvery)
		synctest.Wait()
		if err := s.Write(t.Context(), one(t)); err != nil {
			t.Fatalf("there is room: got %v", err)
		}
		got, err := s.Read(t.Context(), record.Query{OldestFirst: true})
		if err != nil || len(got) != 2 || got[0].Event == nil || got[0].Event.Type != late.RecordOpened {
			t.Errorf("got %+v, %v, want the event RecordOpened and what was written", got, err)
		}
		if v, err := s.Value(t.Context(), "shop", "k"); err != nil || string(v) != "v" {
			t.Errorf("value: got %q, %v, want v", v, err)
		}
		if err := s.Close(); err != nil || d.opened.closed != 2 {
			t.Errorf("close: %v, closed %d times, want the record closed", err, d.opened.closed)
		}
	})
}

func TestARecordThatOpensIsReturnedAsItIs(t *testing.T) {
	d := &disk{opened: &once{}}
	if s, err := late.Open(t.Context(), options(d)); err != nil || s != record.Store(d.opened) {
		t.Errorf("got %v, %v, want the record itself", s, err)
	}
	d.faults = []error{record.ErrInUse}
	if s, err := late.Open(t.Context(), options(d)); !errors.Is(err, record.ErrInUse) || s != nil {
		t.Errorf("in use: got %v, %v, want that error", s, err)
	}
}

func TestCloseEndsTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{faults: []error{record.ErrFull, record.ErrFull}, opened: &once{}}
		s, err := late.Open(t.Context(), options(d))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if len(d.faults) != 1 {
			t.Errorf("%d attempts, want none after Close", 2-len(d.faults))
		}
	})
}
