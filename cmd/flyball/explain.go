package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
)

type explainFlags struct {
	remoteFlags
	at string
	id int64
}

func newExplainCommand() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain [TARGET]",
		Short: "Why there are as many replicas: the last decision, in words and numbers",
		Long: `Says in one sentence why the running instance decided as it did, then shows
what it saw, what each signal proposed, what each guard made of it, and what
the shadows would have done. Without TARGET there must be only one.`,
		Example: `  flyball explain
  flyball explain shop-web --at 14:03
  flyball explain shop-web --id 4711 --json`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return mend(f.run(cmd, args)) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.at, "at", "", "the decision in force at this `TIME`: 14:03, 10m (ago) or RFC 3339")
	cmd.Flags().Int64Var(&f.id, "id", 0, "the decision of this `ID`, as decisions --json shows it")
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, args []string) error {
	if f.at != "" && f.id != 0 {
		return cli.UsageError{Err: errors.New("--at and --id exclude each other")}
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	name, err := f.target(cmd.Context(), c, args)
	if err != nil {
		return err
	}
	e, err := f.explain(cmd.Context(), c, name)
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(cmd.OutOrStdout(), e.asJSON())
	}
	e.print(cmd.OutOrStdout(), cli.KnownWidth(cmd.OutOrStdout()))
	return nil
}

// explain fetches the decision that is asked for and the target around it.
func (f *explainFlags) explain(ctx context.Context, c *client.Client, name string) (explanation, error) {
	detail, err := c.Target(ctx, name)
	if err != nil {
		return explanation{}, err
	}
	e := explanation{now: detail.Now.Time, simulation: detail.Simulation, target: detail.Target, latest: f.at == "" && f.id == 0}
	id := f.id
	if id == 0 {
		if id, err = f.chosen(ctx, c, detail); err != nil {
			return e, err
		}
	}
	e.decision, err = c.Decision(ctx, name, id)
	return e, err
}

// chosen is the ID of the newest decision, or of the one in force at --at.
func (f *explainFlags) chosen(ctx context.Context, c *client.Client, detail client.Detail) (int64, error) {
	if f.at == "" {
		if detail.Target.Decision == nil {
			return 0, fmt.Errorf("%s has not decided anything yet: the first decision comes with the first measurements", detail.Target.Name)
		}
		return newest(detail.Target.Decision), nil
	}
	now := clock.System.Now()
	if detail.Simulation != nil {
		now = detail.Now.Time
	}
	at, err := parseWhen(f.at, now, -1)
	if err != nil {
		return 0, cli.UsageError{Err: fmt.Errorf("--at: %w", err)}
	}
	// To is excluded, the instant itself is not.
	found, _, _, err := c.Decisions(ctx, detail.Target.Name, client.Query{To: at.Add(time.Millisecond), Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, fmt.Errorf("%s: no decision of %s or before is known", detail.Target.Name, stamp(at))
	}
	// Of a run that goes on after the instant its first is the nearest known.
	if found[0].Until.After(at) {
		return found[0].ID, nil
	}
	return newest(&found[0]), nil
}

// newest is the ID of the newest decision of a run.
func newest(d *client.Decision) int64 { return max(d.ID, d.Newest) }

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
