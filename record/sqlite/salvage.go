package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/flyball-io/flyball/record"
)

// salvage reads what it can from damaged files, puts it into fresh ones in
// their place and keeps the damaged ones beside them.
func (s *Store) salvage(ctx context.Context, cause error) error {
	unfinished := s.Path + ".repairing"
	if err := removeDatabase(unfinished); err != nil {
		return err
	}
	kept, err := s.copySound(ctx, cause, unfinished)
	if err != nil {
		return errors.Join(fmt.Errorf("repair after: %w: %w", cause, err), removeDatabase(unfinished))
	}
	// From here on the repaired file counts, also after a crash.
	if err := os.Rename(unfinished, s.Path+repairedSuffix); err != nil {
		return err
	}
	aside, err := putInPlace(s.Path, s.Clock.Now())
	if err != nil {
		return err
	}
	s.Log.Warn("the record was damaged and is repaired",
		slog.String("file", s.Path), slog.String("damage", cause.Error()), slog.String("damagedFile", aside),
		slog.Int("keptEntries", kept.entries), slog.Int("lostEntries", kept.lost), slog.Int("keptValues", kept.values))
	return nil
}

// copySound writes what is sound in the files of the store into a new one.
func (s *Store) copySound(ctx context.Context, cause error, path string) (salvaged, error) {
	im, err := openImage(s.Path)
	if err != nil {
		return salvaged{}, err
	}
	defer im.close()
	o := s.Options
	o.Path = path
	f, err := openFiles(ctx, o, false)
	if err != nil {
		return salvaged{}, err
	}
	defer f.closeAll()
	c := &copier{im: im, db: f.write}
	if err := c.copy(ctx); err != nil {
		return salvaged{}, err
	}
	if c.found == 0 && !s.lock.known && !im.ours() {
		return salvaged{}, fmt.Errorf("%w: nothing in it is of a record (%w); name another path, or move the file away", errRefused, cause)
	}
	kept, err := f.finish(ctx, o, c.highest)
	if err != nil {
		return salvaged{}, err
	}
	kept.lost = max(c.entries, c.trails) - kept.entries
	return kept, f.close()
}

// ours reports whether the header says that the file is a record.
func (im *image) ours() bool {
	page := make([]byte, pageSize)
	return im.page(1, page) == nil && binary.BigEndian.Uint32(page[68:]) == applicationID
}

type salvaged struct{ entries, lost, values int }

// rowsPerCommit bounds the write-ahead log while a record is repaired.
const rowsPerCommit = 20_000

// copier copies every row with a right checksum. Rows keep their numbers, so
// bodies stay as they are.
type copier struct {
	im      *image
	db      *sql.DB
	tx      *sql.Tx
	found   int
	entries int
	trails  int
	highest int64 // ID
	err     error
}

func (c *copier) copy(ctx context.Context) (err error) {
	if c.tx, err = c.db.BeginTx(ctx, nil); err != nil {
		return err
	}
	defer func() { c.tx.Rollback() }() //nolint:errcheck // committed by then, or failed already
	page := make([]byte, pageSize)
	for n, committed := uint32(1), 0; n <= c.im.pages; n++ {
		if err := c.im.page(n, page); err != nil {
			return err
		}
		c.im.rows(n, page, func(rowid int64, inIndex bool, fields []field) { c.row(ctx, rowid, inIndex, fields) })
		if c.err != nil {
			return c.err
		}
		if c.found-committed < rowsPerCommit {
			continue
		}
		if err := c.tx.Commit(); err != nil {
			return err
		}
		committed = c.found
		if c.tx, err = c.db.BeginTx(ctx, nil); err != nil {
			return err
		}
	}
	return c.tx.Commit()
}

