package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
)

func newExperimentReportCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "report [FILE|FOLDER...]",
		Short: "Compare phases: what their CSV files come to, side by side (default those in " + experimentData + ")",
		Example: `  flyball experiment report
  flyball experiment report examples/experiment/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{experimentData}
			}
			all, err := experiment.ReadAll(args)
			if err != nil {
				return cli.UsageError{Err: err}
			}
			return printSummaries(cmd.OutOrStdout(), asJSON, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summaries as JSON")
	return cmd
}

func printSummaries(w io.Writer, asJSON bool, all []experiment.Summary) error {
	if !asJSON {
		return experiment.Print(w, all)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}
