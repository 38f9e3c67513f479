package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record/sqlite"
)

type planFlags struct {
	documents documentFlags
	stateDir  string
	json      bool
}

func newPlanCommand() *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan -f FILE...",
		Short: "Decide once, now, and show the whole trail; nothing is started or applied",
		Long: `Looks at the replicas and the balancer that run now and shows what each
document would decide. Where nothing runs there are no measurements, and the
trail says so.

What flyball run has learned in the state folder is read, as it would be after a
restart, also beside a controller that runs; nothing is written.`,
		Example: "  flyball plan -f shop.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.documents.add(cmd)
	cmd.Flags().StringVar(&f.stateDir, "state-dir", "", "folder that flyball run was given (default "+defaultStateDir("$XDG_STATE_HOME")+")")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the decisions as a JSON array")
	return cmd
}

func (f *planFlags) run(cmd *cobra.Command) error {
	specs, err := f.documents.specs(cmd.InOrStdin())
	if err != nil {
		return err
	}
	if f.stateDir == "" {
		f.stateDir = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	memory, blank := remembered(cmd.Context(), f.stateDir)
	if memory != nil {
		defer func() { _ = memory.Close() }() // it was only read
	}
	decisions := make([]app.Once, 0, len(specs))
	for _, spec := range specs {
		d, err := f.decide(cmd.Context(), spec, memory)
		if err != nil {
			return err
		}
		decisions = append(decisions, d)
	}
	if f.json {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(decisions)
	}
	for _, d := range decisions {
		printDecided(cmd.OutOrStdout(), d, blank, cli.KnownWidth(cmd.OutOrStdout()))
	}
	return nil
}

func (f *planFlags) decide(ctx context.Context, spec app.Spec, memory *sqlite.Reader) (app.Once, error) {
	var plane balancer.Measured
	if found, runs := app.FindRemotePlane(ctx, spec, f.stateDir); runs {
		plane = found
	}
	deps := app.Deps{Clock: clock.System, StateDir: f.stateDir}
	if memory == nil {
		return app.DecideOnce(ctx, spec, plane, nil, deps)
	}
	return app.DecideOnce(ctx, spec, plane, memory, deps)
}

// remembered opens the record of a state folder to read it; where there is none
// it says why. It is no fault: nothing need have run there yet.
func remembered(ctx context.Context, stateDir string) (memory *sqlite.Reader, blank string) {
	memory, err := sqlite.OpenToRead(ctx, filepath.Join(stateDir, recordFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "flyball run has recorded nothing in " + stateDir
	case err != nil:
		return nil, err.Error()
	}
	return memory, "flyball run has recorded nothing of it in " + stateDir
}

// printDecided shows a decision with its whole trail; blank is why there may be no
// memory to decide with.
func printDecided(w io.Writer, d app.Once, blank string, width int) {
	fmt.Fprintf(w, "%s  %d → %d  (%s, nothing is applied by plan)\n", d.Decision.Target, d.Decision.CurrentReplicas, d.Decision.DesiredReplicas, d.Mode)
	fmt.Fprintf(w, "  because %s\n", d.Decision.Reason)
	fmt.Fprintf(w, "  memory: %s\n", memoryWords(d.Memory, blank, d.Decision.At))
	printTrail(w, d.Decision, width)
	for _, f := range d.Faults {
		fmt.Fprintf(w, "  cannot read %s: %s\n", f.From, f.Error)
	}
	for _, s := range d.Shadows {
		fmt.Fprintf(w, "  shadow %s: %d (%s)\n", s.Policy, s.DesiredReplicas, s.Reason)
	}
}

// memoryWords say whether a decision was made with what flyball run has learned.
func memoryWords(was app.Recalled, blank string, now time.Time) string {
	from := "that of flyball run"
	if !was.Decided.IsZero() { // run saves it about once a minute
		from += ", as saved " + age(now, was.Decided) + " ago"
	}
	switch {
	case !was.Found:
		return "none, begins anew: " + blank
	case len(was.Afresh) > 0:
		return from + "; changed parts begin anew: " + strings.Join(was.Afresh, ", ")
	}
	return from
}
