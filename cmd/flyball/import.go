package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
)

// newImportCommand gathers what is made from what is already there.
func newImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make a trace of what was asked, or documents of what scales a cluster",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.UsageError{Err: fmt.Errorf("unknown command %q; known: hpa, trace, vpa", "import "+args[0])}
		},
	}
	cmd.AddCommand(newImportHPACommand(), newImportTraceCommand(), newImportVPACommand())
	return cmd
}

// importFlags are the flags of flyball import trace.
type importFlags struct {
	logs            []string
	csv, prometheus string
	out             string
	force, json     bool
	step            time.Duration
	from, to        string

	log        logImport
	table      csvImport
	past       prometheusImport
	flags      *pflag.FlagSet
	outputTo   io.Writer
	progressTo io.Writer
}

func newImportTraceCommand() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "trace (--from-log FILE… | --from-csv FILE | --from-prometheus URL --query Q) [--out FILE]",
		Short: "Make a trace file from access logs, a CSV file or a Prometheus query",
		Long: `Make a trace, the CSV that load, demo, evaluate and replay play, of what your
service was asked: from access logs in the Common or Combined format (nginx,
Apache; plain or gzipped, in any order), from a CSV file, or from a query of
Prometheus. See docs/traces.md.`,
		Example: `  flyball import trace --from-log /var/log/nginx/access.log* --out shop.csv.gz
  zcat access.log.*.gz | flyball import trace --from-log - --match '^/api/' --step 10s --out api.csv
  flyball import trace --from-csv export.csv --time-column at --value-column hits --values count --out shop.csv
  flyball import trace --from-prometheus http://127.0.0.1:9090 --query 'sum(rate(http_requests_total[1m]))' --from 7d --step 1m --out week.csv`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.add(cmd)
	return cmd
}

func (f *importFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.flags = flags
	flags.SortFlags = false
	flags.StringArrayVar(&f.logs, "from-log", nil, "access log `FILE`, - for standard input; further files may follow")
	flags.StringVar(&f.csv, "from-csv", "", "CSV `FILE` with a header, - for standard input")
	flags.StringVar(&f.prometheus, "from-prometheus", "", "`URL` of a Prometheus")
	flags.StringVar(&f.out, "out", "-", "`FILE` to write, gzipped when it ends in .gz, - for standard output")
	flags.BoolVar(&f.force, "force", false, "overwrite the file if it is there")
	flags.BoolVar(&f.json, "json", false, "print the summary as JSON, with --out on standard output")
	cli.DurationVar(flags, &f.step, "step", 0, "width of a bin (default 1s of a log, 1m of Prometheus, the usual distance of rows of CSV)")
	flags.StringVar(&f.from, "from", "", "log, Prometheus: nothing older: a duration such as 7d, or a `TIME`")
	flags.StringVar(&f.to, "to", "", "log, Prometheus: nothing newer: a duration (ago), or a `TIME` (default now)")
	f.log.add(flags)
	f.table.add(flags)
	f.past.add(flags)
	_ = cmd.MarkFlagFilename("from-csv", "csv", "gz") // the flag is there
}

func (f *importFlags) run(cmd *cobra.Command, args []string) error {
	f.outputTo, f.progressTo = cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := f.check(args); err != nil {
		return cli.UsageError{Err: err}
	}
	to, err := f.destination()
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("--out: %w", err)}
	}
	made, err := f.read(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		return err
	}
	summary := made.summary
	summary.Out = f.out
	if err := f.write(cmd.Context(), to, made, &summary); err != nil {
		return err
	}
	return f.print(summary)
}

// made is a trace that is ready to be written.
type made struct {
	summary importSummary
	// rows hands over the bins in order.
	rows func(each func(at time.Duration, rps float64) error) error
}

func (f *importFlags) read(ctx context.Context, stdin io.Reader) (made, error) {
	switch {
	case f.csv != "":
		return f.fromCSV(ctx, stdin)
	case f.prometheus != "":
		return f.fromPrometheus(ctx)
	default:
		return f.fromLogs(ctx, stdin)
	}
}

// check takes further files as logs, and reports flags that contradict each
// other or belong to another source.
func (f *importFlags) check(args []string) error {
	sources := []string{}
	for _, name := range []string{"from-log", "from-csv", "from-prometheus"} {
		if f.flags.Changed(name) {
			sources = append(sources, name)
		}
	}
	switch {
	case len(sources) == 0:
		return errors.New("nothing to read: give --from-log FILE, --from-csv FILE or --from-prometheus URL")
	case len(sources) > 1:
		return fmt.Errorf("--%s exclude each other: give one of them", strings.Join(sources, " and --"))
	case len(args) > 0 && sources[0] != "from-log":
		return fmt.Errorf("got %q beside --%s: only logs may be several", strings.Join(args, " "), sources[0])
	case f.out == "":
		return errors.New("--out: must not be empty")
	case f.step < 0, f.step == 0 && f.flags.Changed("step"):
		return fmt.Errorf("--step: must be above 0, got %v", f.step)
	}
	f.logs = append(f.logs, args...)
	if slices.Contains(append(f.logs, "none"), "") || (f.csv == "" && sources[0] == "from-csv") || (f.prometheus == "" && sources[0] == "from-prometheus") {
		return fmt.Errorf("--%s: must not be empty", sources[0])
	}
	return f.belong(sources[0])
}

// belong reports a flag that the source does not know.
func (f *importFlags) belong(source string) error {
	for _, of := range []struct {
		sources string
		flags   []string
	}{
		{"from-log or from-prometheus", []string{"from", "to"}},
		{"from-log", logFlags()},
		{"from-csv", csvFlags()},
		{"from-prometheus", prometheusFlags()},
	} {
		for _, name := range of.flags {
			if f.flags.Changed(name) && !slices.Contains(strings.Split(of.sources, " or "), source) {
				return fmt.Errorf("--%s: needs --%s", name, strings.ReplaceAll(of.sources, " or ", " or --"))
			}
		}
	}
	return nil
}

// print shows the summary: to people on standard error, as JSON on standard
// output, unless that is the trace.
func (f *importFlags) print(s importSummary) error {
	if !f.json {
		return s.print(f.progressTo)
	}
	w := f.outputTo
	if f.out == "-" {
		w = f.progressTo
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}
