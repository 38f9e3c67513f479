package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

type runFlags struct {
	documents documentFlags
	compose   composeFlags
	serving   servingFlags
	keda      kedaFlags
	notify    notifyFlags
	record    recordFlags
	simulate  simulateFlags
	roles     roleFlags
	stateDir  string
	onExit    string
	logFormat string
	logLevel  string
}

func newRunCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run {-f FILE... | --swarm | --compose PROJECT/SERVICE --max N}",
		Short: "Run the controller: scale what the documents say",
		Long: `Starts or adopts the replicas of each document, sends them requests through the
balancer, and scales them. Documents are read again on SIGHUP and when a file
changes, and the token file with them; a document that is wrong changes nothing.

The balancer is a process of its own: killing, restarting or upgrading the
controller does not cut traffic, and the next controller adopts balancer and
replicas. With --on-exit stop (the default) Ctrl-C and SIGTERM end them too,
drained; with --on-exit keep they go on. A second Ctrl-C ends at once. Replicas
of somebody else's, such as a Swarm service, and a balancer of your own, such as
nginx, always go on.

With --compose the document is made for you: the service is scaled to --max
replicas at most, and reached at --publish. Its containers stay when the
controller ends.

With --swarm the labels of a stack file are the documents: every service of the
swarm with flyball.enable=true is scaled as its labels say, and a changed label
is a reload. The services stay when the controller ends.

With --bus the controller may be several processes, each with some of --roles:
only the executor needs the rights to change what is scaled. All are given the
same documents, and each a state folder of its own.

With --simulate nothing is started: what the documents scale is a simulated
service under a simulated load, and time runs faster. All the rest is what it
is otherwise. It ends with a scorecard.`,
		Example: `  flyball run -f examples/process.yaml
  flyball run -f documents/ --on-exit keep --state-dir /var/lib/flyball
  flyball run --compose shop/web --max 10 --publish 0.0.0.0:80
  flyball run --swarm
  flyball run -f documents/ --roles planner --bus redis://redis:6379
  flyball run -f examples/process.yaml --simulate --speed 60
  flyball run -f examples/process.yaml --simulate --load nasa.csv --speed 600 --for 24h`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.documents.add(cmd)
	f.documents.labels.add(cmd)
	f.compose.add(cmd)
	flags := cmd.Flags()
	f.serving.add(flags)
	f.keda.add(flags)
	f.notify.add(flags)
	flags.StringVar(&f.stateDir, "state-dir", "", "folder for what must outlive the controller (default "+defaultStateDir("$XDG_STATE_HOME")+")")
	f.record.add(flags)
	flags.StringVar(&f.onExit, "on-exit", "stop", "what Ctrl-C and SIGTERM do to replicas and balancer: stop or keep")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	f.simulate.add(flags)
	f.roles.add(flags)
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command) error {
	specs, err := f.check(cmd)
	if err != nil {
		return err
	}
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	if f.simulate.on {
		return unlessInterrupted(ctx, f.simulated(ctx, hurry, specs, cmd.OutOrStdout()))
	}
	return unlessInterrupted(ctx, f.control(ctx, hurry, specs))
}

// control opens what the controller needs and runs it until ctx is done.
func (f *runFlags) control(ctx, hurry context.Context, specs []app.Spec) error {
	log := f.log(nil)
	deps := app.Deps{Clock: clock.System, Log: log, StateDir: f.stateDir}
	// Before the address: of a second controller with the same flags both are
	// taken, and only the folder says by whom.
	closeStore, err := f.remember(ctx, &deps)
	if err != nil {
		return err
	}
	dashboard, err := f.dashboard(ctx, log)
	if err != nil {
		return errors.Join(cli.UsageError{Err: err}, closeStore())
	}
	defer dashboard.Close()
	closeBus, err := f.roles.open(ctx, &deps)
	if err != nil {
		return errors.Join(cli.UsageError{Err: err}, closeStore())
	}
	controller, err := f.controller(ctx, dashboard, app.Options{
		Deps: deps, Specs: specs, Open: openerOf(deps),
		Reload: f.again, Taken: f.documents.labels.take, LeftOut: f.documents.labels.leftOut,
		Ending: app.Ending{StopReplicas: f.onExit == "stop", Hurry: hurry},
	})
	if err == nil {
		err = controller.Run(ctx)
	}
	return errors.Join(err, closeBus(), closeStore())
}

// again reads the documents anew.
func (f *runFlags) again() ([]app.Spec, error) {
	f.documents.again = true
	return f.specs(nil)
}

