package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
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
trail says so.`,
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
	memory, err := remembered(cmd.Context(), f.stateDir)
	if memory != nil {
		defer func() { _ = memory.Close() }() // it was only read
	}
	blank := "none: " + f.stateDir + " has none of this target"
	if err != nil {
		blank = "none: " + err.Error()
	}
	decisions := make([]app.Once, 0, len(specs))
	for _, spec := range specs {
		var plane app.Measured
		if found, runs := app.FindRemotePlane(cmd.Context(), f.stateDir, spec.Name); runs {
			plane = found
		}
		d, err := app.DecideOnce(cmd.Context(), spec, plane, app.Deps{Clock: clock.System, StateDir: f.stateDir})
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
		printDecided(cmd.OutOrStdout(), d, cli.KnownWidth(cmd.OutOrStdout()))
	}
	return nil
}

// printDecided shows a decision with its whole trail.
func printDecided(w io.Writer, d app.Once, width int) {
	fmt.Fprintf(w, "%s  %d → %d  (%s, nothing is applied by plan)\n", d.Decision.Target, d.Decision.CurrentReplicas, d.Decision.DesiredReplicas, d.Mode)
	fmt.Fprintf(w, "  because %s\n", d.Decision.Reason)
	printTrail(w, d.Decision, width)
	for _, f := range d.Faults {
		fmt.Fprintf(w, "  cannot read %s: %s\n", f.From, f.Error)
	}
	for _, s := range d.Shadows {
		fmt.Fprintf(w, "  shadow %s: %d (%s)\n", s.Policy, s.DesiredReplicas, s.Reason)
	}
}
