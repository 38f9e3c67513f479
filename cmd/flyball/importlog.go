package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload/accesslog"
)

// logImport are the flags about access logs.
type logImport struct {
	match, exclude, status string
	gap                    time.Duration
	maxMalformed           float64
}

func (l *logImport) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.match, "match", "", "log: count only requests whose path with its query matches this `REGEX`")
	flags.StringVar(&l.exclude, "exclude", "", "log: leave out requests whose path with its query matches this `REGEX`")
	flags.StringVar(&l.status, "status", "", "log: count only answers with these statuses, such as 2xx,3xx,404")
	cli.DurationVar(flags, &l.gap, "gap", 0, "log: take a silence this long as not recorded instead of as no load (default never)")
	flags.Float64Var(&l.maxMalformed, "max-malformed", 0.1, "log: refuse when more than this share of the lines is malformed, 0 to 1")
}

func logFlags() []string { return []string{"match", "exclude", "status", "gap", "max-malformed"} }

// fromLogs counts the requests of all logs.
func (f *importFlags) fromLogs(ctx context.Context, stdin io.Reader) (made, error) {
	options, err := f.logOptions()
	if err != nil {
		return made{}, cli.UsageError{Err: err}
	}
	counter, err := accesslog.NewCounter(options)
	if err != nil {
		return made{}, cli.UsageError{Err: err}
	}
	meter := newMeter(ctx)
	defer meter.done()
	meter.detail = func() string { return scale.Count(counter.Stats().Lines, "line") }
	for _, name := range f.logs {
		if err := f.readLog(counter, meter, name, stdin); err != nil {
			return made{}, err
		}
	}
	stats := counter.Stats()
	if err := f.log.plausible(stats); err != nil {
		return made{}, err
	}
	return made{
		summary: importSummary{Source: "log", Start: counter.Start(), StepSeconds: options.Step.Seconds(), Log: &stats},
		rows:    counter.Rows,
	}, nil
}

func (f *importFlags) readLog(counter *accesslog.Counter, meter *meter, name string, stdin io.Reader) error {
	in, title, err := f.open(name, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	return counter.Read(title, meter.wrap(in, title))
}

// open opens a file that is read, or standard input.
func (f *importFlags) open(name string, stdin io.Reader) (in io.ReadCloser, title string, err error) {
	if name == "-" {
		return io.NopCloser(stdin), "standard input", nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, "", cli.UsageError{Err: err}
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a directory: must be a file, plain or gzipped", name)
	}
	if out, statErr := os.Stat(f.out); err == nil && statErr == nil && os.SameFile(info, out) {
		err = fmt.Errorf("--out: %s is what is read", f.out)
	}
	if err != nil {
		file.Close()
		return nil, "", cli.UsageError{Err: err}
	}
	return file, filepath.Base(name), nil
}

func (f *importFlags) logOptions() (accesslog.Options, error) {
	o := accesslog.Options{Step: f.step, Silence: f.log.gap}
	if !f.flags.Changed("step") {
		o.Step = time.Second
	}
	if share := f.log.maxMalformed; !(share >= 0 && share <= 1) {
		return o, fmt.Errorf("--max-malformed: must be 0 to 1, got %v", share)
	}
	var err error
	for _, filter := range []struct {
		flag, text string
		regex      **regexp.Regexp
	}{{"match", f.log.match, &o.Match}, {"exclude", f.log.exclude, &o.Exclude}} {
		if filter.text == "" {
			continue
		}
		if *filter.regex, err = regexp.Compile(filter.text); err != nil {
			return o, fmt.Errorf("--%s: %w", filter.flag, err)
		}
	}
	if f.log.status != "" {
		if o.Statuses, err = accesslog.ParseStatuses(f.log.status); err != nil {
			return o, fmt.Errorf("--status: %w", err)
		}
	}
	o.From, o.To, err = f.span()
	return o, err
}

// span reads --from and --to; what is not given is zero.
func (f *importFlags) span() (from, to time.Time, err error) {
	for _, bound := range []struct {
		flag, text string
		at         *time.Time
	}{{"from", f.from, &from}, {"to", f.to, &to}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = parseWhen(bound.text, clock.System.Now(), -1); err != nil {
			return from, to, fmt.Errorf("--%s: %w", bound.flag, err)
		}
	}
	return from, to, nil
}

// plausible refuses what would make a trace of something else.
func (l *logImport) plausible(s accesslog.Stats) error {
	malformed := float64(s.Malformed) / float64(max(1, s.Lines))
	switch {
	case s.Lines == 0:
		return errors.New("the log is empty: there is nothing to count")
	case s.Malformed == s.Lines || malformed > l.maxMalformed:
		e := s.Examples[0]
		return fmt.Errorf("%d of %d lines are no lines of an access log in the Common or Combined format, at most %v %% may be (--max-malformed); the first, %s line %d, %s: %q",
			s.Malformed, s.Lines, 100*l.maxMalformed, e.File, e.Line, e.Reason, e.Text)
	case s.Requests == 0:
		return fmt.Errorf("none of %d requests is let through by --match, --exclude, --status, --from and --to", s.LeftOut)
	}
	return nil
}
