package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/deploy/stack"
	"github.com/flyball-io/flyball/internal/boundedfile"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
)

// deployFlags say which stack is wanted and what is done with it.
type deployFlags struct {
	options       stack.Options
	cert, key     string
	model         string
	dir           string
	drain         time.Duration
	apply, remove bool
	keepData      bool
}

func newDeployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy compose|swarm|kubernetes [local|staging|production]",
		Short: "Write or start a complete stack: app, balancer, Flyball, Redis, Prometheus, Grafana",
		Long: `Prints the files of a stack on Docker (of a cluster: flyball deploy kubernetes). With --dir they are written to a folder, with
--apply also started there: again and again, it changes what differs and nothing
else. With --delete the stack is ended and taken away, with what it has kept.

Secrets are made once and kept in the folder, which only its owner may enter.`,
		Example: `  flyball deploy compose
  flyball deploy compose local --image shop/web:1.4 --port 3000 --health-path /healthz --apply
  flyball deploy swarm production --balancer builtin --tls-cert cert.pem --tls-key key.pem --apply
  flyball deploy compose local --delete`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return cli.UsageError{Err: fmt.Errorf("deploy takes an orchestrator (%s) and an environment, got %q", strings.Join(stack.Orchestrators(), " or "), strings.Join(args, " "))}
			}
			return nil
		},
		ValidArgsFunction: completeDeploy,
	}
	f := &deployFlags{}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) }
	cmd.AddCommand(newDeployKubernetesCommand())
	return cmd
}

func (f *deployFlags) add(cmd *cobra.Command) {
	o, flags := stack.Default(stack.Compose, stack.Environments()[0]), cmd.Flags()
	flags.StringVar(&f.options.Name, "name", o.Name, "name of the project or stack, and of the service in Flyball")
	flags.StringVar(&f.options.Balancer, "balancer", "", strings.Join(stack.Balancers(), ", ")+" (default nginx; swarm: builtin, which needs no image of its own)")
	flags.StringVar(&f.options.AppImage, "image", "", "image of your service (default Flyball's sample app)")
	flags.IntVar(&f.options.AppPort, "port", o.AppPort, "port on which a container of your service takes requests")
	flags.StringVar(&f.options.HealthPath, "health-path", o.HealthPath, "path of a GET that a ready container answers with 2xx; empty only connects")
	flags.IntVar(&f.options.Published, "publish", o.Published, "port under which users reach the service")
	flags.IntVar(&f.options.DashboardPort, "dashboard-port", o.DashboardPort, "port of this machine for the dashboard, where it is published")
	flags.IntVar(&f.options.GrafanaPort, "grafana-port", o.GrafanaPort, "port of this machine for Grafana, where it is published")
	flags.BoolVar(&f.options.PublishPages, "publish-pages", false, "with swarm local: publish dashboard and Grafana too, unencrypted, on every address of a node")
	flags.DurationVar(&f.drain, "drain-timeout", o.DrainTimeout.Std(), "longest that a request or stream may take to finish before its replica, or the balancer, ends")
	flags.StringVar(&f.options.FlyballImage, "flyball-image", o.FlyballImage, "image of Flyball (make image builds one)")
	flags.StringVar(&f.options.BalancerImage, "balancer-image", "", "image of nginx, HAProxy or Traefik (default the line that gets fixes)")
	flags.BoolVar(&f.options.ServePolicy, "serve-policy", false, "ask the policy of a container of its own (flyball serve-policy), for models and for policies of yours")
	flags.StringVar(&f.model, "policy-model", "", "with --serve-policy: `FILE` of the model that it serves instead of predictive: of flyball train, or an ONNX file")
	flags.StringVar(&f.options.ACMEDomain, "acme-domain", "", "name for which Traefik gets a certificate by itself")
	flags.StringVar(&f.options.ACMEEmail, "acme-email", "", "address that the authority writes to")
	flags.StringVar(&f.cert, "tls-cert", "", "`FILE` of the certificate chain for users, dashboard and Grafana; local has no TLS, staging makes one")
	flags.StringVar(&f.key, "tls-key", "", "`FILE` of its key")
	flags.StringVar(&f.dir, "dir", "", "write the files to this folder (default with --apply and --delete: ./NAME-ORCHESTRATOR-ENVIRONMENT)")
	flags.BoolVar(&f.apply, "apply", false, "start the stack, or change what differs")
	flags.BoolVar(&f.remove, "delete", false, "end the stack and take away its containers, networks, volumes and files")
	flags.BoolVar(&f.keepData, "keep-data", false, "with --delete: keep volumes and files")
}