// controller makes a controller that reloads until ctx is done.
func (f *runFlags) controller(ctx context.Context, dashboard *serving, o app.Options) (_ *app.Controller, err error) {
	if o.Reloads, err = f.reloads(ctx); err != nil {
		return nil, err
	}
	if dashboard.Listener != (nowhere{}) {
		o.Dashboard = dashboard
	}
	o.Tokens, o.ReloadTokens = dashboard.tokens, f.serving.tokens
	o.AllowedHosts, o.Version = f.serving.hosts, programVersion()
	if o.Beside, err = f.beside(o.Deps); err == nil {
		err = f.keda.open(ctx) // before anything runs
	}
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	controller, err := app.NewController(ctx, o)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	o.Log.Info("flyball runs", slog.String("version", programVersion()), slog.Int("documents", len(o.Specs)),
		slog.String("dashboard", dashboard.url), slog.String("state", f.stateDir))
	return controller, nil
}

// beside is what runs beside the dashboard.
func (f *runFlags) beside(deps app.Deps) ([]app.Beside, error) {
	answered, err := f.keda.beside(deps)
	told, wrong := f.notify.beside(deps)
	return append(answered, told...), errors.Join(err, wrong)
}

// check reads flags and documents; nothing has been started when it fails.
func (f *runFlags) check(cmd *cobra.Command) ([]app.Spec, error) {
	if f.onExit != "stop" && f.onExit != "keep" {
		return nil, cli.UsageError{Err: fmt.Errorf("--on-exit: must be stop or keep, got %q", f.onExit)}
	}
	if f.logFormat != "text" && f.logFormat != "json" {
		return nil, cli.UsageError{Err: fmt.Errorf("--log-format: must be text or json, got %q", f.logFormat)}
	}
	if _, err := logLevel(f.logLevel); err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("--log-level: %w", err)}
	}
	if err := f.roles.check(cmd, &f.onExit); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if _, err := f.record.options("", nil); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if err := f.keda.check(); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if err := f.simulate.check(); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if err := f.compose.check(cmd, &f.documents); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if err := f.compose.write(cmd.Context(), &f.documents); err != nil {
		return nil, err
	}
	if f.stateDir == "" {
		f.stateDir = f.simulate.stateDir(defaultStateDir(os.Getenv("XDG_STATE_HOME")))
	}
	if f.notify.file != "" && f.simulate.on {
		return nil, cli.UsageError{Err: errors.New("--notify: of a simulation nobody is told")}
	}
	if f.roles.split() && f.simulate.on {
		return nil, cli.UsageError{Err: errors.New("--bus: a simulation is one process")}
	}
	read := f.specs
	if f.simulate.on {
		read = f.documents.decode
	}
	specs, err := read(cmd.InOrStdin())
	if err != nil {
		return nil, f.compose.told(err)
	}
	if err := writable(f.stateDir); err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("--state-dir: %w", err)}
	}
	return specs, nil
}

// writable creates the folder where it is missing and sees that files can be
// made there.
func writable(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(folder, ".writable-")
	if err != nil {
		return fmt.Errorf("%s: must be a folder that can be written to: %w", folder, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// defaultStateDir follows the XDG base directory specification.
func defaultStateDir(stateHome string) string {
	if stateHome != "" {
		return filepath.Join(stateHome, "flyball")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "flyball-state"
	}
	return filepath.Join(home, ".local", "state", "flyball")
}

func logLevel(name string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(name, level.String()) {
			return level, nil
		}
	}
	return 0, fmt.Errorf("must be debug, info, warn or error, got %q", name)
}

// log dates its lines by clk; nil: by the machine's clock.
func (f *runFlags) log(clk clock.Clock) *slog.Logger {
	level, _ := logLevel(f.logLevel) // it was checked
	options := &slog.HandlerOptions{Level: level}
	if clk != nil {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				a.Value = slog.TimeValue(clk.Now())
			}
			return a
		}
	}
	if f.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// reloads receives on SIGHUP and when a document changes.
func (f *runFlags) reloads(ctx context.Context) (<-chan struct{}, error) {
	changed, err := app.Watch(ctx, clock.System, f.documents.watchable())
	if err != nil {
		return nil, err
	}
	relabelled, err := f.documents.labels.changed(ctx)
	if err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, reloadSignals()...)
	reloads := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			case <-relabelled:
			case <-signals:
			}
			select {
			case reloads <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return reloads, nil
}
