package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// remoteFlags say which running instance a command speaks to.
type remoteFlags struct {
	server, token, tokenFile, caFile string
	json                             bool
}

func (f *remoteFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	server := os.Getenv("FLYBALL_SERVER")
	if server == "" {
		server = client.DefaultServer
	}
	flags.StringVar(&f.server, "server", server, "`URL` of the running instance; also FLYBALL_SERVER")
	flags.StringVar(&f.token, "token", "", "token of the instance; better FLYBALL_TOKEN or --token-file, which other users cannot see")
	flags.StringVar(&f.tokenFile, "token-file", "", "`FILE` that holds the token")
	flags.StringVar(&f.caFile, "ca-file", os.Getenv("FLYBALL_CA_FILE"), "`FILE` with the certificate that vouches for the instance (PEM); also FLYBALL_CA_FILE")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	cmd.ValidArgsFunction = f.completeTargets
}

// client returns a client as the flags say.
func (f *remoteFlags) client() (*client.Client, error) {
	token, err := f.readToken()
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	c, err := client.New(client.Options{Server: f.server, Token: token, CAFile: f.caFile, User: whoActs()})
	if err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("--server, --ca-file: %w", err)}
	}
	return c, nil
}

func (f *remoteFlags) readToken() (string, error) {
	if f.token != "" && f.tokenFile != "" {
		return "", errors.New("--token and --token-file exclude each other")
	}
	if f.tokenFile == "" {
		if f.token != "" {
			return f.token, nil
		}
		return os.Getenv("FLYBALL_TOKEN"), nil
	}
	data, err := os.ReadFile(f.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	// The server's own file may be named: its first line is "name: token".
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if _, token, named := strings.Cut(line, ":"); named {
		line = token
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("--token-file: %s holds no token", f.tokenFile)
	}
	return line, nil
}

// whoActs names the person at the terminal for the log of the instance.
func whoActs() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return "cli " + name
	}
	return "cli " + name + "@" + host
}

// target is the one that args name, or the only one there is.
func (f *remoteFlags) target(ctx context.Context, c *client.Client, args []string) (string, error) {
	if len(args) == 1 {
		return client.Named(args[0]), nil
	}
	overview, err := c.Targets(ctx)
	if err != nil {
		return "", err
	}
	switch len(overview.Targets) {
	case 0:
		return "", fmt.Errorf("%s runs no target; where a document or a label was left out flyball events and its log say why", c.Server())
	case 1:
		return overview.Targets[0].Name, nil
	}
	return "", cli.UsageError{Err: fmt.Errorf("name one of the targets: %s", strings.Join(names(overview.Targets), ", "))}
}

func names(targets []client.Target) []string {
	all := make([]string, len(targets))
	for i := range targets {
		all[i] = targets[i].Name
	}
	return all
}

// mend makes an error that the user can mend by another command line one of
// usage.
func mend(err error) error {
	if errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrRefused) {
		return cli.UsageError{Err: err}
	}
	return err
}

// completeTimeout is how long a shell waits for the names of targets.
const completeTimeout = 2 * time.Second

// completeTargets asks the running instance.
func (f *remoteFlags) completeTargets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := f.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	overview, err := c.Targets(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names(overview.Targets), cobra.ShellCompDirectiveNoFileComp
}

// atMost refuses more than n arguments in a sentence.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return cli.UsageError{Err: fmt.Errorf("%s takes at most %s, got %q; see flyball %s --help", cmd.Name(), scale.Count(n, "argument"), strings.Join(args, " "), cmd.Name())}
	}
}

// timeOf is the time that holds for an instance: its own where it simulates,
// else that of this machine.
func timeOf(ctx context.Context, c *client.Client) (time.Time, error) {
	overview, err := c.Targets(ctx)
	if err == nil && overview.Simulation != nil {
		return overview.Now.Time, nil
	}
	return clock.System.Now(), err
}

// parseWhen reads an instant: a time in RFC 3339, a time of day, or a duration
// before now (after, in direction 1).
func parseWhen(text string, now time.Time, direction time.Duration) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.ParseInLocation(layout, text, now.Location())
		if err != nil {
			continue
		}
		t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if direction > 0 && !t.After(now) {
			t = t.AddDate(0, 0, 1)
		} else if direction < 0 && t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	if d, err := scale.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(direction * d.Std()), nil
	}
	return time.Time{}, fmt.Errorf("must be a duration such as 1h, a time of day such as 18:00 or a time such as %s, got %q", now.UTC().Format(time.RFC3339), text)
}

// stamp is an instant as tables show it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// shortStamp leaves the date out where it is today's.
func shortStamp(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// age is how long ago t was, short.
func age(now, t time.Time) string { return span(now.Sub(t)) }

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return scale.Duration(d.Truncate(time.Second)).String()
	case d < 48*time.Hour:
		return scale.Duration(d.Truncate(time.Minute)).String()
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// completeYAML completes the names of documents.
func completeYAML(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// oneLine keeps words of others from breaking a table or moving the terminal.
func oneLine(text string) string { return cli.OneLine(text) }

// printLines writes lines that end with a newline each.
func printLines(w io.Writer, lines ...string) {
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}
