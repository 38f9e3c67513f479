package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/late"
	"github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/record/sqlite"
	"github.com/flyball-io/flyball/scale"
)

// Names of records in the state folder. That of a simulation has its own, so
// that the two never mix.
const (
	recordFile     = "record.db"
	simulationFile = "simulation.db"
)

// recordFlags say what is remembered, and for how long.
type recordFlags struct {
	retention string
	size      string
	none      bool
}

func (f *recordFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.retention, "retention", scale.Duration(sqlite.DefaultRetention).String(), "how long decisions, events and what was measured are kept")
	flags.StringVar(&f.size, "record-size", humanize.IBytes(sqlite.DefaultMaxBytes), "most that the record may take on disk; its oldest entries go first")
	flags.BoolVar(&f.none, "no-record", false, "keep nothing on disk: a restart forgets history, cooldowns and modes set by hand")
}

// options are what the flags ask for.
func (f *recordFlags) options(stateDir string, log *slog.Logger) (sqlite.Options, error) {
	retention, err := scale.ParseDuration(f.retention)
	if err == nil && retention <= 0 {
		err = fmt.Errorf("must be above 0, got %v", retention)
	}
	if err != nil {
		return sqlite.Options{}, fmt.Errorf("--retention: %w", err)
	}
	size, err := humanize.ParseBytes(f.size)
	if err != nil || size < sqlite.MinMaxBytes {
		return sqlite.Options{}, fmt.Errorf("--record-size: must be a size of at least %s such as 1GiB, got %q", humanize.IBytes(sqlite.MinMaxBytes), f.size)
	}
	return sqlite.Options{Path: filepath.Join(stateDir, recordFile), Retention: retention.Std(), MaxBytes: int64(size), Clock: clock.System, Log: log}, nil
}

// open opens the record in the state folder, or one in memory. For want of
// space it is opened later: scaling does not wait for a disk to be emptied.
func (f *recordFlags) open(ctx context.Context, stateDir string, log *slog.Logger) (record.Store, error) {
	if f.none {
		return memory.New(memory.Options{}), nil
	}
	options, err := f.options(stateDir, log)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	store, err := late.Open(ctx, late.Options{Clock: clock.System, Log: log, Open: func(ctx context.Context) (record.Store, error) {
		s, err := sqlite.Open(ctx, options)
		if err != nil {
			return nil, err // a Store that is nil must not be in the interface
		}
		return s, nil
	}})
	if errors.Is(err, record.ErrInUse) {
		return nil, cli.UsageError{Err: fmt.Errorf("--state-dir: %s is in use by another controller: %w", stateDir, err)}
	}
	return store, err
}

// openAnew opens an empty record for a simulation, in the place of that of the
// last one: simulated times begin now, so the two would overlap.
func (f *recordFlags) openAnew(ctx context.Context, stateDir string, log *slog.Logger) (record.Store, error) {
	if f.none {
		return memory.New(memory.Options{}), nil
	}
	o, err := f.options(stateDir, log)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	o.Path = filepath.Join(stateDir, simulationFile)
	last, err := sqlite.Open(ctx, o) // nobody else has it then
	if err == nil {
		err = last.Close()
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err == nil {
			err = os.Remove(o.Path + end)
		}
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if errors.Is(err, record.ErrInUse) {
		return nil, cli.UsageError{Err: fmt.Errorf("--state-dir: %s is in use by another simulation: %w", stateDir, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("record of the simulation: %w", err)
	}
	store, err := sqlite.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("record of the simulation: %w", err)
	}
	return store, nil
}
