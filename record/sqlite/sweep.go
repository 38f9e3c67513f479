package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
)

// sweepAtLeast is how many entries one write may drop, more when it wrote
// more: forgetting keeps up with writing, and no write takes long.
const sweepAtLeast = 2 * spanEntries

// vacuumPages is how much one write gives back to the file system when the
// file is larger than it may be, for example because the bound was lowered.
const vacuumPages = 1024

// sweep drops spans that are too old, or too many for the file's bound. The
// entries of the call are written by then, so a failure is only logged.
func (s *Store) sweep(ctx context.Context, f *files, wrote int) error {
	if wrote == 0 {
		return nil
	}
	for budget := max(sweepAtLeast, 4*wrote); budget > 0; {
		dropped, err := f.dropOldest(ctx, s.Options)
		if err != nil {
			s.Log.Warn("cannot drop old entries of the record", slog.String("file", s.Path), slog.Any("error", err))
			if damage(err) {
				return err
			}
			return nil
		}
		if dropped == 0 {
			return nil
		}
		budget -= int(dropped)
	}
	return nil
}

// dropOldest drops the oldest span if it must go, never the newest one, and
// returns how many IDs that were.
func (f *files) dropOldest(ctx context.Context, o Options) (int64, error) {
	tooLarge, err := f.tooLarge(ctx, o)
	if err != nil {
		return 0, err
	}
	var first, last, ticks int64
	err = f.write.QueryRowContext(ctx, "SELECT first, last, ticks FROM spans ORDER BY first LIMIT 1").Scan(&first, &last, &ticks)
	if err != nil || first == f.age.first || !tooLarge && f.age.ticks-ticks <= int64(o.Retention) {
		return 0, err
	}
	tx, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // committed by then, or failed already
	for _, drop := range []string{
		"DELETE FROM entries WHERE (target, id) IN (SELECT target, id FROM trails WHERE id <= ?)",
		"DELETE FROM trails WHERE id <= ?",
		"DELETE FROM spans WHERE last <= ?",
	} {
		if _, err := tx.ExecContext(ctx, drop, last); err != nil {
			return 0, err
		}
	}
	return last - first + 1, tx.Commit()
}

// tooLarge reports whether what is in the file leaves too little room in its
// bound for the write-ahead log, and gives free pages back.
func (f *files) tooLarge(ctx context.Context, o Options) (bool, error) {
	var pages, free int64
	for pragma, into := range map[string]*int64{"page_count": &pages, "freelist_count": &free} {
		if err := f.write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(into); err != nil {
			return false, err
		}
	}
	// A log holds at least the largest transaction, however small it should be.
	if info, err := os.Stat(o.Path + "-wal"); err == nil {
		f.largestLog = max(f.largestLog, info.Size())
	}
	allowed := (o.MaxBytes - max(3*o.walBytes(), f.largestLog+o.walBytes())) / pageSize
	if excess := min(pages-allowed, free, vacuumPages); excess > 0 {
		if err := drain(ctx, f.write, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", excess)); err != nil {
			return false, err
		}
	}
	return pages-free > allowed, nil
}

// drain runs a statement to its end; this one works row by row.
func drain(ctx context.Context, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer closeRows(rows)
	for rows.Next() {
	}
	return rows.Err()
}
