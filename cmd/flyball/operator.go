package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/operator"
	"github.com/flyball-io/flyball/operator/admission"
)

// operatorFlags are those of flyball operator.
type operatorFlags struct {
	run        runFlags // what both have
	namespaces []string
	namespace  string
	elect      bool
	health     string
	files      bool

	webhook       bool
	webhookAt     string
	service       string
	secret        string
	configuration string
}

func newOperatorCommand() *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "operator",
		Short: "Scale what the Autoscaler objects of a Kubernetes cluster say",
		Long: `Runs in a cluster, or beside one with KUBECONFIG, and scales what its Autoscaler
objects say. What becomes of each is told by its status and events; a wrong one
is left out and the others go on. Several instances agree by a Lease on one that
acts; another takes over within seconds and goes on with what was learned.

When it ends everything stays as it is.`,
		Example: `  flyball operator
  flyball operator --namespaces shop,bank --webhook
  kubectl get fas -A
  kubectl describe fas web`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.serve(cmd) },
	}
	cmd.AddCommand(newOperatorEndCommand())
	flags := cmd.Flags()
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "namespaces whose Autoscalers are looked at, separated by commas (default all)")
	flags.StringVar(&f.namespace, "namespace", "", "namespace of the operator itself, where its Lease and certificates are (default that of the pod, or of the kubeconfig's context)")
	flags.BoolVar(&f.elect, "leader-elect", true, "agree by a Lease with other instances on one that acts")
	flags.StringVar(&f.health, "health-listen", ":8081", "address of /healthz and /readyz; 0 for none")
	flags.BoolVar(&f.files, "allow-files", false, "let Autoscalers name files of this container, such as tokens: whoever may write one can then have them sent anywhere")
	flags.BoolVar(&f.webhook, "webhook", false, "refuse wrong Autoscalers when they are written; needs the ValidatingWebhookConfiguration of the chart")
	flags.StringVar(&f.webhookAt, "webhook-listen", ":9443", "address where the API server asks")
	flags.StringVar(&f.service, "webhook-service", "flyball", "Service in the operator's namespace under which the API server reaches it")
	flags.StringVar(&f.secret, "webhook-secret", admission.DefaultSecret, "Secret that keeps the certificates, which are made and replaced by the operator")
	flags.StringVar(&f.configuration, "webhook-configuration", admission.DefaultConfiguration, "ValidatingWebhookConfiguration that is told who signed them")
	f.run.serving.add(flags)
	f.run.serving.bare = true
	flags.Lookup("listen").Usage = "address of API and dashboard; one that other machines can reach serves /metrics, /healthz and /readyz alone without --token-file"
	f.run.keda.add(flags)
	f.run.notify.add(flags)
	flags.StringVar(&f.run.stateDir, "state-dir", "", "folder of the record, for the dashboard's history (default none: it is kept in memory)")
	f.run.record.add(flags)
	flags.StringVar(&f.run.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.run.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func (f *operatorFlags) check() error {
	if f.run.logFormat != "text" && f.run.logFormat != "json" {
		return fmt.Errorf("--log-format: must be text or json, got %q", f.run.logFormat)
	}
	if _, err := logLevel(f.run.logLevel); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	if _, err := f.run.record.options("", nil); err != nil {
		return err
	}
	for _, address := range []struct{ flag, at string }{{"--health-listen", f.health}, {"--webhook-listen", f.webhookAt}} {
		if _, _, err := net.SplitHostPort(address.at); err != nil && address.at != "0" {
			return fmt.Errorf("%s: must be host:port, got %q", address.flag, address.at)
		}
	}
	for _, namespace := range f.namespaces {
		if namespace == "" {
			return errors.New("--namespaces: must be names separated by commas, got an empty one")
		}
	}
	if f.run.stateDir != "" {
		if err := writable(f.run.stateDir); err != nil {
			return fmt.Errorf("--state-dir: %w", err)
		}
	}
	if err := f.run.keda.check(); err != nil {
		return err
	}
	return f.run.serving.check()
}

func (f *operatorFlags) serve(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return cli.UsageError{Err: err}
	}
	cluster, err := kubernetes.Open(kubernetes.Access{})
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("no cluster: %w", err)}
	}
	if len(f.namespaces) == 0 {
		cluster.WatchAllNamespaces() // one watch of each kind for a thousand targets
	}
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	o, closeStore, err := f.options(ctx, hurry, cluster)
	if err != nil {
		return err
	}
	o.App.Log.Info("flyball operator", slog.String("version", programVersion()), slog.String("cluster", cluster.Config.Host), slog.String("namespace", o.Namespace), slog.Any("namespaces", f.namespaces))
	return unlessInterrupted(ctx, errors.Join(operator.Run(ctx, o), closeStore()))
}

// options are those of the operator; what they open is closed by closing.
func (f *operatorFlags) options(ctx, hurry context.Context, cluster *kubernetes.Cluster) (o operator.Options, closing func() error, err error) {
	log := f.run.log(nil)
	deps := app.Deps{Clock: clock.System, Log: log, StateDir: f.run.stateDir, Bus: memory.New()}
	closing = func() error { return nil }
	if f.run.stateDir != "" {
		if deps.Store, err = f.run.record.open(ctx, f.run.stateDir, log); err != nil {
			return o, closing, err
		}
		closing = deps.Store.Close
	} else {
		deps.StateDir = os.TempDir()
	}
	o = operator.Options{
		App: app.Options{Deps: deps, Open: openerOf(deps), Version: programVersion(), AllowedHosts: f.run.serving.hosts,
			MetricsAlone: f.run.serving.exposed(), Ending: app.Ending{Hurry: hurry}},
		Plugins: builtin.New(), Rules: operator.InCluster(), Cluster: cluster.Config, Namespace: f.own(cluster), Namespaces: f.namespaces,
		Elect: f.elect, Health: f.health,
	}
	o.Rules.Files = f.files
	if o.App.Beside, err = f.run.beside(deps); err != nil {
		return o, closing, cli.UsageError{Err: err}
	}
	if o.Relay, err = f.run.keda.relay(ctx, log); err != nil {
		return o, closing, cli.UsageError{Err: err}
	}
	if o.App.Tokens, err = f.run.serving.tokens(); err != nil {
		return o, closing, cli.UsageError{Err: err}
	}
	o.App.ReloadTokens = f.run.serving.tokens
	dashboard, err := f.run.serving.open(ctx, log)
	if err != nil {
		return o, closing, cli.UsageError{Err: err}
	}
	o.Dashboard, o.Certificate = dashboard, dashboard.certificate
	if f.webhook {
		o.Admission = &admission.Webhook{Address: f.webhookAt, Namespace: o.Namespace, Service: f.service, Secret: f.secret, Configuration: f.configuration, Clock: clock.System, Log: log}
	}
	return o, closing, nil
}

// own is the namespace of the operator itself.
func (f *operatorFlags) own(cluster *kubernetes.Cluster) string {
	if f.namespace != "" {
		return f.namespace
	}
	return cluster.Namespace
}
