package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/serve/gym"
)

// gymFlags say where environments are served.
type gymFlags struct {
	listen      string
	connections int
	copies      int
}

func newGymCommand() *cobra.Command {
	f := &gymFlags{}
	cmd := &cobra.Command{
		Use:   "gym",
		Short: "Serve the simulator as an environment to learn in, to Python",
		Long: `Serves the environment in which flyball train learns to programs on this machine:
many copies stepped together, many steps in one round trip. examples/gym has a
client for Gymnasium, in one file; docs/gym.md the protocol. Each connection has
an environment of its own.`,
		Example: `  flyball gym
  flyball gym --listen unix:/tmp/flyball-gym.sock`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:7090", "loopback address to serve at, or unix:PATH")
	flags.IntVar(&f.connections, "connections", 16, "connections at a time")
	flags.IntVar(&f.copies, "max-copies", 4096, fmt.Sprintf("copies that one environment may have, up to %d", mostGymCopies()))
	refuseArguments(cmd)
	return cmd
}

func (f *gymFlags) run(cmd *cobra.Command) error {
	if f.connections < 1 || f.copies < 1 {
		return cli.UsageError{Err: fmt.Errorf("--connections and --max-copies: must be at least 1, got %d and %d", f.connections, f.copies)}
	}
	if most := mostGymCopies(); f.copies > most {
		return cli.UsageError{Err: fmt.Errorf("--max-copies: must be 1 to %d, for a step of all copies is one frame of the protocol; got %d. Open several connections for more", most, f.copies)}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	l, where, err := f.open(ctx)
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("--listen: %w", err)}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "environments at %s\n", where)
	server := gym.New(gym.Options{Environments: []gym.Environment{gym.Scaling(), gym.CartPole()}, Connections: f.connections, MostCopies: f.copies,
		Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))})
	return server.Serve(ctx, l)
}

// mostGymCopies is how many services one environment can step together.
func mostGymCopies() int { return gym.CopiesInFrame(learned.Width, len(learned.StandardActions())) }

// open opens the address: only this machine may use it, of a socket only this
// user.
func (f *gymFlags) open(ctx context.Context) (l net.Listener, where string, err error) {
	path, local := strings.CutPrefix(f.listen, "unix:")
	if !local {
		if l, err = listenLoopback(ctx, f.listen); err != nil {
			return nil, "", err
		}
		return l, l.Addr().String(), nil
	}
	if err := removeSocket(path); err != nil {
		return nil, "", err
	}
	if l, err = new(net.ListenConfig).Listen(ctx, "unix", path); err != nil {
		return nil, "", err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return l, f.listen, nil
}

// removeSocket removes what an instance left that was killed, and nothing else.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return errors.Join(fmt.Errorf("%s is in use", path), conn.Close())
	}
	return os.Remove(path)
}
