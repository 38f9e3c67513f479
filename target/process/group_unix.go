//go:build unix

package process

import (
	"errors"
	"os"
	"syscall"
)

// terminateGroup asks the whole group to end: a shell would not pass it on.
func terminateGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) } // gone already is fine

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // gone already is fine

// groupGone is true when the kernel knows no process of the group, zombies
// included.
func groupGone(pid int) bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) }

var errLocked = errors.New("locked")

// lockFile takes the lock that the kernel gives back with the last process
// that has the file open.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// syncDir makes a rename in the directory last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
