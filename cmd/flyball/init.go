package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/discover"
)

// defaultPrometheus is where a Prometheus listens unless told otherwise.
const defaultPrometheus = "http://127.0.0.1:9090"

// ownerOnly is the mode of the file that is written.
const ownerOnly = 0o600

type initFlags struct {
	output, url, prometheus, command, name, directory, ready string
	port                                                     int
	force                                                    bool
	choose                                                   func(services []discover.Service) (int, error) // on a terminal
}

func newInitCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Find what runs on this machine and write a commented document for it",
		Long: `Looks at the processes that listen on this machine, asks which of them speak
HTTP and whether one is a Prometheus, and writes a document for the service you
choose. It starts, stops and changes nothing. Where nothing is found the
document is for the sample service that comes with Flyball.

Asking means a few GET requests to each listening port that does not belong to
a well-known server of another protocol.`,
		Example: `  flyball init
  flyball init --port 8080 -o shop.yaml
  flyball init --command "./web --port {port}" --port 8080 --ready /healthz`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write, - for standard output (default NAME.yaml)")
	flags.StringVar(&f.url, "url", "", "the service by its `URL` on this machine")
	flags.IntVar(&f.port, "port", 0, "the service by its port, or with --command the port for its users")
	flags.StringVar(&f.prometheus, "prometheus", "", "`URL` of a Prometheus, or none (default: one that listens here)")
	flags.StringVar(&f.command, "command", "", "how a replica is started, instead of what runs; {port} stands for its port")
	flags.StringVar(&f.directory, "directory", "", "working directory of the command")
	flags.StringVar(&f.ready, "ready", "", "`PATH` that answers 200 when a replica can take requests")
	flags.StringVar(&f.name, "name", "", "name of the autoscaler (default: after the program)")
	flags.BoolVar(&f.force, "force", false, "overwrite the file if it is there")
	_ = cmd.RegisterFlagCompletionFunc("output", completeYAML) // the flag is there
	return cmd
}

func (f *initFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return cli.UsageError{Err: err}
	}
	talk := cmd.OutOrStdout()
	if f.output == "-" {
		talk = cmd.ErrOrStderr() // standard output is the document
	}
	if in, ok := cmd.InOrStdin().(*os.File); ok && f.choose == nil && term.IsTerminal(int(in.Fd())) {
		f.choose = func(services []discover.Service) (int, error) { return ask(in, talk, services) }
	}
	d, err := f.document(cmd.Context(), talk)
	if err != nil {
		return err
	}
	text, err := d.YAML()
	if err != nil {
		return err
	}
	if err := proveValid(text); err != nil {
		return fmt.Errorf("what was found does not make a valid document: %w", err)
	}
	if f.output == "-" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	if err := f.write(d.File, text); err != nil {
		return err
	}
	printNext(talk, d)
	return nil
}

func (f *initFlags) check() error {
	if f.port < 0 || f.port > 65535 {
		return fmt.Errorf("--port: must be 1 to 65535, got %d", f.port)
	}
	if f.url != "" && f.port != 0 {
		return errors.New("--url and --port exclude each other")
	}
	if f.url != "" {
		u, err := url.Parse(f.url)
		if err != nil || u.Host == "" {
			return fmt.Errorf("--url: must be a URL such as http://127.0.0.1:8080, got %q", f.url)
		}
		f.port = map[string]int{"http": 80, "https": 443}[u.Scheme]
		if u.Port() != "" {
			f.port, _ = strconv.Atoi(u.Port()) // url.Parse has looked at it
		}
	}
	if f.ready != "" && !strings.HasPrefix(f.ready, "/") {
		return fmt.Errorf("--ready: must start with /, got %q", f.ready)
	}
	if f.command == "" && f.directory != "" {
		return errors.New("--directory: needs --command")
	}
	_, err := splitWords(f.command)
	return err
}

