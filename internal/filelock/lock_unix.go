//go:build unix

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Lock takes the lock without waiting. It ends with the last process that has
// the file open: one that inherits the file has the lock too.
func Lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
