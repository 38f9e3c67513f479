//go:build !windows

package atomicfile

import (
	"errors"
	"os"
)

// rename puts a file in the place of another.
func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes a rename in the directory last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
