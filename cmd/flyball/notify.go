package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/notify"
	"github.com/flyball-io/flyball/web"
)

// notifyFlags say who is told of what happens.
type notifyFlags struct{ file string }

func (f *notifyFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "notify", "", "`FILE` of who is told of changes and of what is wrong, by Slack or CloudEvents; read again when it changes (docs/notifications.md)")
}

// read reads the file; its faults name it, and the line.
func (f *notifyFlags) read() (notify.Config, error) {
	c, err := notify.Load(f.file, os.LookupEnv)
	if err != nil {
		return c, fmt.Errorf("--notify: %w", err)
	}
	return c, nil
}

// beside is what tells; none where nobody is to be told.
func (f *notifyFlags) beside(deps app.Deps) ([]app.Beside, error) {
	if f.file == "" {
		return nil, nil
	}
	if _, err := f.read(); err != nil {
		return nil, err
	}
	return []app.Beside{&crier{f, deps}}, nil
}

// crier runs a notifier, with the file as it is whenever it changes.
type crier struct {
	*notifyFlags
	deps app.Deps
}

// SetTargets implements [app.Beside]: whatever happens names its target.
func (*crier) SetTargets([]web.TargetInfo) {}

// Run implements [app.Beside].
func (c *crier) Run(ctx context.Context) error {
	config, err := c.read()
	if err != nil {
		return err
	}
	n, err := notify.New(notify.Options{Config: config, Bus: c.deps.Bus, Clock: c.deps.Clock, Log: c.deps.Log})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changed, err := app.Watch(ctx, c.deps.Clock, []string{c.file})
	if err != nil {
		return err
	}
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		c.follow(ctx, changed, n)
	}()
	err = n.Run(ctx)
	stop()
	<-followed
	return err
}

// follow reads the file when it has changed, until ctx is done. One that is
// wrong changes nothing.
func (c *crier) follow(ctx context.Context, changed <-chan struct{}, n *notify.Notifier) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		config, err := c.read()
		if err == nil {
			err = n.SetConfig(config)
		}
		if err != nil {
			c.deps.Log.Error("notifications stay as they were", slog.Any("error", err))
			continue
		}
		c.deps.Log.Info("notifications are read anew", slog.Int("receivers", len(config.Receivers)))
	}
}

// newNotifyCommand is the parent of what is about notifications.
func newNotifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try who is told of changes and of what is wrong",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newNotifyTestCommand())
	return cmd
}

func newNotifyTestCommand() *cobra.Command {
	var receivers []string
	f := &notifyFlags{}
	cmd := &cobra.Command{
		Use:   "test --notify FILE",
		Short: "Send each receiver of a file one message, and say what it answers",
		Long: `Checks the file of flyball run --notify, sends each of its receivers one message
of the type Test, signed as any other, and says whether it was taken. Filters and
rates do not apply. The exit status is 1 when a receiver does not take it.`,
		Example: `  flyball notify test --notify notifications.yaml
  SLACK_URL=https://hooks.slack.com/services/… flyball notify test --notify notifications.yaml --receiver ops`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.try(cmd, receivers) },
	}
	refuseArguments(cmd)
	f.add(cmd.Flags())
	cmd.Flags().Lookup("notify").Usage = "`FILE` that flyball run --notify is or will be given"
	cmd.Flags().StringSliceVar(&receivers, "receiver", nil, "names of receivers, separated by commas (default all)")
	return cmd
}

func (f *notifyFlags) try(cmd *cobra.Command, names []string) error {
	if f.file == "" {
		return cli.UsageError{Err: errors.New("--notify: must be given, the file that flyball run --notify is given")}
	}
	config, err := f.read()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	chosen, err := chooseReceivers(config.Receivers, names)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	var errs []error
	for _, r := range chosen {
		if err := notify.Try(cmd.Context(), config, r, clock.System); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: taken\n", r.Name)
	}
	return errors.Join(errs...)
}

// chooseReceivers returns those of the names; all where none is named.
func chooseReceivers(all []notify.Receiver, names []string) (chosen []notify.Receiver, err error) {
	if len(names) == 0 {
		return all, nil
	}
	byName, known := map[string]notify.Receiver{}, make([]string, 0, len(all))
	for _, r := range all {
		byName[r.Name], known = r, append(known, r.Name)
	}
	for _, name := range names {
		r, is := byName[name]
		if !is {
			return nil, fmt.Errorf("--receiver: must be one of %s, got %q", strings.Join(known, ", "), name)
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}
