package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
)

// besideFlags say how the balancer that a document names is configured where
// Flyball starts it.
type besideFlags struct {
	documents       documentFlags
	listen, metrics string
	cert, key       string
	rateLimit       int
	drain           time.Duration
	program, dir    string
	acmeEmail       string
	acmeDir         string
}

// newBesideCommand is for the containers of stacks: a balancer of somebody
// else's and the role that looks after it belong together, for the role tests
// its files, signals its processes and reads its log.
func newBesideCommand() *cobra.Command {
	f := &besideFlags{}
	cmd := &cobra.Command{
		Use: "beside -f FILE --listen ADDRESS -- ARGUMENTS...", Hidden: true,
		Short: "Start the balancer that a document names, and flyball with the arguments beside it",
		Long: `Writes the shipped configuration for the nginx, HAProxy or Traefik that is there,
starts it, and flyball with the arguments after -- beside it. When one ends, or
SIGTERM comes, both end: the balancer once its requests have been answered.`,
		Example: `  flyball beside -f /etc/flyball --listen 0.0.0.0:8080 -- run --roles balancer -f /etc/flyball`,
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.documents.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "0.0.0.0:8080", "address that takes the requests")
	flags.StringVar(&f.metrics, "metrics-listen", "", "address on which HAProxy and Traefik show their metrics to Prometheus")
	flags.StringVar(&f.acmeEmail, "acme-email", "", "address that the authority of Traefik's certificate writes to")
	flags.StringVar(&f.acmeDir, "acme-dir", "", "folder for that certificate")
	flags.StringVar(&f.cert, "tls-cert", "", "file of the certificate chain to serve with")
	flags.StringVar(&f.key, "tls-key", "", "file of its key")
	flags.IntVar(&f.rateLimit, "rate-limit", 0, "requests per second of one client's address at nginx and HAProxy; 0 is none")
	flags.DurationVar(&f.drain, "drain-timeout", 30*time.Second, "longest time that requests in progress get to finish when the balancer ends or reloads; at least the target's drainTimeout at nginx")
	flags.StringVar(&f.program, "program", "", "the balancer's program (default its name)")
	flags.StringVar(&f.dir, "dir", "/tmp/flyball", "folder for what the balancer and flyball share; it need not outlive them")
	return cmd
}

// neighbour is a program that runs beside another one.
type neighbour struct {
	name string
	args []string
	// soft asks it to end once its requests have been answered.
	soft os.Signal
	// patience is how long it may take for that.
	patience time.Duration
}

func (f *besideFlags) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.UsageError{Err: errors.New("name what runs beside the balancer after --")}
	}
	specs, err := f.documents.decode(cmd.InOrStdin())
	if err != nil {
		return err
	}
	if len(specs) != 1 {
		return cli.UsageError{Err: fmt.Errorf("-f: must be one document, got %d", len(specs))}
	}
	if err := os.MkdirAll(filepath.Join(f.dir, "tmp"), 0o700); err != nil {
		return err
	}
	front, err := f.front(cmd.Context(), &specs[0])
	if err != nil {
		return err
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	return together(ctx, front, neighbour{own, args, os.Interrupt, softTimeout})
}

// front writes the configuration of the document's balancer.
func (f *besideFlags) front(ctx context.Context, spec *app.Spec) (neighbour, error) {
	switch c := spec.Balancer.(type) {
	case *nginx.Config:
		return f.nginx(ctx, *c, spec.Target.Facts().DrainTimeout)
	case *haproxy.Config:
		return f.haproxy(*c, spec)
	case *traefik.Config:
		return f.traefik(*c)
	}
	return neighbour{}, cli.UsageError{Err: fmt.Errorf("-f: spec.balancer must be nginx, haproxy or traefik, got %T", spec.Balancer)}
}

