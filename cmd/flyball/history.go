package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
)

// largestPage is the most lines the instance sends at a time.
const largestPage = 1000

// historyFlags choose a part of what happened, for decisions and events.
type historyFlags struct {
	remoteFlags
	since, until string
	limit        int
	follow       bool
}

func (f *historyFlags) add(cmd *cobra.Command) {
	f.remoteFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "nothing older: a duration such as 1h, or a `TIME`")
	flags.StringVar(&f.until, "until", "", "nothing newer: a duration such as 10m (ago), or a `TIME`")
	flags.IntVar(&f.limit, "limit", 50, "the newest `N` of them; 0: all")
	flags.BoolVar(&f.follow, "follow", false, "go on as they happen, until Ctrl-C; reconnects by itself")
	flags.Lookup("json").Usage = "print JSON lines"
}

// query is what the flags ask for at an instant.
func (f *historyFlags) query(now time.Time) (client.Query, error) {
	q := client.Query{Limit: f.limit}
	if f.limit < 0 {
		return q, cli.UsageError{Err: fmt.Errorf("--limit: must be 0 or more, got %d", f.limit)}
	}
	if f.follow && f.until != "" {
		return q, cli.UsageError{Err: errors.New("--follow and --until exclude each other")}
	}
	var err error
	for _, bound := range []struct {
		flag, text string
		at         *time.Time
	}{{"since", f.since, &q.From}, {"until", f.until, &q.To}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = parseWhen(bound.text, now, -1); err != nil {
			return q, cli.UsageError{Err: fmt.Errorf("--%s: %w", bound.flag, err)}
		}
	}
	return q, nil
}

func newDecisionsCommand() *cobra.Command {
	f := &historyFlags{}
	filter := "all"
	cmd := &cobra.Command{
		Use:   "decisions [TARGET]",
		Short: "What was decided, line by line; --follow as it happens",
		Long: `Lists decisions, the newest last. Decisions in a row that differ only in
their numbers share one line; N says how many. Without TARGET there must be
only one.`,
		Example: `  flyball decisions --since 1h --filter changes
  flyball decisions shop-web --follow
  flyball decisions shop-web --since 18:00 --json | jq .to`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, func(ctx context.Context, c *client.Client) (journal, error) {
				if !slices.Contains([]string{"all", "changes", "held"}, filter) {
					return nil, cli.UsageError{Err: fmt.Errorf("--filter: must be all, changes or held, got %q", filter)}
				}
				name, err := f.target(ctx, c, args)
				return &decisionJournal{client: c, name: name, filter: filter}, err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&filter, "filter", filter, "all, changes (asks for another count) or held (a guard allowed another count than wanted)")
	return cmd
}

func newEventsCommand() *cobra.Command {
	f := &historyFlags{}
	cmd := &cobra.Command{
		Use:   "events [TARGET]",
		Short: "What happened beside decisions: changes, faults, pauses, reloads; --follow as it happens",
		Example: `  flyball events --since 1d
  flyball events shop-web --follow`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, func(_ context.Context, c *client.Client) (journal, error) {
				j := &eventJournal{client: c}
				if len(args) == 1 {
					j.name = client.Named(args[0])
				}
				return j, nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

// run lists what open's journal holds and, with --follow, goes on with it.
func (f *historyFlags) run(cmd *cobra.Command, open func(context.Context, *client.Client) (journal, error)) error {
	q, err := f.query(clock.System.Now())
	if err != nil {
		return err
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	j, err := open(ctx, c)
	if err == nil && (f.since != "" || f.until != "") {
		var now time.Time
		if now, err = timeOf(ctx, c); err == nil {
			q, err = f.query(now)
		}
	}
	if err == nil {
		w := &historyWriter{out: cmd.OutOrStdout(), json: f.json}
		if f.follow {
			err = (&follower{client: c, journal: j, out: w, notes: cmd.ErrOrStderr(), query: q}).run(ctx)
		} else {
			err = w.writeAll(j, func() ([]line, error) { return j.list(ctx, q) })
		}
	}
	return mend(unlessInterrupted(ctx, err))
}

// journal is a log of the instance that can be listed and followed.
type journal interface {
	target() string // "" for all
	header() string
	inOrder() bool // a line is never older than the one before it
	// list returns what is asked for, oldest first.
	list(ctx context.Context, q client.Query) ([]line, error)
	// read returns the line of a message of the stream; false when it is none.
	read(m client.Message) (line, bool, error)
}

// line is one entry of a journal.
type line struct {
	target string
	id     int64
	at     time.Time
	text   string
	raw    json.RawMessage
}

// historyWriter writes lines as a table or as JSON lines.
type historyWriter struct {
	out    io.Writer
	json   bool
	headed bool
}

func (w *historyWriter) writeAll(j journal, list func() ([]line, error)) error {
	lines, err := list()
	if err != nil {
		return err
	}
	w.head(j)
	for _, l := range lines {
		if err := w.write(l); err != nil {
			return err
		}
	}
	return nil
}

func (w *historyWriter) head(j journal) {
	if !w.headed && !w.json {
		fmt.Fprintln(w.out, j.header())
	}
	w.headed = true
}

func (w *historyWriter) write(l line) error {
	text := l.text
	if w.json {
		text = string(l.raw)
	}
	_, err := fmt.Fprintln(w.out, text)
	return err
}

// pages collects a listing that may be longer than one answer, newest first.
// A page may be short, or empty, though there are more.
func pages(limit int, page func(before int64, limit int) ([]line, client.Page, error)) ([]line, error) {
	var all []line
	before := int64(0)
	for {
		size := largestPage
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		lines, answer, err := page(before, size)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
		last := int64(0)
		if len(lines) > 0 {
			last = lines[len(lines)-1].id
		}
		next, err := answer.Next(len(lines), size, last)
		if err != nil {
			return nil, err
		}
		if next <= 0 || (limit > 0 && len(all) >= limit) {
			slices.Reverse(all)
			return all, nil
		}
		if before > 0 && next >= before {
			return nil, fmt.Errorf("the page after the one before %d is said to be the one before %d: the listing has no end", before, next)
		}
		before = next
	}
}
