package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
)

func newValidateCommand() *cobra.Command {
	var v validation
	cmd := &cobra.Command{
		Use:   "validate -f FILE...",
		Short: "Check Autoscaler documents: every fault with its file and line",
		Example: `  flyball validate -f shop.yaml
  flyball validate -f documents/ --json
  flyball validate --schema > autoscaler.schema.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd.OutOrStdout(), cmd.InOrStdin()) },
	}
	v.documents.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&v.json, "json", false, "print the result as one JSON object")
	flags.BoolVar(&v.schema, "schema", false, "print the JSON Schema of the document, for editors, and check nothing")
	return cmd
}

type validation struct {
	documents    documentFlags
	json, schema bool
}

func (v validation) run(out io.Writer, in io.Reader) error {
	plugins := builtin.New()
	if v.schema {
		raw, err := v1alpha1.Schema(plugins)
		if err != nil {
			return err
		}
		_, err = out.Write(raw)
		return err
	}
	docs, err := v.documents.load(plugins, in)
	if err == nil {
		_, err = app.NewSpecs(docs, plugins)
	}
	if err != nil {
		docs = nil
		err = cli.UsageError{Err: err}
	}
	var faults v1alpha1.Faults
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	if printErr := v.print(out, validated(docs, faults)); printErr != nil {
		return printErr
	}
	return err
}

// validationResult is what --json prints.
type validationResult struct {
	Valid  bool            `json:"valid"`
	Files  []validatedFile `json:"files"`
	Faults v1alpha1.Faults `json:"faults"`
}

type validatedFile struct {
	File        string   `json:"file"`
	Autoscalers []string `json:"autoscalers"` // names, in the order of the file
}

func validated(docs []v1alpha1.Document, faults v1alpha1.Faults) validationResult {
	r := validationResult{Valid: len(faults) == 0, Files: []validatedFile{}, Faults: faults}
	if faults == nil {
		r.Faults = v1alpha1.Faults{}
	}
	for _, d := range docs {
		if n := len(r.Files); n == 0 || r.Files[n-1].File != d.File {
			r.Files = append(r.Files, validatedFile{File: d.File})
		}
		last := &r.Files[len(r.Files)-1]
		last.Autoscalers = append(last.Autoscalers, d.Metadata.Name)
	}
	return r
}

func (v validation) print(out io.Writer, r validationResult) error {
	if v.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	for _, f := range r.Files {
		plural := "s"
		if len(f.Autoscalers) == 1 {
			plural = ""
		}
		if _, err := fmt.Fprintf(out, "%s: ok (%d autoscaler%s)\n", f.File, len(f.Autoscalers), plural); err != nil {
			return err
		}
	}
	return nil
}
