package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/workload"
)

// destination is where the trace goes.
type destination struct {
	path   string
	direct bool // a device or pipe, which is written to as it is
}

// destination looks at --out before anything is read, which may take long.
func (f *importFlags) destination() (destination, error) {
	if f.out == "-" {
		return destination{}, nil
	}
	info, err := os.Stat(f.out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(f.out))
		return destination{path: f.out}, err
	case err != nil:
		return destination{}, err
	case info.IsDir():
		return destination{}, fmt.Errorf("%s is a directory: must be a file", f.out)
	case !info.Mode().IsRegular():
		return destination{path: f.out, direct: true}, nil
	case !f.force:
		return destination{}, fmt.Errorf("%s is there already; --force overwrites it", f.out)
	}
	path, err := filepath.EvalSymlinks(f.out) // the link stays one
	return destination{path: path}, err
}

// write writes the trace and completes the summary. A file appears only when
// it is whole.
func (f *importFlags) write(ctx context.Context, to destination, m made, s *importSummary) error {
	if to.path == "" {
		return writeRows(ctx, f.outputTo, m, s)
	}
	ctx, _, stop := interruptible(ctx)
	defer stop()
	if !to.direct {
		return f.replace(ctx, to.path, m, s)
	}
	file, err := os.OpenFile(to.path, os.O_WRONLY, 0)
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("--out: %w", err)}
	}
	return f.fill(ctx, file, m, s)
}

// replace writes a file beside the target and gives it its name.
func (f *importFlags) replace(ctx context.Context, target string, m made, s *importSummary) error {
	name := filepath.Join(filepath.Dir(target), fmt.Sprintf(".%s.%d", filepath.Base(target), os.Getpid()))
	// Not os.CreateTemp, whose files only their owner may read.
	temporary, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("--out: %w", err)}
	}
	defer func() { _ = os.Remove(name) }() // after the renaming there is none
	if err := f.fill(ctx, temporary, m, s); err != nil {
		return err
	}
	return os.Rename(name, target)
}

// fill writes the trace and closes the file.
func (f *importFlags) fill(ctx context.Context, file *os.File, m made, s *importSummary) error {
	err := fillFile(ctx, file, strings.HasSuffix(f.out, ".gz"), m, s)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.out, err)
	}
	return nil
}

func fillFile(ctx context.Context, file io.Writer, packed bool, m made, s *importSummary) error {
	if !packed {
		return writeRows(ctx, file, m, s)
	}
	zip := gzip.NewWriter(file)
	if err := writeRows(ctx, zip, m, s); err != nil {
		return err
	}
	return zip.Close()
}

func writeRows(ctx context.Context, out io.Writer, m made, s *importSummary) error {
	w := workload.NewWriter(out)
	t := &tally{step: time.Duration(s.StepSeconds * float64(time.Second))}
	err := m.rows(func(at time.Duration, rps float64) error {
		t.row(at, rps)
		if len(t.rates)%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return w.Row(at, rps)
	})
	if err != nil {
		return err
	}
	if err := t.finish(s); err != nil {
		return err
	}
	return w.Flush()
}
