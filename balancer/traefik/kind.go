package traefik

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/target"
)

var (
	_ balancer.Config  = (*Config)(nil)
	_ balancer.Plane   = (*Plane)(nil)
	_ target.Examiner  = (*Config)(nil)
	_ balancer.Shipped = (*Config)(nil)
)

// Complete takes the readiness path and the threshold from the rest of the
// document, where its own part is silent.
func (c *Config) Complete(s balancer.Service) {
	if c.Health.Path == "" {
		c.Health.Path = s.ReadinessPath
	}
	if s.Threshold != 0 && !s.States("threshold") {
		c.Threshold = s.Threshold
	}
}

// Facts says what others must know. Where requests are taken stands in
// traefik.yml.
func (c *Config) Facts() balancer.Facts {
	claim := "serves the configuration of Traefik at " + c.HTTP.Listen
	if c.File != "" {
		claim = "writes " + c.File
	}
	return balancer.Facts{
		Claims: []string{claim, "is service " + c.Service + " of the Traefik at " + c.Metrics.URL}, Topology: queueing.PowerOfTwo,
		Window: &c.MetricWindow, Threshold: c.Threshold, Signals: Signals(),
	}
}

// Ship writes a traefik.yml for a Traefik on this machine, with the token that
// it must show in it. A resolver of certificates takes more than a document says.
func (c *Config) Ship(_ context.Context, w io.Writer, listen string, _ balancer.Service) error {
	if c.Route.CertResolver != "" {
		return errors.New("route.certResolver: needs an email address and a file for its keys, which no document has: leave it out, and add certificatesResolvers to what is written (docs/balancers.md)")
	}
	site := DefaultSite(listen)
	u, err := url.Parse(c.Metrics.URL)
	if err != nil {
		return fmt.Errorf("metrics.url: %w", err)
	}
	site.MetricsListen = net.JoinHostPort(listening(u.Hostname()), cmp.Or(u.Port(), "80"))
	if c.File == "" {
		if site.Token, err = c.HTTP.token(); err != nil {
			return err
		}
	}
	return Render(w, *c, site)
}

// listening is where Traefik takes what is asked of it under a name: there,
// where that is an address, or else everywhere.
func listening(host string) string {
	switch {
	case host == "localhost":
		return "127.0.0.1"
	case net.ParseIP(host) != nil:
		return host
	}
	return ""
}

// Check looks for the files. Those of the route are Traefik's, maybe elsewhere.
func (c *Config) Check() error {
	if c.File != "" {
		if _, err := os.ReadDir(filepath.Dir(c.File)); err != nil {
			return fmt.Errorf("file: the folder that Traefik watches must be there: %w", err)
		}
		return nil
	}
	_, err := c.HTTP.token()
	if c.HTTP.CertFile == "" {
		return err
	}
	if _, pair := tls.LoadX509KeyPair(c.HTTP.CertFile, c.HTTP.KeyFile); pair != nil {
		err = errors.Join(err, fmt.Errorf("http.certFile: %w", pair))
	}
	return err
}

// Open takes the address that Traefik fetches from.
func (c *Config) Open(ctx context.Context, name string, o balancer.Options) (balancer.Plane, error) {
	p, err := New(*c, o.Clock, o.Log)
	if err != nil {
		return nil, err
	}
	if c.File != "" {
		return p, nil
	}
	if o.StateDir != "" {
		p.stateFile = filepath.Join(o.StateDir, "traefik-"+name+".json")
		if p.body, err = os.ReadFile(p.stateFile); errors.Is(err, os.ErrNotExist) {
			p.body, err = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("what was served to Traefik before: %w", err)
		}
	}
	if err := p.listen(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Close gives back the address of a plane that was not run.
func (p *Plane) Close() error {
	if p.provider == nil {
		return nil
	}
	return p.provider.listener.Close()
}

// Examine asks Traefik for its metrics and for what it follows.
func (c *Config) Examine(ctx context.Context) []target.Finding {
	p, err := New(*c, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct balancer.traefik in the document"}}
	}
	defer p.client.Close()
	if _, err := p.readMetrics(ctx); err != nil && !errors.Is(err, errNoConfiguration) {
		return []target.Finding{{Message: fmt.Sprintf("metrics of Traefik: %v", err),
			Fix: "start Traefik with the entry point " + c.Metrics.EntryPoint + " and metrics there; flyball balancer-config writes a traefik.yml"}}
	}
	if _, err := p.followed(ctx); err != nil {
		return []target.Finding{{Message: fmt.Sprintf("Traefik answers at %s and has no configuration of service %s yet: it gets that from flyball run", c.Metrics.URL, c.Service)}}
	}
	return []target.Finding{{Message: fmt.Sprintf("Traefik answers at %s and follows service %s", c.Metrics.URL, c.Service)}}
}