// document makes a document of what is found or was said.
func (f *initFlags) document(ctx context.Context, talk io.Writer) (discover.Document, error) {
	listeners, err := discover.Listeners()
	if err != nil {
		fmt.Fprintf(talk, "%v: name the service with --command and --port\n", err)
	}
	prometheus, err := f.findPrometheus(ctx, listeners)
	if err != nil {
		return discover.Document{}, err
	}
	services := f.candidates(ctx, listeners, prometheus)
	printFound(talk, services, publishedBy(ctx, services), prometheus)
	d, err := f.service(services)
	if err == nil && isPublished(d.Command) {
		d, err = likeContainer(ctx, d)
	}
	if err != nil {
		return d, err
	}
	if f.name != "" {
		d.Name = f.name
	}
	if f.ready != "" {
		d.Ready = f.ready
	}
	if prometheus != nil {
		d.Prometheus = prometheus
		if i := slices.IndexFunc(prometheus.Of(d.Port), func(s discover.Series) bool { return !s.Latency }); i >= 0 {
			d.Rate = &prometheus.Of(d.Port)[i]
		}
	}
	d.File = f.output
	if d.File == "" {
		d.File = d.Name + ".yaml"
	}
	return d, nil
}

// findPrometheus asks the one that was named, else the usual port, else all
// that listen.
func (f *initFlags) findPrometheus(ctx context.Context, listeners []discover.Listener) (*discover.Prometheus, error) {
	if f.prometheus == "none" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if f.prometheus != "" {
		p, err := discover.AskPrometheus(ctx, f.prometheus)
		if err != nil {
			return nil, cli.UsageError{Err: fmt.Errorf("--prometheus: %w", err)}
		}
		return &p, nil
	}
	urls := []string{defaultPrometheus}
	for _, s := range discover.Services(ctx, listeners) {
		if strings.Contains(s.Process.Name, "prometheus") && s.URL() != defaultPrometheus {
			urls = append(urls, s.URL())
		}
	}
	for _, s := range discover.Services(ctx, listeners) {
		if !slices.Contains(urls, s.URL()) {
			urls = append(urls, s.URL())
		}
	}
	for _, u := range urls {
		if p, err := discover.AskPrometheus(ctx, u); err == nil {
			return &p, nil
		}
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// candidates are the services that a document could be about.
func (f *initFlags) candidates(ctx context.Context, listeners []discover.Listener, prometheus *discover.Prometheus) []discover.Service {
	services := slices.DeleteFunc(discover.Services(ctx, listeners), func(s discover.Service) bool {
		return (prometheus != nil && s.URL() == prometheus.URL) || len(s.Process.Command) == 0 || s.Process.PID == os.Getpid()
	})
	return oncePublished(services)
}

// service is the one that flags, the person or the circumstances choose.
func (f *initFlags) service(services []discover.Service) (discover.Document, error) {
	if f.command != "" {
		return f.stated(services), nil
	}
	if f.port != 0 {
		i := slices.IndexFunc(services, func(s discover.Service) bool { return s.Port == f.port })
		if i < 0 {
			return discover.Document{}, cli.UsageError{Err: fmt.Errorf("nothing that speaks HTTP and whose process can be seen listens on port %d; say how it is started with --command", f.port)}
		}
		return found(services[i]), nil
	}
	switch {
	case len(services) == 0:
		return sample(), nil
	case f.choose != nil:
		i, err := f.choose(services)
		if err != nil || i < 0 {
			return sample(), err
		}
		return found(services[i]), nil
	case len(services) == 1:
		return found(services[0]), nil
	}
	var ports []string
	for _, s := range services {
		ports = append(ports, "--port "+strconv.Itoa(s.Port))
	}
	return discover.Document{}, cli.UsageError{Err: fmt.Errorf("several services run here: choose one with %s", strings.Join(ports, " or "))}
}

// stated is a service that the flags describe; one that runs on its port has
// to make room.
func (f *initFlags) stated(services []discover.Service) discover.Document {
	words, _ := splitWords(f.command) // it was checked
	d := discover.Document{Command: words, Dir: f.directory, Port: f.port, From: discover.FromElsewhere, Name: discover.ServiceName(words)}
	if d.Port == 0 {
		d.Port = 8080
	}
	if strings.Contains(f.command, "{port}") {
		d.From = discover.FromArgument
	}
	for _, s := range services {
		if s.Port == d.Port {
			d.PID, d.Unit, d.Ready = s.Process.PID, s.Process.Unit, s.Ready
		}
	}
	return d
}

func found(s discover.Service) discover.Document {
	command, from := s.Portable()
	return discover.Document{
		Name: discover.ServiceName(command), Command: command, Dir: s.Process.Dir, Port: s.Port, Ready: s.Ready, From: from,
		PID: s.Process.PID, Unit: s.Process.Unit,
		Variables: s.Process.Variables(func(name string) bool { _, have := os.LookupEnv(name); return have }),
	}
}

// sample is the service that comes with Flyball.
func sample() discover.Document {
	program, err := os.Executable()
	if err != nil {
		program = "flyball"
	}
	return discover.Document{
		Name: "sample", Sample: true, Command: []string{program, "sample-app"}, Port: 8080, Ready: "/healthz", From: discover.FromEnvironment,
	}
}

// ask lets the person choose; -1 is the sample.
func ask(in io.Reader, out io.Writer, services []discover.Service) (int, error) {
	lines := bufio.NewScanner(in)
	for {
		fmt.Fprintf(out, "Which one is it for? 1 to %d, or 0 for the sample service: ", len(services))
		if !lines.Scan() {
			return 0, errors.Join(errors.New("nothing was chosen and nothing written"), lines.Err())
		}
		if n, err := strconv.Atoi(strings.TrimSpace(lines.Text())); err == nil && n >= 0 && n <= len(services) {
			return n - 1, nil
		}
	}
}

// printFound lists what was found; containers are the names of those that publish
// a port.
func printFound(out io.Writer, services []discover.Service, containers map[int]string, prometheus *discover.Prometheus) {
	if len(services) == 0 {
		fmt.Fprintln(out, "No service that speaks HTTP was found on this machine.")
	} else {
		fmt.Fprintln(out, "Services on this machine:")
	}
	for i, s := range services {
		ready := "no usual path says that it is ready"
		if s.Ready != "" {
			ready = "ready at " + oneLine(s.Ready)
		}
		what := fmt.Sprintf("%s (process %d, %s)", fit(oneLine(strings.Join(s.Process.Command, " ")), 60), s.Process.PID, ready)
		if name := containers[s.Port]; isPublished(s.Process.Command) && name != "" {
			what = fmt.Sprintf("container %s (%s)", oneLine(name), ready)
		}
		fmt.Fprintf(out, "  %d  port %-5d  %s\n", i+1, s.Port, what)
	}
	if prometheus == nil {
		fmt.Fprintln(out, "No Prometheus was found; the balancer measures without one (--prometheus URL names it).")
		return
	}
	fmt.Fprintf(out, "Prometheus %s at %s", oneLine(prometheus.Version), oneLine(prometheus.URL))
	if len(prometheus.Series) == 0 {
		fmt.Fprint(out, "; none of its series looks like requests")
	}
	fmt.Fprintln(out)
	for _, s := range prometheus.Series {
		what := "requests"
		if s.Latency {
			what = "latency"
		}
		fmt.Fprintf(out, "  %-8s  %s\n", what, oneLine(s.Query()))
	}
}

func printNext(out io.Writer, d discover.Document) {
	file := oneLine(d.File)
	printLines(out, "", "Wrote "+file+". What comes next:",
		"  1. look through it and edit what is marked EDIT",
		"  2. flyball doctor -f "+file+"   # is everything here that it needs?",
		"  3. flyball plan -f "+file+"     # one decision, nothing applied")
	if stop := d.StopCommand(); stop != "" {
		printLines(out, fmt.Sprintf("  4. %s   # end what holds port %d", oneLine(stop), d.Port),
			"  5. flyball run -f "+file+"   # take the port, start replicas, scale")
		return
	}
	printLines(out, "  4. flyball run -f "+file+"   # start replicas, scale")
}

// proveValid reads the document as flyball run would.
func proveValid(text []byte) error {
	plugins := builtin.New()
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: os.LookupEnv, Stdin: bytes.NewReader(text)}.Load([]string{"-"})
	if err == nil {
		_, err = app.NewSpecs(docs, plugins)
	}
	return err
}

// write never replaces a file that nobody agreed to lose. Only its owner may
// read it: a command line can hold secrets.
func (f *initFlags) write(path string, text []byte) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(filepath.Clean(path), mode, ownerOnly)
	if errors.Is(err, os.ErrExist) {
		return cli.UsageError{Err: fmt.Errorf("%s is there already: choose another with -o, or overwrite it with --force", path)}
	}
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("-o: %w", err)}
	}
	// One that is overwritten keeps its mode otherwise. What is no file has none
	// to change.
	if info, statErr := file.Stat(); statErr == nil && info.Mode().IsRegular() {
		err = file.Chmod(ownerOnly)
	}
	if err == nil {
		_, err = file.Write(text)
	}
	return errors.Join(err, file.Close())
}

// splitWords splits a command at spaces, but not within quotes.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("--command: a quote (%c) is not closed", quote)
	}
	if open || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words, nil
}
