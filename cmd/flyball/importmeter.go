package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

// meterEvery is how often the progress is shown on a terminal.
const meterEvery = 200 * time.Millisecond

// meter shows how far reading is, and ends it with its context.
type meter struct {
	ended    func() error // of the context
	progress *cli.Progress
	detail   func() string
	began    time.Time
	shown    time.Time

	in    io.Reader
	title string
	size  int64 // 0: not known
	bytes int64 // of this file
	all   int64 // of all files
}

func newMeter(ctx context.Context) *meter {
	now := clock.System.Now()
	return &meter{ended: ctx.Err, progress: cli.NewProgress(os.Stderr), began: now, shown: now}
}

// wrap returns in, measured. One is read at a time.
func (m *meter) wrap(in io.Reader, title string) io.Reader {
	m.in, m.title, m.size, m.bytes = in, title, 0, 0
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			m.size = info.Size()
		}
	}
	return m
}

// Read implements [io.Reader].
func (m *meter) Read(p []byte) (int, error) {
	if err := m.ended(); err != nil {
		return 0, err
	}
	n, err := m.in.Read(p)
	m.bytes, m.all = m.bytes+int64(n), m.all+int64(n)
	if now := clock.System.Now(); now.Sub(m.shown) >= meterEvery {
		m.shown = now
		m.progress.Show(now.Sub(m.began), m.line(now.Sub(m.began)))
	}
	return n, err
}

func (m *meter) line(elapsed time.Duration) string {
	text := m.title + ": " + size(m.bytes)
	if m.size > 0 {
		text = fmt.Sprintf("%s %s: %.0f %% of %s", bar(float64(m.bytes)/float64(m.size)), m.title, 100*float64(m.bytes)/float64(m.size), size(m.size))
	}
	text += fmt.Sprintf(", %s/s", size(int64(float64(m.all)/elapsed.Seconds())))
	if m.detail != nil {
		text += ", " + m.detail()
	}
	return text
}

func (m *meter) done() { m.progress.Done() }

// size writes bytes for people.
func size(bytes int64) string {
	for _, unit := range []struct {
		name string
		of   float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if float64(bytes) >= unit.of {
			return fmt.Sprintf("%.1f %s", float64(bytes)/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}

// bar draws a share, 0 to 1.
func bar(share float64) string {
	const width = 20
	full := int(width * min(max(share, 0), 1))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