func (f *deployFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.complete(args); err != nil {
		return cli.UsageError{Err: err}
	}
	engine := engineCLI{out: cmd.ErrOrStderr(), options: f.options, dir: f.dir}
	if f.apply || f.remove {
		if err := engine.owns(cmd.Context()); err != nil {
			return err
		}
	}
	if f.apply {
		f.options.AppReplicas = engine.replicas(cmd.Context())
	}
	files, material, err := f.render()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	switch {
	case f.remove:
		return engine.remove(cmd.Context(), files, f.keepData)
	case f.dir == "":
		return printStack(cmd.OutOrStdout(), files)
	}
	if err := stack.Write(f.dir, files, material); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	if !f.apply {
		fmt.Fprintf(cmd.OutOrStdout(), "%d files in %s; %s starts them\n", len(files), f.dir, engine.howToStart())
		return nil
	}
	if err := engine.ready(cmd.Context()); err != nil {
		return err
	}
	if err := engine.apply(cmd.Context()); err != nil {
		return err
	}
	printLines(cmd.OutOrStdout(), f.where()...)
	return nil
}

// complete fills in what arguments and machine say.
func (f *deployFlags) complete(args []string) error {
	environment := stack.Environments()[0]
	var err error
	if len(args) == 2 {
		if environment, err = stack.EnvironmentNamed(args[1]); err != nil {
			return err
		}
	}
	o := stack.Default(args[0], environment)
	f.options.Orchestrator, f.options.Environment, f.options.DrainTimeout = args[0], environment, scale.Duration(f.drain)
	f.options.Socket, f.options.SocketGID = engineSocket(os.Getenv("DOCKER_HOST"))
	if f.options.Balancer == "" {
		f.options.Balancer = o.Balancer
	}
	if f.apply && f.remove {
		return errors.New("--apply and --delete exclude each other")
	}
	if f.options.PolicyModel, err = servedModel(f.model); err != nil {
		return fmt.Errorf("--policy-model: %w", err)
	}
	if f.keepData && !f.remove {
		return errors.New("--keep-data: is for --delete")
	}
	if f.dir == "" && (f.apply || f.remove) {
		f.dir = strings.Join([]string{f.options.Name, args[0], environment.Name}, "-")
	}
	if f.dir != "" {
		if f.options.Folder, err = filepath.Abs(f.dir); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	return f.options.Validate()
}

// servedModel is what a file holds, if it is a model; "" holds none.
func servedModel(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := boundedfile.Read(path, learned.MostBytes)
	if err != nil {
		return nil, err
	}
	if _, err := learned.Read(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// render returns the files with the secrets of the folder.
func (f *deployFlags) render() ([]stack.File, stack.Material, error) {
	var pem [2][]byte
	for i, path := range []string{f.cert, f.key} {
		if path == "" {
			continue
		}
		var err error
		if pem[i], err = os.ReadFile(path); err != nil {
			return nil, stack.Material{}, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
	}
	material, err := stack.Keep(f.dir, f.options, pem[0], pem[1], clock.System.Now())
	if err != nil {
		return nil, material, err
	}
	files, err := stack.Render(f.options, material)
	return files, material, err
}

// where says where to look once the stack runs.
func (f *deployFlags) where() []string {
	service, dashboard, grafana := f.options.Pages()
	if publish := f.options.Hidden(); publish != "" {
		return []string{
			"service    " + service,
			"dashboard and Grafana are not published: a swarm publishes on every address of a node, and nothing is encrypted.",
			"  Where nobody else reaches the nodes: --publish-pages, or until the next --apply " + publish,
			"  token: " + f.secretsIn("tokens"),
		}
	}
	return []string{
		"service    " + service,
		fmt.Sprintf("dashboard  %s   token: %s", dashboard, f.secretsIn("tokens")),
		fmt.Sprintf("grafana    %s   user admin, password: %s", grafana, f.secretsIn("grafana.password")),
	}
}

func (f *deployFlags) secretsIn(name string) string {
	if f.options.Orchestrator == stack.Swarm {
		return f.dir + "/secrets/" + name
	}
	return f.dir + "/.env"
}

// printStack prints every file that holds no secret.
func printStack(w io.Writer, files []stack.File) error {
	for i, f := range files {
		if i > 0 {
			fmt.Fprintln(w)
		}
		text := string(f.Data)
		if f.Secret {
			text = "(a secret: it is made with --dir or --apply)\n"
		}
		if _, err := fmt.Fprintf(w, "# ---- %s\n%s", f.Path, text); err != nil {
			return err
		}
	}
	return nil
}

func completeDeploy(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return stack.Orchestrators(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		var all []string
		for _, e := range stack.Environments() {
			all = append(all, e.Name)
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
