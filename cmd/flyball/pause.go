package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// modeFlags choose targets whose mode is set by hand.
type modeFlags struct {
	remoteFlags
	all               bool
	duration          time.Duration
	until, reason, to string
}

func (f *modeFlags) add(cmd *cobra.Command) {
	f.remoteFlags.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "every target")
}

func (f *modeFlags) addReason(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for those who wonder later")
}

func (f *modeFlags) addEnd(cmd *cobra.Command) {
	cli.DurationVar(cmd.Flags(), &f.duration, "for", 0, "how long; then it goes on by itself")
	cmd.Flags().StringVar(&f.until, "until", "", "until this `TIME`: 18:00 or RFC 3339; then it goes on by itself")
}

func newPauseCommand() *cobra.Command {
	f := &modeFlags{to: string(scale.Paused)}
	cmd := &cobra.Command{
		Use:   "pause TARGET [--for 1h | --until 18:00]",
		Short: "Keep the replicas as they are, for a time or until resumed",
		Long: `A paused target keeps its replicas: it goes on deciding and shows what it
would do, but scales nothing. Replicas that crash are still replaced. The
pause outlives restarts of the controller and reloads of the document.`,
		Example: `  flyball pause shop-web --for 1h --reason "load test"
  flyball pause --all --until 18:00`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return mend(f.set(cmd, args)) },
	}
	f.add(cmd)
	f.addReason(cmd)
	f.addEnd(cmd)
	return cmd
}

func newResumeCommand() *cobra.Command {
	f := &modeFlags{}
	cmd := &cobra.Command{
		Use:     "resume TARGET",
		Short:   "Take back a pause or a mode set by hand: what the document says holds again",
		Example: "  flyball resume shop-web",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return mend(f.each(cmd, args, func(ctx context.Context, c *client.Client, name string) (client.Target, error) {
				return c.ClearMode(ctx, name)
			}))
		},
	}
	f.add(cmd)
	return cmd
}

func newModeCommand() *cobra.Command {
	f := &modeFlags{}
	cmd := &cobra.Command{
		Use:   "mode TARGET Apply|Recommend|Paused",
		Short: "Set by hand whether a target is scaled; resume takes it back",
		Long: `Apply scales, Recommend and Paused decide and show but scale nothing. What is
set by hand holds over the document, and outlives restarts and reloads, until
flyball resume.`,
		Example: `  flyball mode shop-web Recommend --reason "watching the new policy"
  flyball mode --all Paused`,
		Args: atMost(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError{Err: errors.New("name a target and a mode: flyball mode TARGET Apply|Recommend|Paused")}
			}
			if len(args) == 1 && !f.all && !slices.Contains(modeNames(), args[0]) {
				return cli.UsageError{Err: fmt.Errorf("name a mode after the target: flyball mode %s Apply|Recommend|Paused", args[0])}
			}
			f.to = args[len(args)-1]
			return mend(f.set(cmd, args[:len(args)-1]))
		},
	}
	f.add(cmd)
	f.addReason(cmd)
	f.addEnd(cmd)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 || (len(args) == 0 && f.all) {
			return modeNames(), cobra.ShellCompDirectiveNoFileComp
		}
		return f.completeTargets(cmd, args, toComplete)
	}
	return cmd
}

func modeNames() []string {
	return []string{string(scale.Apply), string(scale.Recommend), string(scale.Paused)}
}

// set sets the mode f.to.
func (f *modeFlags) set(cmd *cobra.Command, args []string) error {
	wish := client.SetMode{Reason: f.reason}
	for _, name := range modeNames() {
		if strings.EqualFold(name, f.to) {
			wish.Mode = scale.Mode(name)
		}
	}
	if wish.Mode == "" {
		return cli.UsageError{Err: fmt.Errorf("mode: must be %s, got %q", strings.Join(modeNames(), ", "), f.to)}
	}
	until, err := f.end(cmd, clock.System.Now())
	if err != nil {
		return cli.UsageError{Err: err}
	}
	if until != nil && wish.Mode != scale.Paused {
		return cli.UsageError{Err: fmt.Errorf("--for, --until: only a pause ends by itself, not %s", wish.Mode)}
	}
	return f.each(cmd, args, func(ctx context.Context, c *client.Client, name string) (client.Target, error) {
		if until != nil {
			now, err := timeOf(ctx, c)
			if err != nil {
				return client.Target{}, err
			}
			if wish.Until, err = f.end(cmd, now); err != nil {
				return client.Target{}, cli.UsageError{Err: err}
			}
		}
		return c.SetMode(ctx, name, wish)
	})
}

// end is when a pause that begins now ends by itself; nil: never.
func (f *modeFlags) end(cmd *cobra.Command, now time.Time) (*time.Time, error) {
	switch {
	case f.until != "" && cmd.Flags().Changed("for"):
		return nil, errors.New("--for and --until exclude each other")
	case cmd.Flags().Changed("for"):
		if f.duration <= 0 {
			return nil, fmt.Errorf("--for: must be above 0, got %v", scale.Duration(f.duration))
		}
		end := now.Add(f.duration)
		return &end, nil
	case f.until != "":
		end, err := parseWhen(f.until, now, 1)
		if err != nil {
			return nil, fmt.Errorf("--until: %w", err)
		}
		if !end.After(now) {
			return nil, fmt.Errorf("--until: %s is over", stamp(end))
		}
		return &end, nil
	}
	return nil, nil //nolint:nilnil // no end is an answer
}

// each acts on the chosen targets and prints what holds of each then. It goes
// on where one fails.
func (f *modeFlags) each(cmd *cobra.Command, args []string, act func(context.Context, *client.Client, string) (client.Target, error)) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	chosen, err := f.chosen(cmd.Context(), c, args)
	if err != nil {
		return err
	}
	var errs []error
	done := []client.Target{}
	for _, name := range chosen {
		t, err := act(cmd.Context(), c, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, t)
		if !f.json {
			printMode(cmd.OutOrStdout(), &t)
		}
	}
	if f.json {
		errs = append(errs, writeJSON(cmd.OutOrStdout(), done))
	}
	return errors.Join(errs...)
}

// chosen are the targets to act on: never one that was not named.
func (f *modeFlags) chosen(ctx context.Context, c *client.Client, args []string) ([]string, error) {
	if len(args) == 1 && f.all {
		return nil, cli.UsageError{Err: errors.New("TARGET and --all exclude each other")}
	}
	if len(args) == 1 {
		return []string{client.Named(args[0])}, nil
	}
	overview, err := c.Targets(ctx)
	if err != nil {
		return nil, err
	}
	if !f.all {
		return nil, cli.UsageError{Err: fmt.Errorf("name a target (there are: %s) or --all", strings.Join(names(overview.Targets), ", "))}
	}
	return names(overview.Targets), nil
}

// printMode says what holds now and until when.
func printMode(w io.Writer, t *client.Target) {
	state := "scales"
	switch t.Mode {
	case scale.Paused:
		state = "is paused: its replicas stay as they are"
	case scale.Recommend:
		state = "only recommends: its replicas stay as they are"
	}
	if t.Override == nil {
		fmt.Fprintf(w, "%s %s (mode %s, as the document says)\n", t.Name, state, t.Mode)
		return
	}
	end := "until flyball resume " + t.Name
	if o := t.Override.Until; o != nil && !o.IsZero() {
		end = "until " + stamp(o.Time)
	}
	fmt.Fprintf(w, "%s %s, %s (set by %s; the document says %s)\n", t.Name, state, end, oneLine(t.Override.By), t.DocumentMode)
}
