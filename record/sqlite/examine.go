package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/flyball-io/flyball/internal/filelock"
)

// Report is what Examine found.
type Report struct {
	Bytes  int64  // of the file and its log
	InUse  bool   // a controller has it open
	Damage string // empty: none was found
}

// Examine reads a whole record without changing it or leaving a file behind,
// also beside a controller that writes it. It fails when the file cannot be
// read or is of a later version.
func Examine(ctx context.Context, path string) (Report, error) {
	r, err := examine(ctx, path)
	if (err != nil || r.Damage != "") && !r.InUse && inUse(path) {
		r, err = examine(ctx, path) // a controller has begun to write under our eyes
	}
	if err != nil {
		return r, fmt.Errorf("examine record %s: %w", path, classify(err))
	}
	return r, nil
}

func examine(ctx context.Context, path string) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, err
	}
	r := Report{Bytes: info.Size(), InUse: inUse(path)}
	log, err := os.Stat(path + "-wal")
	logged := err == nil && log.Size() > 0
	if logged {
		r.Bytes += log.Size()
	}
	switch {
	case emptied(path):
		// SQLite would take the log for that of another file and remove it, under
		// the hands of a controller too.
		r.Damage, err = "the file is empty but its log is not", nil
	case r.InUse:
		r.Damage, err = look(ctx, path, nil) // the index of its log is there
	case logged:
		r.Damage, err = lookAside(ctx, path)
	default:
		// Nobody writes, so no lock, log or index is needed.
		r.Damage, err = look(ctx, path, url.Values{"immutable": {"1"}})
	}
	return r, err
}

// inUse reports whether a process has the lock of the record.
func inUse(path string) bool {
	f, err := os.Open(path + ".lock")
	if err != nil {
		return false // nobody ever had it
	}
	defer f.Close()
	return errors.Is(filelock.Lock(f), filelock.ErrLocked)
}

// lookAside looks through a file with a log that nobody has open. SQLite then
// makes an index of the log beside it: beside a second name of both files, in
// a folder that goes.
func lookAside(ctx context.Context, path string) (damage string, err error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".examine-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	name := filepath.Join(folder, "record.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := os.Link(path+suffix, name+suffix); err != nil {
			return "", err
		}
	}
	return look(ctx, name, nil)
}

// look reads everything and says what is wrong.
func look(ctx context.Context, path string, q url.Values) (string, error) {
	if q == nil {
		q = url.Values{}
	}
	q.Set("mode", "ro")
	q["_pragma"] = []string{"busy_timeout(2000)", "cell_size_check(1)", "temp_store(2)", "query_only(1)"}
	db, err := connect(path, q)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }() // it was only read
	there, err := identify(ctx, db)
	says := "ok"
	if there {
		err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&says)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err() // what SQLite says about being interrupted helps nobody
	case damage(err):
		return err.Error(), nil
	case err != nil:
		return "", err
	case says != "ok":
		return says, nil
	}
	return "", nil
}
