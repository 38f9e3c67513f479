package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app/doctor"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

type doctorFlags struct {
	instance        remoteFlags
	documents       documentFlags
	stateDir        string
	tlsCert, tlsKey string
	namespace       string
	access          kubernetes.Access
}

func newDoctorCommand() *cobra.Command {
	f := &doctorFlags{}
	cmd := &cobra.Command{
		Use:   "doctor [-f FILE...]",
		Short: "Check everything that the documents need, each ok or with the fix",
		Long: `Checks documents, programs, ports, clusters, sources, certificates, clocks, the
state folder and the API, and says in a line each how to mend what is missing.
It starts and changes nothing. docs/troubleshooting.md explains every check.

The exit status is 1 when something must be mended.`,
		Example: `  flyball doctor -f shop.yaml
  flyball doctor -f documents/ --json
  flyball doctor --context staging --namespace shop`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.instance.add(cmd)
	f.documents.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.stateDir, "state-dir", "", "folder that flyball run was or will be given (default "+defaultStateDir("$XDG_STATE_HOME")+")")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "`FILE` that flyball run is given")
	flags.StringVar(&f.tlsKey, "tls-key", "", "`FILE` that flyball run is given")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Kubernetes, where the document does not say: namespace (default that of the context)")
	addAccess(flags, &f.access, "Kubernetes, where the document does not say: ")
	cmd.ValidArgsFunction = nil
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	c, err := f.instance.client()
	if err != nil {
		return err
	}
	if f.stateDir == "" {
		f.stateDir = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	o := doctor.Options{
		Files: f.documents.files, StateDir: f.stateDir, Record: filepath.Join(f.stateDir, recordFile),
		API: c, Listen: ownAddress(c), TLSCert: f.tlsCert, TLSKey: f.tlsKey, Clock: clock.System,
		Cluster: f.access, Namespace: f.namespace,
	}
	if o.Stdin, err = f.documents.readStdin(cmd.InOrStdin()); err != nil {
		return cli.UsageError{Err: err}
	}
	results := doctor.Examine(cmd.Context(), o)
	if f.instance.json {
		err = writeJSON(cmd.OutOrStdout(), struct {
			OK     bool            `json:"ok"`
			Checks []doctor.Result `json:"checks"`
		}{!doctor.Failed(results), results})
	} else {
		printResults(cmd.OutOrStdout(), results)
	}
	if err == nil && doctor.Failed(results) {
		err = errors.New("something must be mended; docs/troubleshooting.md has an entry for each check")
	}
	return err
}

// ownAddress is where an instance on this machine would serve; "" when the
// address is another machine's.
func ownAddress(c *client.Client) string {
	u, err := url.Parse(c.Server())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	return u.Host
}

// printResults prints a line for each check, with what to do in it.
func printResults(out io.Writer, results []doctor.Result) {
	marks := map[doctor.Status]string{doctor.OK: "ok", doctor.Note: "note", doctor.Fail: "FAIL"}
	width := cli.KnownWidth(out) // nothing is broken in a file or a pipe
	for _, r := range results {
		text := oneLine(r.Message)
		if r.Target != "" {
			text = r.Target + ": " + text
		}
		if r.Fix != "" {
			text += ": " + r.Fix
		}
		for i, line := range cli.Wrap(text, max(0, width-21), 0) {
			if i == 0 {
				line = fmt.Sprintf("%-4s  %-13s  %s", marks[r.Status], r.Check, line)
			} else {
				line = strings.Repeat(" ", 21) + line
			}
			fmt.Fprintln(out, line)
		}
	}
}
