package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
)

type agentFlags struct {
	bus          busFlags
	node         string
	interval     time.Duration
	proc, groups string
	print        bool
	log          loggingFlags
}

// newAgentCommand is the role that runs once on every node.
func newAgentCommand() *cobra.Command {
	f := &agentFlags{}
	cmd := &cobra.Command{
		Use: "agent", Short: "Tell what the containers of this node use; needs no right but to read files",
		Long: `Reads what the kernel says of every container of this node and publishes it on
the bus, for signals with docker: {from: agents}. It reads files alone: no
socket, no root, no capability. In a container those of the machine are mounted
read-only, and HOST_PROC and HOST_CGROUP say where:

  docker run --user 65532 --read-only --cap-drop ALL \
    -v /proc:/host/proc:ro -v /sys/fs/cgroup:/host/cgroup:ro \
    -e HOST_PROC=/host/proc -e HOST_CGROUP=/host/cgroup IMAGE agent --bus redis://…`,
		Example: `  flyball agent --bus redis://redis:6379 --bus-password-file /run/secrets/redis.password
  flyball agent --print`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	f.bus.add(flags)
	flags.StringVar(&f.node, "node", os.Getenv("FLYBALL_NODE"), "name of this node, by which it differs from all others; also FLYBALL_NODE (default: its host name, in a container its boot ID)")
	flags.DurationVar(&f.interval, "interval", time.Second, "time between two reports, 200ms to 1m")
	flags.StringVar(&f.proc, "proc", cmp.Or(os.Getenv("HOST_PROC"), ownProc), "`FOLDER` where /proc of the machine is; also HOST_PROC")
	flags.StringVar(&f.groups, "cgroup", cmp.Or(os.Getenv("HOST_CGROUP"), "/sys/fs/cgroup"), "`FOLDER` where /sys/fs/cgroup of the machine is; also HOST_CGROUP")
	flags.BoolVar(&f.print, "print", false, "print each report as a line of JSON instead of publishing it")
	f.log.add(flags)
	return cmd
}

// ownProc is where a machine has its /proc for itself.
const ownProc = "/proc"

func (f *agentFlags) run(cmd *cobra.Command) error {
	const minInterval, maxInterval = 200 * time.Millisecond, time.Minute
	if f.interval < minInterval || f.interval > maxInterval {
		return cli.UsageError{Err: fmt.Errorf("--interval: must be %v to %v, got %v", minInterval, maxInterval, f.interval)}
	}
	if _, err := f.bus.server(); err != nil && !f.print {
		return cli.UsageError{Err: err} // before anything is read
	}
	if err := f.name(); err != nil {
		return fmt.Errorf("--node: must be given: %w", err)
	}
	log, err := f.log.open(cmd.ErrOrStderr())
	if err != nil {
		return cli.UsageError{Err: err}
	}
	host, err := cgroups.Open(os.DirFS(f.proc), os.DirFS(f.groups))
	if err != nil {
		return fmt.Errorf("%s: %w", f.groups, err)
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	a := containers.Agent{Node: f.node, Host: host, Interval: f.interval, Clock: clock.System, Log: log}
	if f.print {
		a.Publish = reportsTo(cmd.OutOrStdout())
		return a.Run(ctx)
	}
	return f.publish(ctx, &a, log)
}

// name calls the node like its host, or in a container, whose host name is its
// own, by what the kernel calls this run of the machine.
func (f *agentFlags) name() (err error) {
	switch {
	case f.node != "":
		return nil
	case f.proc == ownProc:
		f.node, err = os.Hostname()
		return err
	}
	raw, err := os.ReadFile(filepath.Join(f.proc, "sys/kernel/random/boot_id"))
	f.node = strings.TrimSpace(string(raw))
	return err
}

// publish runs the agent with a bus.
func (f *agentFlags) publish(ctx context.Context, a *containers.Agent, log *slog.Logger) error {
	b, err := f.bus.open(ctx, "agent/"+f.node, log)
	if err != nil {
		return err
	}
	a.Publish = bus.Topic[containers.NodeReport]{Bus: b, Subject: containers.NodeSubject(f.node)}.Publish
	return errors.Join(a.Run(ctx), b.Close())
}

// reportsTo publishes to whoever reads what is written.
func reportsTo(out io.Writer) func(context.Context, containers.NodeReport) error {
	encoder := json.NewEncoder(out)
	return func(_ context.Context, r containers.NodeReport) error { return encoder.Encode(r) }
}

// loggingFlags say how and how much is logged.
type loggingFlags struct{ format, level string }

func (f *loggingFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "log-format", "text", "text or json")
	flags.StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
}

func (f *loggingFlags) open(out io.Writer) (*slog.Logger, error) {
	level, err := logLevel(f.level)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), nil
	default:
		return nil, fmt.Errorf("--log-format: must be text or json, got %q", f.format)
	}
}
