package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/flyball-io/flyball/internal/diskfull"
	"github.com/flyball-io/flyball/record"
)

var (
	// errDamage: something in the file is wrong, repair it.
	errDamage = errors.New("damaged")
	// errForeign: it may be a file of ours beyond recognition, or of somebody
	// else.
	errForeign = errors.New("not a record")
	// errRefused: nothing here can help.
	errRefused = fmt.Errorf("%w", record.ErrDamaged)
)

// damaged is an error that a repair may help against, with the number of
// repairs there had been.
type damaged struct {
	error
	repairs int
}

func (d *damaged) Unwrap() error { return d.error }

// damage reports whether an error means that the file is damaged.
func damage(err error) bool {
	if errors.Is(err, errDamage) || errors.Is(err, errForeign) {
		return true
	}
	switch code := codeOf(err); code & 0xff {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return true
	default:
		return code == lib.SQLITE_IOERR_SHORT_READ
	}
}

// classify adds the errors that callers branch on.
func classify(err error) error {
	switch code := codeOf(err); {
	case err == nil, errors.Is(err, record.ErrDamaged), errors.Is(err, record.ErrFull):
		return err
	case code&0xff == lib.SQLITE_FULL, code == lib.SQLITE_IOERR_SHMSIZE, diskfull.Is(err):
		return fmt.Errorf("%w: %w", record.ErrFull, err)
	case damage(err):
		return fmt.Errorf("%w: %w", record.ErrDamaged, err)
	default:
		return err
	}
}

func codeOf(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
