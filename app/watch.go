package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/clock"
)

// quietTime is how long files must be left alone before they are read:
// editors and kubelet write in several steps.
const quietTime = 200 * time.Millisecond

// Watch returns a channel that receives once the content of files, or of
// those in the directories among paths, has changed and then been left alone
// for a moment. It watches the folders, because files are often replaced
// instead of written, and compares the content, because folders are busy.
func Watch(ctx context.Context, clk clock.Clock, paths []string) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch documents: %w", err)
	}
	for _, path := range paths {
		for _, folder := range []string{filepath.Dir(path), path} {
			if err := watcher.Add(folder); err != nil {
				_ = watcher.Close()
				return nil, fmt.Errorf("watch %s: %w", folder, err)
			}
		}
	}
	w := &watch{paths: paths, clock: clk, changed: make(chan struct{}, 1)}
	w.content = w.fingerprint()
	go func() {
		defer watcher.Close()
		w.follow(ctx, watcher)
	}()
	return w.changed, nil
}

type watch struct {
	paths   []string
	clock   clock.Clock
	content [sha256.Size]byte
	changed chan struct{}
}

func (w *watch) follow(ctx context.Context, watcher *fsnotify.Watcher) {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-watcher.Events:
			if !open {
				return
			}
			if quiet == nil {
				quiet = w.clock.After(quietTime)
			}
		case _, open := <-watcher.Errors: // events were lost: look
			if !open {
				return
			}
			quiet = w.clock.After(quietTime)
		case <-quiet:
			quiet = nil
			w.compare()
		}
	}
}

func (w *watch) compare() {
	now := w.fingerprint()
	if now == w.content {
		return
	}
	w.content = now
	select {
	case w.changed <- struct{}{}:
	default: // a change is already waiting to be read
	}
}

// fingerprint is the hash of the documents' names and contents; what cannot be
// read counts as empty.
func (w *watch) fingerprint() [sha256.Size]byte {
	hash := sha256.New()
	for _, path := range w.paths {
		files, err := v1alpha1.Files(path)
		if err != nil {
			continue
		}
		for _, file := range files {
			content, _ := v1alpha1.ReadFile(file)
			fmt.Fprintf(hash, "%q %d\n", file, len(content))
			hash.Write(content)
		}
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
