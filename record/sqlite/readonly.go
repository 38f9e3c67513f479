package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/flyball-io/flyball/record"
)

// Reader reads a record without changing it, also beside a controller that
// writes it: nothing is repaired, swept or made. It sees what was there when
// it was opened, and more while a controller writes.
type Reader struct {
	store  Store
	folder string // with second names of the files, to be removed
}

// OpenToRead opens a record that is there. One that is damaged is an error
// that says so: opening it with [Open] repairs it.
func OpenToRead(ctx context.Context, path string) (*Reader, error) {
	r, err := openToRead(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", path, classify(err))
	}
	return r, nil
}

func openToRead(ctx context.Context, path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is a %s, not a file; name another path", errRefused, info.Mode().Type())
	}
	r := &Reader{store: Store{Options: Options{Path: path, Log: slog.New(slog.DiscardHandler)}}}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "cell_size_check(1)", "temp_store(2)", "query_only(1)"}}
	log, err := os.Stat(path + "-wal")
	switch {
	case inUse(path): // the index of its log is there
	case emptied(path):
		return nil, fmt.Errorf("%w: the file is empty but its log is not", record.ErrDamaged)
	case err == nil && log.Size() > 0:
		if err := r.aside(path); err != nil {
			return nil, err
		}
		path = filepath.Join(r.folder, "record.db")
	default:
		q.Set("immutable", "1") // nobody writes, so no lock, log or index is needed
	}
	if err := r.connect(ctx, path, q); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// aside gives the file and its log second names in a folder that goes: SQLite
// makes an index of the log beside it.
func (r *Reader) aside(path string) (err error) {
	if r.folder, err = os.MkdirTemp(filepath.Dir(path), ".read-"); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal"} {
		if err := os.Link(path+suffix, filepath.Join(r.folder, "record.db")+suffix); err != nil {
			return errors.Join(err, os.RemoveAll(r.folder))
		}
	}
	return nil
}

func (r *Reader) connect(ctx context.Context, path string, q url.Values) error {
	db, err := connect(path, q)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	r.store.files = &files{book: newBook(), write: db, read: db}
	there, err := identify(ctx, db)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: it is empty", errForeign)
	}
	return r.store.loadNames(ctx)
}

// Read returns the entries that q asks for. Entries that are damaged are left
// out and counted.
func (r *Reader) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	found, err := r.store.find(ctx, r.store.files, q)
	if damage(err) {
		err = fmt.Errorf("%w: %w; flyball run repairs it when it starts", record.ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", classify(err))
	}
	return found, nil
}

// Value returns what was last written under a key of a target, or
// [record.ErrNotFound].
func (r *Reader) Value(ctx context.Context, target, key string) ([]byte, error) {
	data, err := r.store.value(ctx, target, key)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, fmt.Errorf("read %s of %q: %w", key, target, classify(err))
	}
	return data, err
}

// Garbled is how many damaged entries were left out.
func (r *Reader) Garbled() int { return int(r.store.garbled.Load()) }

// Targets lists whose entries there are, sorted; the controller itself, which
// has no name, is left out.
func (r *Reader) Targets(ctx context.Context) ([]string, error) {
	var names []string
	for last := int64(-1); ; {
		var next *int64
		// One look into the index for each target, however many entries it has.
		if err := r.store.read.QueryRowContext(ctx, "SELECT min(target) FROM entries WHERE target > ?", last).Scan(&next); err != nil {
			return nil, fmt.Errorf("read the record: %w", classify(err))
		}
		if next == nil {
			slices.Sort(names)
			return names, nil
		}
		last = *next
		if name, ok := r.store.book.text(uint64(last)); ok && name != "" {
			names = append(names, name)
		}
	}
}

// Close ends the use of the reader.
func (r *Reader) Close() error {
	var err error
	if r.store.files != nil {
		err = r.store.read.Close()
	}
	if r.folder != "" {
		err = errors.Join(err, os.RemoveAll(r.folder))
	}
	return err
}
