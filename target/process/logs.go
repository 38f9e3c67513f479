package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of what replicas may write.
const (
	maxLogBytes = 8 << 20 // per replica; what is older is dropped
	maxOldLogs  = 10      // of replicas that have ended
)

// logs keeps the output of replicas in <name>.logs/<id>.log. Replicas write
// to the files themselves: a pipe would break with the controller.
type logs struct {
	dir string
	old []string // files of ended replicas, oldest first
}

func newLogs(dir, name string) *logs { return &logs{dir: filepath.Join(dir, name+".logs")} }

func (l *logs) path(id string) string { return filepath.Join(l.dir, id+".log") }

// open creates the file of a replica.
func (l *logs) open(id string) (*os.File, error) {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(l.path(id), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// lastLine is the last line a replica wrote that is not empty.
func (l *logs) lastLine(id string) string {
	file, err := os.Open(l.path(id))
	if err != nil {
		return ""
	}
	defer file.Close()
	if end, err := file.Seek(0, io.SeekEnd); err == nil {
		file.Seek(max(0, end-4096), io.SeekStart)
	}
	tail, _ := io.ReadAll(io.LimitReader(file, 4096))
	tail = bytes.TrimSpace(tail)
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	const longest = 300
	if len(tail) > longest {
		tail = tail[:longest]
	}
	return strings.ToValidUTF8(string(tail), "?")
}

// bound drops the output of a replica that has written too much. It writes
// by appending, so it goes on at the new end.
func (l *logs) bound(id string) error {
	info, err := os.Stat(l.path(id))
	if err != nil || info.Size() <= maxLogBytes {
		return nil
	}
	return os.Truncate(l.path(id), 0)
}

// ended keeps the file of an ended replica for a while.
func (l *logs) ended(id string) {
	l.old = append(l.old, l.path(id))
	for len(l.old) > maxOldLogs {
		if err := os.Remove(l.old[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return
		}
		l.old = l.old[1:]
	}
}
