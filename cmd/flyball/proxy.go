package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/balancer/builtin/remote"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

// newProxyCommand is the balancer as a process of its own; flyball run starts
// it.
func newProxyCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use: "proxy", Short: "The balancer process that flyball run starts", Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if socket == "" {
				return cli.UsageError{Err: errors.New("--socket: must be given; this command is for flyball run")}
			}
			ctx, _, stop := interruptible(cmd.Context())
			defer stop()
			return remote.Serve(ctx, remote.Options{
				Socket: socket, Version: programVersion(), Input: os.Stdin, Args: []string{"proxy", "--socket", socket},
				Clock: clock.System, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
			})
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "socket on which the controller speaks to it")
	return cmd
}
