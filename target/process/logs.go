package process

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// Bounds of what replicas may write.
const (
	maxLogBytes = 8 << 20 // per replica; then its file starts anew
	maxOldLogs  = 10      // files of replicas that have ended
	logInterval = 10 * time.Second
)

// logs keeps the output of replicas in <name>.logs/<id>.log. Replicas write
// to the files themselves: a pipe would break with the controller.
type logs struct {
	dir string
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

// lastLine is the last line a replica wrote that is not empty; "" when it
// wrote none.
func (l *logs) lastLine(id string) string {
	file, err := os.Open(l.path(id))
	if err != nil {
		return ""
	}
	defer file.Close()
	const enough, longest = 4096, 300
	if end, err := file.Seek(0, io.SeekEnd); err != nil || end == 0 {
		return ""
	} else if _, err := file.Seek(max(0, end-enough), io.SeekStart); err != nil {
		return ""
	}
	tail, err := io.ReadAll(io.LimitReader(file, enough))
	if err != nil {
		return ""
	}
	tail = bytes.TrimSpace(tail)
	tail = tail[bytes.LastIndexByte(tail, '\n')+1:]
	return strings.ToValidUTF8(string(tail[:min(len(tail), longest)]), "?")
}

// keepBounded looks after the sizes of the files until ctx is done.
func (l *logs) keepBounded(ctx context.Context, clk clock.Clock) {
	for {
		l.bound(maxLogBytes)
		select {
		case <-clk.After(logInterval):
		case <-ctx.Done():
			return
		}
	}
}

// bound empties files over limit. Replicas write by appending, so they go on
// at the new end.
func (l *logs) bound(limit int64) {
	for _, file := range l.files() {
		if file.Size() > limit {
			_ = os.Truncate(filepath.Join(l.dir, file.Name()), 0) // tried again next time
		}
	}
}

// prune removes the oldest files of replicas that are not alive, but the last
// few.
func (l *logs) prune(alive func(id string) bool) {
	old := slices.DeleteFunc(l.files(), func(f fs.FileInfo) bool {
		return alive(strings.TrimSuffix(f.Name(), ".log"))
	})
	slices.SortFunc(old, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, f := range old[min(len(old), maxOldLogs):] {
		_ = os.Remove(filepath.Join(l.dir, f.Name())) // tried again next time
	}
}

func (l *logs) files() []fs.FileInfo {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasSuffix(entry.Name(), ".log") {
			files = append(files, info)
		}
	}
	return files
}
