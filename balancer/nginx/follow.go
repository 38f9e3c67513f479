package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Reading of a file that grows.
const (
	followEvery = 100 * time.Millisecond
	longestLine = 64 << 10
)

// followFile hands over each line that is added to the log. A log that was
// moved away is read to its end before the new one; one that was cut short is
// read from its beginning.
func (p *Plane) followFile(ctx context.Context, take func([]byte)) error {
	ticker := p.clk.NewTicker(followEvery)
	defer ticker.Stop()
	f := &follower{path: p.cfg.Log.File, take: take}
	defer f.close()
	for first := true; ; first = false {
		if err := f.look(first); err != nil {
			return fmt.Errorf("follow the log: %w", err)
		}
		p.setReading()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// follower reads what is added to a file.
type follower struct {
	path string
	take func([]byte)
	file *os.File
	at   int64
	rest []byte // of a line whose end has not come
}

// look reads what is new; the first one only finds the end.
func (f *follower) look(first bool) error {
	info, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // being moved away, or before nginx starts
	}
	if err != nil {
		return err
	}
	if f.file != nil {
		held, err := f.file.Stat()
		if err == nil && os.SameFile(held, info) {
			return f.read(info.Size())
		}
		if err := f.read(1 << 62); err != nil {
			return err
		}
		f.close()
	}
	if f.file, err = os.Open(f.path); err != nil {
		return err
	}
	if f.at = 0; first {
		f.at = info.Size()
	}
	return f.read(info.Size())
}

func (f *follower) read(size int64) error {
	if size < f.at {
		f.at, f.rest = 0, nil
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := f.file.ReadAt(buffer, f.at)
		f.at += int64(n)
		f.rest = append(f.rest, buffer[:n]...)
		for {
			one, more, found := bytes.Cut(f.rest, []byte("\n"))
			if !found {
				break
			}
			f.take(one)
			f.rest = more
		}
		if len(f.rest) > longestLine {
			f.rest = nil
		}
		if errors.Is(err, io.EOF) {
			f.rest = bytes.Clone(f.rest)
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
		f.file, f.rest = nil, nil
	}
}
