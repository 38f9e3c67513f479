package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// newHealthCommand is for those who ask again and again and have no curl, such
// as the health check of a container.
func newHealthCommand() *cobra.Command {
	f := &remoteFlags{}
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running instance whether it is well; exit status 1 when it is not",
		Long: `Asks the running instance for /healthz. Prints "ok", or says what is wrong and
ends with status 1. Meant for health checks where there is no curl, as in the
container image, which names a server with TLS by FLYBALL_SERVER and
FLYBALL_CA_FILE.`,
		Example: `  flyball health
  flyball health --server http://127.0.0.1:7070`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			const patience = 4 * time.Second // less than the time-out of a container's check
			ctx, cancel := context.WithTimeout(cmd.Context(), patience)
			defer cancel()
			health, err := c.Health(ctx)
			if err != nil {
				return err
			}
			if f.json {
				return writeJSON(cmd.OutOrStdout(), health)
			}
			fmt.Fprintln(cmd.OutOrStdout(), health.Status)
			return nil
		},
	}
	f.add(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}