func (f *besideFlags) nginx(ctx context.Context, c nginx.Config, drain scale.Duration) (neighbour, error) {
	if f.program != "" {
		c.Program = f.program
	}
	version, err := nginx.VersionOf(ctx, c.Program)
	if err != nil {
		return neighbour{}, err
	}
	site := nginx.DefaultSite(f.listen).Draining(max(drain, scale.Duration(f.drain)))
	site.CertFile, site.KeyFile, site.RateLimit, site.TempDir = f.cert, f.key, f.rateLimit, filepath.Join(f.dir, "tmp")
	var text bytes.Buffer
	if err := nginx.Render(&text, c, site, version); err != nil {
		return neighbour{}, err
	}
	if err := errors.Join(os.WriteFile(c.ConfigFile, text.Bytes(), 0o600), nginx.Prepare(c)); err != nil {
		return neighbour{}, err
	}
	return neighbour{c.Program, []string{"-e", "stderr", "-c", c.ConfigFile, "-g", "daemon off;"}, softly("nginx"), endsWithin(site.DrainTimeout)}, nil
}

// twice as many slots as replicas: new ones start before old ones are drained.
const slotsPerReplica = 2

func (f *besideFlags) haproxy(c haproxy.Config, spec *app.Spec) (neighbour, error) {
	site := haproxy.DefaultSite(f.listen, slotsPerReplica*spec.Max)
	site.RateLimit, site.HealthPath, site.DrainTimeout = f.rateLimit, spec.Target.Facts().ReadinessPath, scale.Duration(f.drain)
	if f.cert != "" {
		site.CertFile = filepath.Join(f.dir, "haproxy.pem") // it wants both in one
		if err := concatenate(site.CertFile, f.cert, f.key); err != nil {
			return neighbour{}, err
		}
	}
	var text bytes.Buffer
	if err := haproxy.Render(&text, c, site); err != nil {
		return neighbour{}, err
	}
	if f.metrics != "" {
		fmt.Fprintf(&text, "\nfrontend metrics\n  bind %s\n  http-request use-service prometheus-exporter if { path /metrics }\n", f.metrics)
	}
	file := filepath.Join(f.dir, "haproxy.cfg")
	if err := errors.Join(os.WriteFile(file, text.Bytes(), 0o600), touch(c.StateFile)); err != nil {
		return neighbour{}, err
	}
	return neighbour{cmp.Or(f.program, "haproxy"), []string{"-db", "-f", file}, softly("haproxy"), endsWithin(site.DrainTimeout)}, nil
}

func (f *besideFlags) traefik(c traefik.Config) (neighbour, error) {
	site := traefik.DefaultSite(f.listen)
	site.DrainTimeout = scale.Duration(f.drain)
	if f.metrics != "" {
		site.MetricsListen = f.metrics
	}
	if f.acmeEmail != "" {
		site.ACME.Email, site.ACME.Storage = f.acmeEmail, filepath.Join(f.acmeDir, "acme.json")
	}
	var text bytes.Buffer
	if err := traefik.Render(&text, c, site); err != nil {
		return neighbour{}, err
	}
	file := filepath.Join(f.dir, "traefik.yml")
	return neighbour{cmp.Or(f.program, "traefik"), []string{"--configFile=" + file}, os.Interrupt, endsWithin(site.DrainTimeout)}, os.WriteFile(file, text.Bytes(), 0o600)
}

// touch makes a file that HAProxy wants to be there.
func touch(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func concatenate(to string, from ...string) error {
	var all []byte
	for _, path := range from {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all = append(all, data...)
	}
	return os.WriteFile(to, all, 0o600)
}

// softTimeout is what flyball itself may take to end, and endMargin what a balancer
// may take beyond its requests: less than a stack gives them.
const (
	softTimeout = 35 * time.Second
	endMargin   = 5 * time.Second
)

// endsWithin is how long a balancer may take to end.
func endsWithin(drain scale.Duration) time.Duration { return drain.Std() + endMargin }

// together runs programs until one ends or ctx is done, and then ends them all.
func together(ctx context.Context, programs ...neighbour) error {
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range programs {
		g.Go(func() error {
			cmd := exec.CommandContext(ctx, p.name, p.args...)
			cmd.Stdout, cmd.Stderr, cmd.WaitDelay = os.Stdout, os.Stderr, p.patience
			cmd.Cancel = func() error { return cmd.Process.Signal(p.soft) }
			err := cmd.Run()
			if outer.Err() != nil {
				return nil // as it was told
			}
			return fmt.Errorf("%s ended: %w", strings.Join(append([]string{p.name}, p.args...), " "), orEarly(err))
		})
	}
	return g.Wait()
}

func orEarly(err error) error {
	if err == nil {
		return errors.New("nobody asked it to")
	}
	return err
}
