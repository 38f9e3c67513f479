package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/flyball-io/flyball/record"
)

// How old an entry is, is counted in recorded time: the store's clock, of
// which at most maxLeap counts between two writes. A clock that jumps a year
// ahead, entries dated in the future, a controller that was off for months:
// none of them makes the record forget everything at once. While the
// controller runs and its clock is right, recorded time is the clock's.
const maxLeap = int64(time.Hour)

// A span is a run of entries written one after the other. Entries grow old
// and go by spans, and a window of time is looked up in them.
const (
	spanEntries = 4096 // less in small files
	// spansPerFile bounds how much is dropped at once for want of room.
	spansPerFile = 64
	// spansPerRetention bounds how much longer than asked for entries stay.
	spansPerRetention = 500
)

// spanEntries is how many entries a span has before the next one begins, if
// an entry takes half a kilobyte.
func (o Options) spanEntries() int64 {
	return min(spanEntries, o.MaxBytes/spansPerFile/512)
}

type span struct {
	first, last      int64 // IDs
	earliest, latest int64 // times of the entries
	ticks            int64 // recorded time of the last write
	wall             int64 // the store's clock then
}

// age is the newest span and where it began.
type age struct {
	span
	began int64 // recorded time of the newest span's first write
}

// load finds the newest span.
func (a *age) load(ctx context.Context, db *sql.DB) error {
	s := &a.span
	err := db.QueryRowContext(ctx, "SELECT first, last, earliest, latest, ticks, wall FROM spans ORDER BY first DESC LIMIT 1").
		Scan(&s.first, &s.last, &s.earliest, &s.latest, &s.ticks, &s.wall)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	a.began = s.ticks
	return err
}

// grow returns the age after entries that are written now.
func (a age) grow(entries []row, now time.Time, o Options) age {
	wall := now.UnixNano()
	if a.wall != 0 {
		a.ticks += min(max(0, wall-a.wall), maxLeap)
	}
	a.wall = wall
	first, last := entries[0].id, entries[len(entries)-1].id
	fresh := a.first == 0 || last-a.first >= o.spanEntries() || a.ticks-a.began > int64(o.Retention)/spansPerRetention
	if fresh {
		a.first, a.began = first, a.ticks
		a.earliest, a.latest = entries[0].at, entries[0].at
	}
	a.last = last
	for i := range entries {
		a.earliest, a.latest = min(a.earliest, entries[i].at), max(a.latest, entries[i].at)
	}
	return a
}

func (s *span) save(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?)",
		s.first, s.last, s.earliest, s.latest, s.ticks, s.wall)
	return err
}

// within returns the IDs that a query can mean, both excluded.
func within(ctx context.Context, db *sql.DB, q record.Query) (after, before int64, err error) {
	after, before = q.After, q.Before
	if q.From.IsZero() && q.To.IsZero() {
		return after, before, nil
	}
	from, to := bounds(q)
	var first, last sql.NullInt64
	err = db.QueryRowContext(ctx, "SELECT min(first), max(last) FROM spans WHERE latest >= ? AND earliest <= ?", from, to).Scan(&first, &last)
	if err != nil || !first.Valid {
		return 0, 1, err // none
	}
	after = max(after, first.Int64-1)
	if before == 0 || before > last.Int64 {
		before = last.Int64 + 1
	}
	return after, before, nil
}

// bounds are the times of a query as the column at has them, both included:
// the exact comparison comes later.
func bounds(q record.Query) (from, to int64) {
	from, to = column(time.Time{}), column(time.Unix(1<<40, 0))
	if !q.From.IsZero() {
		from = column(q.From)
	}
	if !q.To.IsZero() {
		to = column(q.To)
	}
	return from, to
}
