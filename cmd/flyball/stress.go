package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/stress"
)

type stressFlags struct {
	place   placeFlags
	workers int
	mb      int
	options stress.Options
	json    bool
}

func newStressCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stress {cpu | memory}",
		Short: "Burn CPU or hold memory inside the replicas of a service",
		Long: `Makes the replicas of a service busy from within, to see how whoever scales it
answers: a shell in each of them burns CPU or holds memory. Replicas that come
meanwhile are stressed too. The images must have a shell (sh).

Nothing stays behind: the shell ends with its time, with Ctrl-C, and when the
connection to it breaks.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.UsageError{Err: fmt.Errorf("unknown command %q; known: cpu, memory", "stress "+args[0])}
		},
	}
	cmd.AddCommand(newStressCPUCommand(), newStressMemoryCommand())
	return cmd
}

func newStressCPUCommand() *cobra.Command {
	f := &stressFlags{}
	cmd := &cobra.Command{
		Use: "cpu", Short: "Burn CPU in each replica", Args: cobra.NoArgs,
		Example: `  flyball stress cpu --workers 4 --duration 180
  flyball stress cpu -n shop --deployment web --max-pods 2 --duration 5m
  flyball stress cpu --compose shop/web --duration 60s`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := stress.CPU{Workers: f.workers}
			if err := load.Validate(); err != nil {
				return cli.UsageError{Err: fmt.Errorf("--%w", err)}
			}
			return f.run(cmd, load)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&f.workers, "workers", 2, "busy loops in each replica")
	f.add(cmd)
	return cmd
}

func newStressMemoryCommand() *cobra.Command {
	f := &stressFlags{}
	cmd := &cobra.Command{
		Use: "memory", Short: "Hold memory in each replica",
		Long: `Holds memory in /dev/shm of each replica, which counts as memory of its
container. No more is held than fits: container runtimes give /dev/shm 64 MB
unless they are told otherwise.`,
		Args: cobra.NoArgs,
		Example: `  flyball stress memory --mb 50 --duration 180
  flyball stress memory --compose shop/web --mb 30`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := stress.Memory{Megabytes: f.mb}
			if err := load.Validate(); err != nil {
				return cli.UsageError{Err: fmt.Errorf("--%w", err)}
			}
			return f.run(cmd, load)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&f.mb, "mb", 50, "megabytes to hold in each replica; less where /dev/shm is smaller")
	f.add(cmd)
	return cmd
}

func (f *stressFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	cli.BareDurationVar(flags, &f.options.Duration, "duration", 300*time.Second, time.Second, "how long; without a unit seconds")
	flags.IntVar(&f.options.MaxReplicas, "max-pods", 0, "most replicas at a time (default all)")
	cli.BareDurationVar(flags, &f.options.Refresh, "refresh", 15*time.Second, time.Second, "time between two looks for new replicas; without a unit seconds")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	f.place.add(cmd)
}

func (f *stressFlags) run(cmd *cobra.Command, load stress.Load) error {
	f.options.Load, f.options.Clock = load, clock.System
	if err := f.options.Validate(); err != nil {
		return cli.UsageError{Err: err}
	}
	if err := f.place.check(cmd); err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	replicas, words, err := f.place.replicas(ctx)
	if err != nil {
		return err
	}
	says := &stressTeller{w: cmd.ErrOrStderr()}
	fmt.Fprintf(says.w, "%s in each of the %s for %v; Ctrl-C ends it\n", load, words, scale.Duration(f.options.Duration))
	f.options.Tell = says.tell
	result, err := stress.Run(ctx, replicas, f.options)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), result)
}

func (f *stressFlags) print(w io.Writer, result stress.Result) error {
	if f.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	_, err := fmt.Fprintf(w, "stressed %s, at most %d at a time; %d failed\n", scale.Count(float64(len(result.Replicas)), "replica"), result.Most, len(result.Failed))
	return err
}

// stressTeller says what happens on replicas, a line each.
type stressTeller struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (t *stressTeller) tell(e stress.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := e.What
	if e.Replica != "" {
		line = e.Replica + ": " + line
	}
	if e.Says != "" {
		line += ": " + e.Says
	}
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	fmt.Fprintln(t.w, line)
}
