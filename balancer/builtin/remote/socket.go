package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/flyball-io/flyball/internal/filelock"
)

// maxSocketPath is the longest path of a socket that every system takes.
const maxSocketPath = 103

// CheckSocket reports a path that is too long for a socket.
func CheckSocket(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("socket %s: must be at most %d bytes long, got %d", path, maxSocketPath, len(path))
	}
	return nil
}

// lockSocket takes the lock that makes a process the only one to serve path.
// The lock ends with its holder, however that process ends. The file stays: removing it would let two processes lock two
// files of the same name.
func lockSocket(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock socket: %w", err)
	}
	if err := filelock.Lock(f); err != nil {
		f.Close()
		if errors.Is(err, filelock.ErrLocked) {
			return nil, fmt.Errorf("%s: %w", path, ErrRunning)
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// listenSocket opens the socket at path, which only this user can use. The
// caller has the lock, or a path of its own: a file there is left over from a
// process that is gone.
func listenSocket(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := CheckSocket(path); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	if err := restrict(path); err != nil {
		l.Close()
		return nil, fmt.Errorf("open socket: %w", err)
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // a successor may serve it; who ends removes it
	return u, nil
}
