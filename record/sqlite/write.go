package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/record"
)

// inserts are the statements that every write needs.
type inserts struct{ entry, trail, name, value *sql.Stmt }

func (i *inserts) prepare(ctx context.Context, db *sql.DB) error {
	for query, into := range map[string]**sql.Stmt{
		"INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)":  &i.entry,
		"INSERT INTO trails VALUES (?, ?, ?, ?)":               &i.trail,
		"INSERT INTO names VALUES (?, ?, ?)":                   &i.name,
		"INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?, ?)": &i.value,
	} {
		var err error
		if *into, err = db.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (i *inserts) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{i.entry, i.trail, i.name, i.value} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// Write appends the entries and sets the values, all or nothing.
func (s *Store) Write(ctx context.Context, b record.Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	if err := s.comeBack(ctx); err != nil {
		return fmt.Errorf("write to the record: %w", classify(err))
	}
	written := false // a repair while sweeping must not write it again
	return s.use(ctx, "write to the record", func(ctx context.Context, f *files) error {
		select {
		case f.writing <- struct{}{}:
			defer func() { <-f.writing }()
		case <-ctx.Done():
			return ctx.Err()
		}
		if !written {
			if err := f.append(ctx, b, s.Options); err != nil {
				return err
			}
			written = true
		}
		return s.sweep(ctx, f, len(b.Entries))
	})
}

// append writes a batch in one transaction.
func (f *files) append(ctx context.Context, b record.Batch, o Options) (err error) {
	f.book.begin()
	defer func() {
		if err != nil {
			f.book.forget()
		}
	}()
	rows, err := f.encode(b.Entries)
	if err != nil {
		return err
	}
	tx, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // committed by then, or failed already
	if err := f.insertValues(ctx, tx, b.Values); err != nil {
		return err
	}
	grown := f.age
	if len(rows) > 0 {
		grown = f.age.grow(rows, o.Clock.Now(), o)
		if err := f.insertRows(ctx, tx, rows, &grown.span); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	f.age = grown
	return nil
}

func (f *files) encode(entries []record.Entry) ([]row, error) {
	rows := make([]row, 0, len(entries))
	for _, e := range entries {
		r, err := f.book.encode(e)
		if err != nil {
			return nil, err
		}
		r.seal(f.age.last + int64(len(rows)) + 1)
		rows = append(rows, r)
	}
	return rows, nil
}

func (f *files) insertRows(ctx context.Context, tx *sql.Tx, rows []row, s *span) error {
	name, entry, trail := tx.StmtContext(ctx, f.insert.name), tx.StmtContext(ctx, f.insert.entry), tx.StmtContext(ctx, f.insert.trail)
	for number, text := range f.book.added() {
		if _, err := name.ExecContext(ctx, number, text, int64(sum(nameRow, []byte(text), number))); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if _, err := trail.ExecContext(ctx, r.id, r.target, r.kind, r.trail); err != nil {
			return err
		}
		if _, err := entry.ExecContext(ctx, r.target, r.id, r.at, r.kind, r.current, r.desired, r.why, r.body); err != nil {
			return err
		}
	}
	return s.save(ctx, tx)
}

// insertValues gives each value a new number: after damage the highest one
// counts. What is removed leaves a mark, lest an older value come back.
func (f *files) insertValues(ctx context.Context, tx *sql.Tx, values []record.Value) error {
	if len(values) == 0 {
		return nil
	}
	var last int64
	err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'memory'").Scan(&last)
	if err != nil {
		return err
	}
	insert := tx.StmtContext(ctx, f.insert.value)
	for _, v := range values {
		last++
		var data any // NULL
		if v.Data != nil {
			data = v.Data
		}
		if _, err := insert.ExecContext(ctx, last, v.Target, v.Key, data, int64(valueSum(last, v.Target, v.Key, v.Data))); err != nil {
			return err
		}
	}
	return nil
}
