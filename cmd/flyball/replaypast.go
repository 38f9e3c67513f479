package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record/sqlite"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
)

// pastFlags choose a part of the past, for replay and report.
type pastFlags struct {
	record, target string
	from, to       string
	last           time.Duration
	prometheusPast
	flags *pflag.FlagSet
}

func (f *pastFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.record, "record", "", "folder or file of the record (default the state folder of flyball run, "+defaultStateDir("$XDG_STATE_HOME")+")")
	flags.StringVar(&f.target, "target", "", "`NAME` of the target in the record (default the only one)")
	flags.StringVar(&f.from, "from", "", "nothing older: a duration such as 7d (ago), or a `TIME`")
	flags.StringVar(&f.to, "to", "", "nothing newer: a duration such as 1h (ago), or a `TIME`")
	flags.Var((*lastFlag)(&f.last), "last", "so much up to --to, else up to the newest there is, such as 24h or 7d (default all of a record, 24h of Prometheus)")
	f.flags = flags
}

// lastFlag is a duration without a default.
type lastFlag time.Duration

func (l *lastFlag) String() string { return "" }
func (l *lastFlag) Type() string   { return "duration" }

// Set reads a duration above 0.
func (l *lastFlag) Set(text string) error {
	d, err := scale.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("must be above 0, got %v", d)
	}
	*l = lastFlag(d)
	return err
}

// check reports flags that contradict each other.
func (f *pastFlags) check() error {
	_, err := f.window()
	errs := []error{err}
	if f.last > 0 && f.from != "" {
		errs = append(errs, errors.New("--last and --from exclude each other"))
	}
	if f.server != "" && f.record != "" {
		errs = append(errs, errors.New("--record and --prometheus exclude each other"))
	}
	return errors.Join(append(errs, f.prometheusPast.check(f.flags))...)
}

// window is the part of the past that is asked for.
func (f *pastFlags) window() (replay.Window, error) {
	w, now := replay.Window{Last: f.last}, clock.System.Now()
	for _, bound := range []struct {
		flag, text string
		at         *time.Time
	}{{"from", f.from, &w.From}, {"to", f.to, &w.To}} {
		if bound.text == "" {
			continue
		}
		var err error
		if *bound.at, err = parseWhen(bound.text, now, -1); err != nil {
			return w, fmt.Errorf("--%s: %w", bound.flag, err)
		}
	}
	if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
		return w, fmt.Errorf("--from: must be before --to, got %s and %s", stamp(w.From), stamp(w.To))
	}
	return w, nil
}

// history reads it.
func (f *pastFlags) history(ctx context.Context) (*replay.History, error) {
	w, err := f.window()
	if err != nil {
		return nil, err
	}
	if f.server != "" {
		return f.ask(ctx, w)
	}
	log, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // it was only read
	target, err := replay.OneTarget(ctx, log, f.target)
	if err != nil {
		return nil, err
	}
	return replay.FromRecord(ctx, log, target, w)
}

// open opens the record to read it: also beside a controller that writes it.
func (f *pastFlags) open(ctx context.Context) (*sqlite.Reader, error) {
	path := f.record
	if path == "" {
		path = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--record: %s is not there: flyball run has recorded nothing here; name its --state-dir", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--record: %w", err)
	}
	if !info.IsDir() {
		return sqlite.OpenToRead(ctx, path)
	}
	for _, name := range []string{recordFile, simulationFile, filepath.Join("simulated", simulationFile)} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return sqlite.OpenToRead(ctx, filepath.Join(path, name))
		}
	}
	return nil, fmt.Errorf("--record: no record in %s: neither %s nor, of a simulation, %s is there", path, recordFile, simulationFile)
}
