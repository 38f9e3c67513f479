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
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

type runFlags struct {
	documents documentFlags
	serving   servingFlags
	record    recordFlags
	stateDir  string
	onExit    string
	logFormat string
	logLevel  string
}

func newRunCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run -f FILE...",
		Short: "Run the controller: scale what the documents say",
		Long: `Starts or adopts the replicas of each document, sends them requests through the
balancer, and scales them. Documents are read again on SIGHUP and when a file
changes, and the token file with them; a document that is wrong changes nothing.

The balancer is a process of its own: killing, restarting or upgrading the
controller does not cut traffic, and the next controller adopts balancer and
replicas. With --on-exit stop (the default) Ctrl-C and SIGTERM end them too,
drained; with --on-exit keep they go on. A second Ctrl-C ends at once.`,
		Example: `  flyball run -f examples/process.yaml
  flyball run -f documents/ --on-exit keep --state-dir /var/lib/flyball`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.documents.add(cmd)
	flags := cmd.Flags()
	f.serving.add(flags)
	flags.StringVar(&f.stateDir, "state-dir", "", "folder for what must outlive the controller (default "+defaultStateDir("$XDG_STATE_HOME")+")")
	f.record.add(flags)
	flags.StringVar(&f.onExit, "on-exit", "stop", "what Ctrl-C and SIGTERM do to replicas and balancer: stop or keep")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command) error {
	specs, err := f.check(cmd)
	if err != nil {
		return err
	}
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	return unlessInterrupted(ctx, f.control(ctx, hurry, specs))
}

// control opens what the controller needs and runs it until ctx is done.
func (f *runFlags) control(ctx, hurry context.Context, specs []app.Spec) error {
	log := f.log()
	dashboard, err := f.serving.open(ctx, log)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	defer dashboard.Close()
	store, err := f.record.open(ctx, f.stateDir, log)
	if err != nil {
		return err
	}
	deps := app.Deps{Bus: memory.New(), Clock: clock.System, Log: log, StateDir: f.stateDir, Store: store}
	return errors.Join(f.drive(ctx, hurry, specs, dashboard, deps), store.Close())
}

// drive runs the controller until ctx is done.
func (f *runFlags) drive(ctx, hurry context.Context, specs []app.Spec, dashboard *serving, deps app.Deps) error {
	reloads, err := f.reloads(ctx)
	if err != nil {
		return err
	}
	stopReplicas := f.onExit == "stop"
	controller, err := app.NewController(ctx, app.Options{
		Deps: deps, Specs: specs, Dashboard: dashboard, Tokens: dashboard.tokens, ReloadTokens: f.serving.tokens, AllowedHosts: f.serving.hosts, Version: programVersion(),
		Reload: func() ([]app.Spec, error) { return f.documents.specs(nil) }, Reloads: reloads,
		Open: openProcesses(deps),
		Ending:   app.Ending{StopReplicas: stopReplicas, Hurry: hurry},
	})
	if err != nil {
		return cli.UsageError{Err: err}
	}
	deps.Log.Info("flyball runs", slog.String("version", programVersion()), slog.Int("documents", len(specs)),
		slog.String("dashboard", dashboard.url), slog.String("state", f.stateDir))
	return controller.Run(ctx)
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
	if _, err := f.record.options("", nil); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if f.stateDir == "" {
		f.stateDir = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	specs, err := f.documents.specs(cmd.InOrStdin())
	if err != nil {
		return nil, err
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

func (f *runFlags) log() *slog.Logger {
	level, _ := logLevel(f.logLevel) // it was checked
	options := &slog.HandlerOptions{Level: level}
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
