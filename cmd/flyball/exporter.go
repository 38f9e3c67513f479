package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/serve/exporter"
)

// exporterFlags say what is read, and where and to whom the metrics are served.
type exporterFlags struct {
	serving servingFlags
	config  string
	check   bool
	json    bool
	schema  bool
}

func newExporterCommand() *cobra.Command {
	f := &exporterFlags{}
	cmd := &cobra.Command{
		Use:   "exporter",
		Short: "Serve metrics of AI workloads for Prometheus: inference servers, queues and vector databases",
		Long: `Reads the inference servers, task queues and vector databases that a file names and
serves what they tell as metrics (flyball_inference_*, flyball_queue_*,
flyball_vector_*) at /metrics. It reads when it is scraped, with the code that feeds
the same signals to documents. A server that cannot be read has no metric but
..._up 0. docs/exporter.md lists all.`,
		Example: `  flyball exporter --config exporter.yaml
  flyball exporter --config exporter.yaml --check --json
  flyball exporter --config exporter.yaml --listen 0.0.0.0:9200 --token-file tokens`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "f", "", "file that says what is read; - for standard input")
	flags.BoolVar(&f.check, "check", false, "read everything once, say how it went, and end")
	flags.BoolVar(&f.json, "json", false, "with --check: print JSON")
	flags.BoolVar(&f.schema, "schema", false, "print the JSON schema of the file, and end")
	flags.StringVar(&f.serving.listen, "listen", "127.0.0.1:9200", "address to serve at; one that other machines can reach needs --token-file")
	flags.StringVar(&f.serving.tokenFile, "token-file", "", "file of tokens that allow to scrape, one `name: token` a line (or FLYBALL_TOKENS)")
	flags.StringVar(&f.serving.cert, "tls-cert", "", "file of the certificate chain to serve with; read again when it changes")
	flags.StringVar(&f.serving.key, "tls-key", "", "file of its key")
	flags.BoolVar(&f.serving.bare, "without-token", false, "let everybody scrape who reaches the address: for where a NetworkPolicy or a mesh keeps others away")
	refuseArguments(cmd)
	return cmd
}

func (f *exporterFlags) run(cmd *cobra.Command) error {
	if f.schema {
		schema, err := exporter.Schema()
		if err == nil {
			_, err = cmd.OutOrStdout().Write(schema)
		}
		return err
	}
	if f.serving.bare && f.serving.tokenFile != "" {
		return cli.UsageError{Err: errors.New("--without-token: --token-file names some")}
	}
	if f.json && !f.check {
		return cli.UsageError{Err: errors.New("--json: is for what --check prints")}
	}
	cfg, err := f.read(cmd.InOrStdin())
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	if f.check {
		log = slog.New(slog.DiscardHandler) // what is wrong is printed
	}
	x, err := exporter.New(cfg, clock.System, log)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	defer x.Close()
	if f.check {
		return printChecks(cmd.OutOrStdout(), x.CheckAll(ctx), f.json)
	}
	if err := f.serving.check(); err != nil {
		return cli.UsageError{Err: err}
	}
	l, err := f.serving.open(ctx, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "metrics of AI workloads are at %s/metrics\n", l.url)
	return exporter.NewServer(exporter.Options{Exporter: x, Tokens: l.tokens, Log: log, Version: programVersion()}).Serve(ctx, l)
}

// read reads the configuration.
func (f *exporterFlags) read(stdin io.Reader) (exporter.Config, error) {
	const most = 4 << 20
	switch f.config {
	case "":
		return exporter.Config{}, errors.New("--config: must name a file that says what is read; see docs/exporter.md")
	case "-":
		data, err := io.ReadAll(io.LimitReader(stdin, most))
		if err != nil {
			return exporter.Config{}, fmt.Errorf("read standard input: %w", err)
		}
		return exporter.Read("-", data, os.LookupEnv)
	}
	file, err := os.Open(f.config)
	if err != nil {
		return exporter.Config{}, fmt.Errorf("--config: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return exporter.Config{}, fmt.Errorf("--config: %w", err)
	}
	return exporter.Read(f.config, data, os.LookupEnv)
}

// printChecks writes a line for each server; one that cannot be read is a failure.
func printChecks(w io.Writer, all []exporter.Check, asJSON bool) error {
	failed := 0
	for _, c := range all {
		if c.Fault != "" {
			failed++
		}
		switch {
		case asJSON:
		case c.Fault != "":
			fmt.Fprintf(w, "FAIL  %s: %s\n", c.Name, c.Fault)
		default:
			fmt.Fprintf(w, "ok    %s\n", c.Name)
		}
	}
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"ok": failed == 0, "checks": all}); err != nil {
			return fmt.Errorf("write the checks: %w", err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cannot be read", failed, len(all))
	}
	return nil
}
