package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	page "github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/replay"
)

// reportFlags are the flags of flyball report.
type reportFlags struct {
	past           pastFlags
	documents      documentFlags
	out            string
	json           bool
	perReplicaHour float64
	flags          *pflag.FlagSet
}

const defaultReported = 7 * 24 * time.Hour

func newReportCommand() *cobra.Command {
	f := &reportFlags{}
	cmd := &cobra.Command{
		Use:   "report [--last 7d]",
		Short: "What the last days cost and violated, beside the shadows' wishes, and who decided",
		Long: `Sums up the record of flyball run: replica-hours and their cost, requests that
were not good, what the shadows wished meanwhile, which rules decided how often
and why, and where the record does not tell what was asked of the service.

A shadow's wish is no trajectory: it saw the replicas that there were, not its
own. What another policy would really have come to is what flyball replay says.`,
		Example: `  flyball report
  flyball report --last 30d --target shop -f shop.yaml --out report.html`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.past.add(flags)
	flags.Lookup("last").Usage = "so much up to --to, else up to the newest there is, such as 24h (default 7d)"
	flags.Lookup("target").Usage = "`NAME` of the target in the record (default all)"
	f.documents.add(cmd)
	flags.StringVar(&f.out, "out", "", "write the report as a page into this `FILE`, such as report.html")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.Float64Var(&f.perReplicaHour, "cost-per-replica-hour", 1, "price of one replica for one hour (default that of the document, else 1)")
	flags.Lookup("cost-per-replica-hour").DefValue = ""
	f.flags = flags
	return cmd
}

// reported is the report on one target.
type reported struct {
	*replay.Summary
	Price     float64       `json:"per_replica_hour"`
	Cost      float64       `json:"cost"`
	LostShare float64       `json:"unrecoverable_share"`
	Lost      []lostStretch `json:"unrecoverable"`

	history *replay.History
	service *replay.Service // nil: could not be calibrated
	demand  *replay.Demand
}

func (f *reportFlags) run(cmd *cobra.Command) error {
	specs, err := f.check(cmd)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	all, err := f.read(ctx, specs)
	if err != nil {
		return err
	}
	if f.out != "" {
		name := filepath.Base(f.out)
		err := saveAll(filepath.Dir(f.out), map[string]func(io.Writer) error{name: func(w io.Writer) error { return page.Write(w, reportPage(all)) }})
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), struct {
			Targets []*reported `json:"targets"`
		}{all})
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, _ int) {
		for i, r := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			r.print(w)
		}
		if f.out != "" {
			fmt.Fprintf(w, "\nreport: %s\n", f.out)
		}
	})
}

func (f *reportFlags) check(cmd *cobra.Command) ([]app.Spec, error) {
	errs := []error{f.past.check()}
	if !(f.perReplicaHour >= 0 && f.perReplicaHour <= 1e9) {
		errs = append(errs, fmt.Errorf("--cost-per-replica-hour: must be 0 or more, got %v", f.perReplicaHour))
	}
	if info, err := os.Stat(f.out); f.out != "" && err == nil && info.IsDir() {
		errs = append(errs, fmt.Errorf("--out: %s is a folder: name a file in it, such as %s", f.out, filepath.Join(f.out, "report.html")))
	}
	var specs []app.Spec
	if len(f.documents.files) > 0 {
		var err error
		specs, err = f.documents.decode(cmd.InOrStdin())
		errs = append(errs, err)
	}
	return specs, errors.Join(errs...)
}

// read sums up the targets that are asked for.
func (f *reportFlags) read(ctx context.Context, specs []app.Spec) ([]*reported, error) {
	w, err := f.past.window()
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if w.Last == 0 && w.From.IsZero() {
		w.Last = defaultReported
	}
	log, err := f.past.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // it was only read
	targets, err := log.Targets(ctx)
	if err != nil {
		return nil, err
	}
	if f.past.target != "" || len(targets) == 0 {
		one, err := replay.OneTarget(ctx, log, f.past.target)
		if err != nil {
			return nil, err
		}
		targets = []string{one}
	}
	var all []*reported
	var errs []error
	for _, target := range targets {
		r, err := f.one(ctx, log, target, w)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.priced(f.price(specs, target))
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

func (f *reportFlags) one(ctx context.Context, log replay.Log, target string, w replay.Window) (*reported, error) {
	h, err := replay.FromRecord(ctx, log, target, w)
	if err != nil {
		return nil, err
	}
	r := &reported{history: h}
	if r.Summary, err = replay.Summarize(ctx, log, h, w); err != nil {
		return nil, err
	}
	if s, err := replay.Calibrate(h, replay.GivenValues{}); err == nil {
		r.service = s
	}
	rules := replay.DefaultRules()
	rules.Most = 1 // whatever is lost: nothing is played here
	if r.demand, err = replay.Recover(h, r.service, rules); err != nil {
		r.demand = nil // no rate was measured at all
		return r, nil
	}
	r.LostShare, r.Lost = r.demand.LostShare(), lostOf(r.demand)
	return r, nil
}

// price is that of the flag, else of the document.
func (f *reportFlags) price(specs []app.Spec, target string) float64 {
	i := slices.IndexFunc(specs, func(s app.Spec) bool { return s.Name == target })
	if i >= 0 && specs[i].Cost != nil && !f.flags.Changed("cost-per-replica-hour") {
		return specs[i].Cost.PerReplicaHour
	}
	return f.perReplicaHour
}

func (r *reported) priced(price float64) {
	r.Price, r.Cost = price, r.ReplicaHours*price
}
