package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/load"
)

// loadFlags are the flags of flyball load.
type loadFlags struct {
	workload    cli.WorkloadFlags
	url         string
	method      string
	headers     []string
	body        string
	timeout     time.Duration
	threshold   time.Duration
	seed        uint64
	maxInFlight int
	json        bool
	pods        podFlags
}

// podFlags name pods that requests are sent to, through the API server.
type podFlags struct {
	place placeFlags
	port  int
}

func (f *podFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.place.deployment, "deployment", "", "send to the ready pods of a Deployment through the API server (port-forward), or `KIND/NAME`; --url is then a path")
	flags.IntVar(&f.port, "port", 8080, "with --deployment: port of the pods")
	f.place.addCluster(flags)
}

// forward is the address of the pods.
func (f *podFlags) forward(ctx context.Context) (string, error) {
	cluster, err := kubernetes.Open(f.place.access)
	if err != nil {
		return "", cli.UsageError{Err: err}
	}
	ref := f.place.ref(cluster)
	if err := isThere(ctx, cluster, ref); err != nil {
		return "", err
	}
	address, err := cluster.Spread(ctx, ref, f.port)
	if errors.Is(err, kubernetes.ErrNoPort) {
		err = cli.UsageError{Err: fmt.Errorf("--port: %w", err)}
	}
	return address, err
}

func newLoadCommand() *cobra.Command {
	f := &loadFlags{}
	cmd := &cobra.Command{
		Use:   "load {--url URL | --deployment NAME} [--rps 50 | --ramp-… | --shape NAME | --trace FILE]",
		Short: "Send HTTP requests at a set rate and measure the answers",
		Long: `Send HTTP requests at the rate of a workload, whether or not earlier ones were
answered (an open loop), and measure each from the instant it was meant to be
sent: a service that stalls cannot hide it. See docs/load.md.

Shapes take an hour and reach about 100 requests/s:
` + cli.ListShapes(),
		Example: `  flyball load --url http://127.0.0.1:8080/ --rps 50 --duration 30s --threshold 500ms
  flyball load --url http://127.0.0.1:8080/ --ramp-start 10 --ramp-end 200 --ramp-duration 1m --hold 2m
  flyball load --url http://127.0.0.1:8080/ --shape diurnal-flash --speed 20 --peak-rps 300
  flyball load --url http://127.0.0.1:8080/ --trace nasa.csv --window 12d:13d --speed 480 --peak-rps 200
  flyball load --deployment web -n shop --port 8080 --ramp-start 10 --ramp-end 150 --ramp-duration 2m --hold 3m`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	for _, sub := range []*cobra.Command{newLoadInferenceCommand()} {
		refuseArguments(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (f *loadFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.url, "url", "", "where to send the requests, http or https (required without --deployment)")
	f.workload.Add(flags)
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the arrivals: the same seed sends at the same instants")
	flags.StringVar(&f.method, "method", "", "HTTP method (default GET, with a body POST)")
	flags.StringArrayVar(&f.headers, "header", nil, "header as `NAME:VALUE`; may be given several times")
	flags.StringVar(&f.body, "body", "", "request body; @FILE sends the content of a file")
	cli.DurationVar(flags, &f.timeout, "timeout", load.DefaultTimeout, "how long to wait for the whole answer")
	cli.DurationVar(flags, &f.threshold, "threshold", 0, "latency above which a request is a violation (default none)")
	flags.IntVar(&f.maxInFlight, "max-in-flight", load.DefaultMaxInFlight, "requests under way at once; those due beyond it are dropped and counted as failed")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	f.pods.add(cmd)
}

func (f *loadFlags) run(cmd *cobra.Command) error {
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	if err := f.toPods(ctx); err != nil {
		return err
	}
	options, title, err := f.options()
	if err != nil {
		return err
	}
	if err := load.Reach(ctx, f.url); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", f.url, title)
	progress := cli.NewProgress(os.Stderr)
	end := options.Shape.Duration()
	options.OnProgress = func(s load.Snapshot) { progress.Show(s.Elapsed, s.Line(end)) }
	result, err := load.Run(ctx, options)
	progress.Done()
	if err != nil {
		return err
	}
	return printLoad(cmd.OutOrStdout(), result, f.json)
}

// toPods makes the URL that of a Deployment's pods, where one is named.
func (f *loadFlags) toPods(ctx context.Context) error {
	if f.pods.place.deployment == "" {
		return nil
	}
	if f.url != "" && !strings.HasPrefix(f.url, "/") {
		return cli.UsageError{Err: fmt.Errorf("--url: with --deployment it is a path that begins with /, got %q", f.url)}
	}
	address, err := f.pods.forward(ctx)
	f.url = "http://" + address + f.url
	return err
}

// options turns the flags into options, and into a title for people. Its
// errors are usage errors.
func (f *loadFlags) options() (load.Options, string, error) {
	request, err := f.request()
	if err != nil {
		return load.Options{}, "", cli.UsageError{Err: err}
	}
	plan, err := f.workload.Plan()
	if err != nil {
		return load.Options{}, "", err
	}
	options := load.Options{
		URL:         f.url,
		Requests:    []load.Request{request},
		Shape:       plan.Shape,
		Arrivals:    plan.Arrivals,
		Seed:        f.seed,
		Timeout:     f.timeout,
		Threshold:   f.threshold,
		MaxInFlight: f.maxInFlight,
	}
	if err := options.Validate(); err != nil {
		return load.Options{}, "", cli.UsageError{Err: err}
	}
	if f.pods.place.deployment != "" {
		options.Transport = spreading(f.maxInFlight)
	}
	return options, plan.String(), nil
}

// spreading has a connection for each request. Pods take turns by connection, and
// ten requests a second of 20 ms would all go by the one that is kept, to one pod.
func spreading(maxInFlight int) http.RoundTripper {
	transport := load.NewTransport(maxInFlight)
	transport.DisableKeepAlives = true
	return transport
}

// request reads the flags about what is sent, and reports those out of range.
func (f *loadFlags) request() (load.Request, error) {
	switch {
	case f.url == "":
		return load.Request{}, errors.New("--url: must be given, such as http://127.0.0.1:8080/, or --deployment")
	case f.timeout <= 0:
		return load.Request{}, fmt.Errorf("--timeout: must be above 0, got %v", f.timeout)
	case f.threshold < 0:
		return load.Request{}, fmt.Errorf("--threshold: must be 0 (none) or more, got %v", f.threshold)
	case f.maxInFlight <= 0:
		return load.Request{}, fmt.Errorf("--max-in-flight: must be above 0, got %d", f.maxInFlight)
	}
	header, err := parseHeaders(f.headers)
	if err != nil {
		return load.Request{}, err
	}
	body, err := readBody(f.body)
	if err != nil {
		return load.Request{}, err
	}
	method := f.method
	if method == "" && len(body) > 0 {
		method = http.MethodPost
	}
	return load.Request{Method: method, Header: header, Body: body}, nil
}

// parseHeaders reads headers of the form NAME:VALUE.
func parseHeaders(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("--header: %q must be NAME:VALUE, such as Accept:text/html", line)
		}
		header.Add(name, value)
	}
	return header, nil
}

// readBody returns text, or the content of the file it names after an @.
func readBody(text string) ([]byte, error) {
	path, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		return []byte(text), nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--body: %w", err)
	}
	return body, nil
}
