package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/evaluate/forecasts"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/workload"
)

// runForecasts judges the forecasters on recorded traces.
func (f *evaluateFlags) runForecasts(cmd *cobra.Command) error {
	series, left, err := f.series()
	o := forecasts.Options{Startup: f.scenario.startup, Sync: f.scenario.sync}
	if err == nil && o.Validate() != nil {
		err = fmt.Errorf("--startup, --sync: %w", o.Validate())
	}
	if err == nil {
		err = f.writable()
	}
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	bar := newProgressBar("forecasts")
	o.Progress = bar.show
	results, err := forecasts.Judge(ctx, series, forecasts.Contestants(), o)
	bar.done()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; nothing is written")
	}
	if err != nil {
		return err
	}
	results.Version = programVersion()
	if f.out != "" {
		if err := results.Save(f.out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), results)
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, width int) { f.printForecasts(w, width, results, left) })
}

// series reads the traces. What a folder holds besides traces is left out, and
// told; a file that was asked for by its name must be one.
func (f *evaluateFlags) series() (all []forecasts.Series, left []string, err error) {
	if other := f.others([]string{"forecasts", "traces", "trace", "startup", "sync", "out", "json"}); len(other) > 0 {
		return nil, nil, fmt.Errorf("--forecasts takes --traces, --trace, --startup, --sync, --out and --json: leave out --%s", strings.Join(other, ", --"))
	}
	if f.folder == "" && len(f.traces) == 0 {
		return nil, nil, errors.New("--forecasts needs --traces FOLDER or --trace FILE: recorded traces to forecast")
	}
	var files []string
	if f.folder != "" {
		if files, err = tracesIn(f.folder); err != nil {
			return nil, nil, err
		}
	}
	for _, file := range files {
		if s, err := openSeries(file); err == nil {
			all = append(all, s)
		} else {
			left = append(left, err.Error())
		}
	}
	var errs []error
	for _, file := range f.traces {
		s, err := openSeries(file)
		if err == nil && slices.ContainsFunc(all, func(o forecasts.Series) bool { return o.Name == s.Name }) {
			err = fmt.Errorf("%s is given twice", s.Name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--trace: %w", err))
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		errs = append(errs, fmt.Errorf("--traces: %s holds no trace that can be judged\n%s", f.folder, strings.Join(left, "\n")))
	}
	return all, left, errors.Join(errs...)
}

// tracesIn lists the CSV files of a folder, its index left out, in order.
func tracesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("--traces: %w", err)
	}
	var files []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".gz")
		if !e.IsDir() && strings.HasSuffix(name, ".csv") && name != "index.csv" {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("--traces: %s holds no *.csv or *.csv.gz", folder)
	}
	return files, nil
}

// openSeries reads a trace at its own step. Single requests have none.
func openSeries(file string) (forecasts.Series, error) {
	shape, err := workload.Open(file)
	if err != nil {
		return forecasts.Series{}, err
	}
	trace, ok := shape.(*workload.Trace)
	if !ok {
		return forecasts.Series{}, fmt.Errorf("trace %s: holds single requests: must hold rates in steps", file)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".csv")
	return forecasts.FromTrace(name, trace)
}
