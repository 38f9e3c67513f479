package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/flyball-io/flyball/record"
)

// Read returns the entries that q asks for. Entries that are damaged are left
// out.
func (s *Store) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	var found []record.Entry
	err := s.use(ctx, "read the record", func(ctx context.Context, f *files) (err error) {
		found, err = s.find(ctx, f, q)
		return err
	})
	return found, err
}

func (s *Store) find(ctx context.Context, f *files, q record.Query) ([]record.Entry, error) {
	statement, args, err := f.statement(ctx, q)
	if err != nil || statement == "" {
		return nil, err
	}
	rows, err := f.read.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer closeRows(rows)
	var found []record.Entry
	for rows.Next() {
		var r row
		var body, trail sql.RawBytes
		if err := rows.Scan(&r.target, &r.id, &r.at, &r.kind, &r.current, &r.desired, &r.why, &body, &trail); err != nil {
			return nil, err
		}
		r.body, r.trail = body, trail
		e, err := f.book.decode(&r, q.Brief)
		if err != nil {
			s.leftOut(r.id, err)
			continue
		}
		if !follows(found, e.ID, q) {
			return nil, fmt.Errorf("%w: entry %d is out of order", errDamage, e.ID)
		}
		if !q.Matches(e) {
			continue
		}
		if found = append(found, e); len(found) == q.Limit {
			break
		}
	}
	return found, rows.Err()
}

// follows reports whether an ID may come after what was found: where pages
// point to each other in a wrong way they do not.
func follows(found []record.Entry, id int64, q record.Query) bool {
	if len(found) == 0 {
		return true
	}
	last := found[len(found)-1].ID
	return q.OldestFirst && last < id || !q.OldestFirst && last > id
}

// leftOut counts a damaged entry; the first one is logged.
func (s *Store) leftOut(id int64, err error) {
	if s.garbled.Add(1) == 1 {
		s.Log.Warn("an entry of the record is damaged and left out, and so will be others without a word",
			slog.String("file", s.Path), slog.Int64("id", id), slog.Any("error", err))
	}
}

// statement finds the rows of a query, and some more: times, changes and
// holds are compared again when they are decoded.
func (f *files) statement(ctx context.Context, q record.Query) (string, []any, error) {
	after, before, err := within(ctx, f.read, q)
	if err != nil {
		return "", nil, err
	}
	kind, rare := kinds(q)
	table, with, index := "entries", "trails", ""
	where, args := []string{"a.id > ?"}, []any{after}
	if rare {
		index = " INDEXED BY " + "entries_rare"
	}
	if q.Target != "" {
		where, args = append(where, "a.target = ?"), append(args, f.book.find(q.Target))
	} else {
		table, with, index = with, table, strings.Replace(index, "entries", "trails", 1)
	}
	if before != 0 {
		where, args = append(where, "a.id < ?"), append(args, before)
	}
	if from, to := bounds(q); !q.From.IsZero() || !q.To.IsZero() {
		where, args = append(where, "e.at BETWEEN ? AND ?"), append(args, from, to)
	}
	if kind != "" {
		where = append(where, kind)
	}
	return f.join(q, table, with, index, strings.Join(where, " AND ")), args, nil
}

// join puts a statement together. The table called a leads; the other is only
// read where its part is wanted.
func (f *files) join(q record.Query, table, with, index, where string) string {
	trail, join := "t.body", fmt.Sprintf(" CROSS JOIN %s b ON b.target = a.target AND b.id = a.id", with)
	if table == "entries" {
		join = fmt.Sprintf(" CROSS JOIN %s b ON b.id = a.id", with)
		if q.Brief {
			trail, join = "NULL", ""
		}
	}
	order := "DESC"
	if q.OldestFirst {
		order = "ASC"
	}
	e, t := "a.", "b."
	if table == "trails" {
		e, t = "b.", "a."
	}
	text := fmt.Sprintf("SELECT e.target, e.id, e.at, e.kind, e.current, e.desired, e.why, e.body, %s FROM %s a%s%s WHERE %s ORDER BY a.id %s",
		trail, table, index, join, where, order)
	return strings.NewReplacer("e.", e, "t.", t).Replace(text)
}

// kinds puts kind and filter into a condition, and reports whether only rare
// entries fulfil it.
func kinds(q record.Query) (condition string, rare bool) {
	bit := map[record.Filter]int{record.Changes: changes, record.Held: held}[q.Filter]
	switch {
	case q.Kind == record.AppliedKind:
		return fmt.Sprintf("a.kind <> 0 AND a.kind & %d = %d", kindMask, isApplied), true
	case q.Kind == record.EventKind:
		return fmt.Sprintf("a.kind <> 0 AND a.kind & %d = %d", kindMask, isEvent), true
	case q.Kind == "" && bit != 0:
		return fmt.Sprintf("a.kind <> 0 AND (a.kind & %d <> %d OR a.kind & %d <> 0)", kindMask, isDecided, bit), true
	case bit != 0:
		return fmt.Sprintf("a.kind <> 0 AND a.kind & %d <> 0", bit), true
	case q.Kind == record.DecidedKind:
		return fmt.Sprintf("a.kind & %d = %d", kindMask, isDecided), false
	case q.Kind == "":
		return "", false
	default:
		return "0", false // no such kind
	}
}

// Value returns what was last written under a key of a target.
func (s *Store) Value(ctx context.Context, target, key string) ([]byte, error) {
	var data []byte
	err := s.use(ctx, fmt.Sprintf("read %s of %q", key, target), func(ctx context.Context, f *files) (err error) {
		data, err = f.value(ctx, target, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

func (f *files) value(ctx context.Context, target, key string) ([]byte, error) {
	var id, check int64
	var removed bool
	var data []byte
	err := f.read.QueryRowContext(ctx, "SELECT id, data, data IS NULL, sum FROM memory WHERE target = ? AND key = ?", target, key).Scan(&id, &data, &removed, &check)
	if !removed && data == nil {
		data = []byte{} // empty, as it was written
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, record.ErrNotFound
	case err != nil:
		return nil, err
	case check != int64(valueSum(id, target, key, data)):
		return nil, fmt.Errorf("%w: its checksum is wrong; it is replaced when it is written next", record.ErrDamaged)
	case removed:
		return nil, record.ErrNotFound
	}
	return data, nil
}
