package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/sampleapp"
)

// newSampleAppCommand is the service that demo and tests scale.
func newSampleAppCommand() *cobra.Command {
	cfg := sampleapp.FromEnvironment(os.Getenv)
	if cfg.Replica == "" {
		cfg.Replica, _ = os.Hostname() // a container's own; without one it has no name
	}
	cmd := &cobra.Command{
		Use: "sample-app", Short: "An HTTP server of known capacity that can be told to misbehave", Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return cli.UsageError{Err: err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)
			log := slog.New(slog.NewTextHandler(os.Stderr, nil))
			return sampleapp.Run(ctx, cfg, clock.System, log)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Address, "address", cfg.Address, "host:port to listen on; the port defaults to $PORT")
	flags.IntVar(&cfg.Slots, "slots", cfg.Slots, "requests served at a time")
	cli.DurationVar(flags, (*time.Duration)(&cfg.ServiceMean), "service-mean", cfg.ServiceMean.Std(), "mean service time")
	flags.Float64Var(&cfg.ServiceCV, "service-cv", cfg.ServiceCV, "coefficient of variation of the service time")
	flags.StringVar((*string)(&cfg.ServiceLaw), "service-law", string(cfg.ServiceLaw), "lognormal, exponential or deterministic")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of the service times")
	cli.DurationVar(flags, (*time.Duration)(&cfg.StartupDelay), "startup-delay", cfg.StartupDelay.Std(), "time before requests are taken")
	flags.BoolVar(&cfg.ListenEarly, "listen-early", cfg.ListenEarly, "listen during the start-up delay and answer 503")
	cli.DurationVar(flags, (*time.Duration)(&cfg.Linger), "linger", cfg.Linger.Std(), "time after SIGTERM for which requests are still taken")
	cli.DurationVar(flags, (*time.Duration)(&cfg.ShutdownTimeout), "shutdown-timeout", cfg.ShutdownTimeout.Std(), "time for requests in progress after SIGTERM")
	flags.Float64Var(&cfg.FailRate, "fail-rate", cfg.FailRate, "share of requests answered with 500")
	cli.DurationVar(flags, (*time.Duration)(&cfg.CrashAfter), "crash-after", cfg.CrashAfter.Std(), "end abruptly after this time; 0s is never")
	flags.BoolVar(&cfg.StartFail, "start-fail", cfg.StartFail, "end with an error instead of starting")
	flags.StringVar((*string)(&cfg.Mode), "mode", string(cfg.Mode), "what to do from the start: ok, hang, error, unready, crash")
	return cmd
}
