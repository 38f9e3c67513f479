package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
)

func newBalancerConfigCommand() *cobra.Command {
	documents, listen := documentFlags{}, ""
	cmd := &cobra.Command{
		Use:   "balancer-config -f FILE",
		Short: "Write the configuration of a document's nginx, HAProxy or Traefik",
		Long: `Prints the configuration file of the balancer that a document names, where that
is a program of its own: complete, and ready to be started with. It counts
latencies for the objective of the document, so it is to be written anew when
that changes. docs/balancers.md says what may be changed.`,
		Example: `  flyball balancer-config -f shop.yaml --listen :80 > /etc/haproxy/haproxy.cfg`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			specs, err := documents.decode(cmd.InOrStdin())
			if err != nil {
				return err
			}
			if len(specs) != 1 {
				return cli.UsageError{Err: fmt.Errorf("name one document, got %d: its balancer has a configuration of its own", len(specs))}
			}
			var text bytes.Buffer
			if err := specs[0].Ship(cmd.Context(), &text, listen); err != nil {
				return cli.UsageError{Err: err}
			}
			_, err = cmd.OutOrStdout().Write(text.Bytes())
			return err
		},
	}
	documents.add(cmd)
	cmd.Flags().StringVar(&listen, "listen", ":80", "`ADDRESS` where requests are taken, host:port")
	return cmd
}