// row takes a row by its shape.
func (c *copier) row(ctx context.Context, rowid int64, inIndex bool, f []field) {
	switch kind := shape(f); {
	case !inIndex && kind == "nsi":
		c.name(ctx, rowid, f[1], f[2])
	case inIndex && kind == "sii":
		c.name(ctx, f[2].n, f[0], f[1])
	case !inIndex && kind == "niib":
		if _, ok := unsealed(trailRow, f[3].data, rowid, f[1].n, f[2].n); ok {
			c.trails++
			c.insert(ctx, "INSERT OR IGNORE INTO trails VALUES (?, ?, ?, ?)", rowid, f[1].n, f[2].n, f[3].data)
			c.highest = max(c.highest, rowid)
		}
	case inIndex && kind == "iiiiiiib":
		r := row{f[0].n, f[1].n, f[2].n, f[3].n, f[4].n, f[5].n, f[6].n, nil, nil}
		if _, ok := unsealed(entryRow, f[7].data, r.numbers()...); ok {
			c.entries++
			c.insert(ctx, "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				r.target, r.id, r.at, r.kind, r.current, r.desired, r.why, f[7].data)
			c.highest = max(c.highest, r.id)
		}
	case !inIndex && len(kind) == 5 && kind[:3] == "nss" && kind[4] == 'i':
		c.value(ctx, rowid, f)
	}
}

func (c *copier) name(ctx context.Context, number int64, text, check field) {
	if check.n == int64(sum(nameRow, text.data, number)) {
		c.insert(ctx, "INSERT OR IGNORE INTO names VALUES (?, ?, ?)", number, string(text.data), check.n)
	}
}

// value takes a value unless there is a newer one.
func (c *copier) value(ctx context.Context, id int64, f []field) {
	target, key, data := string(f[1].data), string(f[2].data), f[3].data
	var column any
	switch f[3].kind {
	case 'n':
	case 'b':
		data = append([]byte{}, data...)
		column = data
	default:
		return
	}
	if f[4].n == int64(valueSum(id, target, key, data)) {
		c.insert(ctx, `INSERT INTO memory VALUES (?, ?, ?, ?, ?) ON CONFLICT (target, key) DO UPDATE
			SET id = excluded.id, data = excluded.data, sum = excluded.sum WHERE excluded.id > memory.id`,
			id, target, key, column, f[4].n)
	}
}

func (c *copier) insert(ctx context.Context, statement string, args ...any) {
	c.found++
	if c.err == nil {
		_, c.err = c.tx.ExecContext(ctx, statement, args...)
	}
}

// emptied reports whether a write-ahead log has lost its file: SQLite would
// throw it away.
func emptied(path string) bool {
	main, err := os.Stat(path)
	if err == nil && main.Size() > 0 {
		return false
	}
	wal, err := os.Stat(path + "-wal")
	return err == nil && wal.Size() > walHeader
}

func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// finish makes a whole of the rows: entries without trails go, spans are
// counted anew, and an event tells of the repair.
func (f *files) finish(ctx context.Context, o Options, highest int64) (kept salvaged, err error) {
	for _, statement := range []string{
		"DELETE FROM entries WHERE NOT EXISTS (SELECT 1 FROM trails t WHERE t.id = entries.id AND t.target = entries.target AND t.kind = entries.kind)",
		"DELETE FROM trails WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = trails.id AND e.target = trails.target AND e.kind = trails.kind)",
	} {
		if _, err := f.write.ExecContext(ctx, statement); err != nil {
			return kept, err
		}
	}
	if err := f.countSpans(ctx, o); err != nil {
		return kept, err
	}
	for query, into := range map[string]*int{
		"SELECT count(*) FROM trails": &kept.entries, "SELECT count(*) FROM memory WHERE data IS NOT NULL": &kept.values} {
		if err := f.write.QueryRowContext(ctx, query).Scan(into); err != nil {
			return kept, err
		}
	}
	return kept, f.tell(ctx, o, highest, kept)
}

// countSpans divides the entries into spans as if they were written at the
// times they have.
func (f *files) countSpans(ctx context.Context, o Options) error {
	spans, err := f.spansOf(ctx, o)
	if err != nil {
		return err
	}
	tx, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // committed by then, or failed already
	for _, s := range spans {
		if err := s.save(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *files) spansOf(ctx context.Context, o Options) (spans []span, err error) {
	rows, err := f.write.QueryContext(ctx, "SELECT t.id, e.at FROM trails t CROSS JOIN entries e ON e.target = t.target AND e.id = t.id ORDER BY t.id")
	if err != nil {
		return nil, err
	}
	defer closeRows(rows)
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.at); err != nil {
			return nil, err
		}
		before := f.age.first
		f.age = f.age.grow([]row{r}, time.Unix(0, r.at), o)
		if f.age.first != before {
			spans = append(spans, span{})
		}
		spans[len(spans)-1] = f.age.span
	}
	return spans, rows.Err()
}

// Numbers of what may have been lost are not given again: somebody may have
// noted an ID, and entries may speak of names.
const lostIDs = 1_000_000

// tell leaves an event in the record.
func (f *files) tell(ctx context.Context, o Options, highest int64, kept salvaged) error {
	now := o.Clock.Now()
	if err := f.knowNames(ctx); err != nil {
		return err
	}
	f.age.last = max(f.age.last, highest) + lostIDs
	return f.append(ctx, record.Batch{Entries: []record.Entry{{At: now, Event: &record.Event{Type: "RecordRepaired", At: now,
		Message: fmt.Sprintf("the record was damaged: %d entries and %d values were kept", kept.entries, kept.values)}}}}, o)
}

// knowNames loads the names that were copied, and leaves the numbers out that
// were lost.
func (f *files) knowNames(ctx context.Context) error {
	f.book = newBook()
	if err := f.loadNames(ctx); err != nil {
		return err
	}
	n := f.book.next + maxNames
	text := fmt.Sprintf("(names before %d may be lost)", n)
	_, err := f.write.ExecContext(ctx, "INSERT INTO names VALUES (?, ?, ?)", n, text, int64(sum(nameRow, []byte(text), n)))
	f.book.know(n, text)
	return err
}
