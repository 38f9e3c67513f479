package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/flyball-io/flyball/internal/diskfull"
)

// pageSize of our files. Repairs count on it.
const pageSize = 4096

// checkTime is how long Open may look for damage after an unclean end; what
// it does not find in this time is repaired when it shows.
const checkTime = 5 * time.Second

// readers is how many may read at the same time.
const readers = 4

// prepare makes the folder and refuses what cannot be a file of ours.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); diskfull.Is(err) {
		return err
	} else if err != nil {
		return fmt.Errorf("%w: make its folder: %w", errRefused, err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errRefused, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is a %s, not a file; name another path", errRefused, info.Mode().Type())
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w; let this user read and write it, or name another path", errRefused, err)
	}
	return f.Close()
}

// openFiles opens the database, made when there is none, and looks whether it
// is sound: thoroughly after an unclean end.
func openFiles(ctx context.Context, o Options, unclean bool) (_ *files, err error) {
	f := &files{book: newBook(), writing: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			f.closeAll()
		}
	}()
	if f.write, err = database(o, 1, "rw"); err != nil {
		return nil, err
	}
	if err := f.create(ctx, o); err != nil {
		return nil, err
	}
	if err := f.check(ctx, unclean); err != nil {
		return nil, err
	}
	if f.read, err = database(o, readers, "ro"); err != nil {
		return nil, err
	}
	if err := f.load(ctx); err != nil {
		return nil, err
	}
	return f, f.insert.prepare(ctx, f.write)
}

func (f *files) closeAll() {
	_ = f.insert.close()
	for _, db := range []*sql.DB{f.read, f.write} {
		if db != nil {
			_ = db.Close()
		}
	}
}

// walBytes is how large the write-ahead log may grow before it is taken into
// the file: 4 MB, less for small stores.
func (o Options) walBytes() int64 { return min(4<<20, o.MaxBytes/16) }

func database(o Options, connections int, mode string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "cell_size_check(1)", "temp_store(2)", "cache_size(-4000)",
		fmt.Sprintf("page_size(%d)", pageSize), "synchronous(FULL)",
		fmt.Sprintf("wal_autocheckpoint(%d)", max(16, o.walBytes()/pageSize)),
		fmt.Sprintf("journal_size_limit(%d)", o.walBytes()),
	}}
	if mode == "ro" {
		q.Add("_pragma", "query_only(1)")
	}
	db, err := connect(o.Path, q)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func connect(path string, q url.Values) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+q.Encode())
}

// identify reports whether the file has our tables; when it has not it is
// empty, else that is an error.
func identify(ctx context.Context, db *sql.DB) (bool, error) {
	var tables, id, version int
	for query, into := range map[string]*int{
		"SELECT count(*) FROM sqlite_schema": &tables, "PRAGMA application_id": &id, "PRAGMA user_version": &version} {
		if err := db.QueryRowContext(ctx, query).Scan(into); err != nil {
			return false, err
		}
	}
	switch {
	case id == applicationID && version > schemaVersion:
		return false, fmt.Errorf("%w: it was written by a later version of Flyball (format %d, this one knows %d); use that version, or name another path",
			errRefused, version, schemaVersion)
	case id == applicationID && tables > 0:
		return true, nil
	case id != 0 || tables > 0:
		return false, fmt.Errorf("%w: header or tables are not those of a record", errForeign)
	}
	return false, nil
}

// create makes the tables in an empty file.
func (f *files) create(ctx context.Context, o Options) error {
	switch there, err := identify(ctx, f.write); {
	case err != nil:
		return err
	case there:
		return wal(ctx, f.write)
	}
	if err := os.Chmod(o.Path, 0o600); err != nil {
		return err
	}
	// Free pages can be given back, in small steps. This must come first.
	if _, err := f.write.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
		return err
	}
	_, err := f.write.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s COMMIT",
		applicationID, schemaVersion, schema))
	if err != nil {
		return err
	}
	return wal(ctx, f.write)
}

func wal(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%w: its file system does not allow a write-ahead log; name a path on a local disk", errRefused)
	}
	return nil
}

// check looks for damage: always whether the tables are there, after an
// unclean end at everything, as far as time allows, values first.
func (f *files) check(ctx context.Context, unclean bool) error {
	for _, table := range []string{"names", "entries", "trails", "memory", "spans"} {
		if _, err := f.write.ExecContext(ctx, "SELECT 1 FROM "+table+" LIMIT 1"); err != nil {
			return fmt.Errorf("%w: table %s: %w", errDamage, table, err)
		}
	}
	if !unclean {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	for _, table := range []string{"memory", "names", "spans", "trails", "entries"} {
		var says string
		err := f.write.QueryRowContext(ctx, "PRAGMA quick_check("+table+")").Scan(&says)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		case says != "ok":
			return fmt.Errorf("%w: table %s: %s", errDamage, table, says)
		}
	}
	return nil
}

// load reads what is kept in memory: names and where the log ends.
func (f *files) load(ctx context.Context) error {
	if err := f.loadNames(ctx); err != nil {
		return err
	}
	return f.age.load(ctx, f.write)
}

func (f *files) loadNames(ctx context.Context) error {
	rows, err := f.write.QueryContext(ctx, "SELECT id, text, sum FROM names")
	if err != nil {
		return err
	}
	defer closeRows(rows)
	for rows.Next() {
		var id, check int64
		var text string
		if err := rows.Scan(&id, &text, &check); err != nil {
			return err
		}
		if check != int64(sum(nameRow, []byte(text), id)) {
			return fmt.Errorf("%w: name %d has a wrong checksum", errDamage, id)
		}
		f.book.know(id, text)
	}
	return rows.Err()
}

// closeRows closes rows that were read to their end, or to where it failed:
// Err has said why.
func closeRows(rows *sql.Rows) { _ = rows.Close() }
