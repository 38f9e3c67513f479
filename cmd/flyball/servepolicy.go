package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
	servepolicy "github.com/flyball-io/flyball/serve/policy"
)

// servePolicyFlags say what is served, where and to whom.
type servePolicyFlags struct {
	serving  servingFlags
	parallel int
}

func newServePolicyCommand() *cobra.Command {
	f := &servePolicyFlags{}
	cmd := &cobra.Command{
		Use:   "serve-policy [MODEL|FILE|POLICY]",
		Short: "Serve a policy over HTTP: a trained model, or any policy there is",
		Long: `Answers questions about targets by a policy, over HTTP and JSON: the other end of
policy: {remote: {url: …}} and of programs in other languages. What is served is a
model (general, the one that ships, by its name, or a file as flyball train writes
it, or an ONNX file), a file with a policy as in a document ({predictive: {risk: 2}}),
or NAME or NAME:key=value,… as in flyball evaluate --policy; without any, predictive.

It keeps nothing between two questions, so any number of them may run behind one
address. The API is described at /openapi.json; /healthz needs no token.`,
		Example: `  flyball serve-policy
  flyball serve-policy general
  flyball serve-policy web.flyball --listen 0.0.0.0:7080 --token-file tokens
  flyball serve-policy hpa:cpuUtilization=60`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := "predictive"
			if len(args) > 0 {
				what = args[0]
			}
			return f.run(cmd, what)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.serving.listen, "listen", "127.0.0.1:7080", "address to answer at; one that other machines can reach needs --token-file")
	flags.StringVar(&f.serving.tokenFile, "token-file", "", "file of tokens that allow to ask, one `name: token` a line (or FLYBALL_TOKENS)")
	flags.StringVar(&f.serving.cert, "tls-cert", "", "file of the certificate chain to serve with; read again when it changes")
	flags.StringVar(&f.serving.key, "tls-key", "", "file of its key")
	flags.BoolVar(&f.serving.bare, "without-token", false, "let everybody ask who reaches the address: for where a NetworkPolicy or a mesh keeps others away")
	flags.IntVar(&f.parallel, "parallel", 2*runtime.GOMAXPROCS(0), "questions answered at a time; others wait for a second and are then sent away")
	return cmd
}

func (f *servePolicyFlags) run(cmd *cobra.Command, what string) error {
	if f.serving.bare && f.serving.tokenFile != "" {
		return cli.UsageError{Err: errors.New("--without-token: --token-file names some")}
	}
	if f.parallel < 1 {
		return cli.UsageError{Err: fmt.Errorf("--parallel: must be at least 1, got %d", f.parallel)}
	}
	plugin, err := policyOf(what)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	served, err := servepolicy.NewServed(plugin, builtin.New())
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	if err := f.serving.check(); err != nil {
		return cli.UsageError{Err: err}
	}
	l, err := f.serving.open(ctx, log)
	if err != nil {
		return err
	}
	server, err := servepolicy.New(servepolicy.Options{Policy: served, Tokens: l.tokens, Parallel: f.parallel, Clock: clock.System, Log: log, Version: programVersion()})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Fprintf(cmd.OutOrStdout(), "policy %s answers at %s/v1/recommend\n", served.Kind, l.url)
	return server.Serve(ctx, l)
}

// policyOf is what an argument stands for: a model, a file with a policy, or a
// policy as it is written on command lines.
func policyOf(what string) (scale.Plugin, error) {
	if slices.Contains(learned.Shipped(), what) { // no file hides it, as in a document
		return modelNamed(what)
	}
	info, err := os.Stat(what)
	switch {
	case err == nil && info.IsDir():
		return scale.Plugin{}, fmt.Errorf("%s: is a folder; must be the file of a model, a file with a policy, or a policy as NAME or NAME:key=value,…", what)
	case err != nil && namesFile(what):
		return scale.Plugin{}, err
	case err != nil:
		w, err := builtin.ParseWritten(what)
		return w.Plugin(), err
	}
	file, err := os.Open(what)
	if err != nil {
		return scale.Plugin{}, err
	}
	defer file.Close()
	const most = 1 << 20 // of a document; of a model the beginning is enough
	data, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return scale.Plugin{}, fmt.Errorf("read %s: %w", what, err)
	}
	if learned.Begins(data) {
		return modelNamed(what)
	}
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return scale.Plugin{}, fmt.Errorf("%s: is neither a model nor a policy: %w", what, err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return scale.Plugin{}, fmt.Errorf("%s: is empty; must hold one policy such as {predictive: {}}", what)
	}
	var p scale.Plugin
	if err := json.Unmarshal(text, &p); err != nil {
		return scale.Plugin{}, fmt.Errorf("%s: must hold one policy such as {predictive: {}}: %w", what, err)
	}
	return p, nil
}

// modelNamed is the policy that runs a model.
func modelNamed(model string) (scale.Plugin, error) {
	body, err := json.Marshal(map[string]string{"model": model})
	return scale.Plugin{Kind: "learned", Body: body}, err
}

// namesFile reports whether what is not there was meant to be a file: no policy has
// a name with a slash or an ending, and what follows a colon is its configuration.
func namesFile(what string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(what, filepath.VolumeName(what)), ":")
	return strings.ContainsAny(name, `./\`)
}
