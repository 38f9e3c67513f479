package nginx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
)

var (
	_ balancer.Config  = (*Config)(nil)
	_ balancer.Plane   = (*Plane)(nil)
	_ target.Examiner  = (*Config)(nil)
	_ balancer.Shipped = (*Config)(nil)
)

// Complete takes the threshold from the objective.
func (c *Config) Complete(s balancer.Service) {
	if s.Threshold != 0 && !s.States("threshold") {
		c.Threshold = s.Threshold
	}
}

// Facts says what others must know of nginx. Where it takes requests is said in
// its own configuration.
func (c *Config) Facts() balancer.Facts {
	return balancer.Facts{
		Claims: []string{"writes " + c.Include, "reads the log at " + cmp.Or(c.Log.File, c.Log.Syslog)},
		Window: &c.MetricWindow, Threshold: c.Threshold, Signals: Signals(),
	}
}

// Ship writes a nginx.conf for the version of nginx that is there. Requests on
// workers that leave get as long as those of a replica that ends.
func (c *Config) Ship(ctx context.Context, w io.Writer, listen string, s balancer.Service) error {
	version, err := VersionOf(ctx, c.Program)
	if err != nil {
		return err
	}
	return Render(w, *c, DefaultSite(listen).Draining(s.DrainTimeout), version)
}

// Check looks for the program, which tests every change.
func (c *Config) Check() error {
	if _, err := exec.LookPath(c.Program); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	if _, err := os.Stat(c.ConfigFile); err != nil {
		return fmt.Errorf("%w: %w", errNoConfig, err)
	}
	return nil
}

// errNoConfig is returned where nginx has nothing to be started with.
var errNoConfig = errors.New("configFile")

// Open returns the plane of a service.
func (c *Config) Open(_ context.Context, _ string, o balancer.Options) (balancer.Plane, error) {
	p, err := New(*c, o.Clock, o.Log)
	if err != nil {
		return nil, err // a nil plane in the interface would not be nil
	}
	return p, nil
}

// Examine sees whether nginx runs and would take a change.
func (c *Config) Examine(ctx context.Context) []target.Finding {
	if err := c.Check(); errors.Is(err, errNoConfig) {
		return []target.Finding{{Message: err.Error(), Fix: "write it: flyball balancer-config -f FILE > " + c.ConfigFile + "; or correct configFile in the document"}}
	} else if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "install nginx, or correct program and configFile in the document"}}
	}
	p, err := New(*c, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct balancer.nginx in the document"}}
	}
	var found []target.Finding
	if pid, err := p.master(); err != nil {
		found = append(found, target.Finding{Message: err.Error(), Fix: "start nginx, or correct pidFile in the document"})
	} else {
		found = append(found, target.Finding{Message: fmt.Sprintf("nginx runs (process %d)", pid)})
	}
	if err := p.test(ctx); err != nil {
		return append(found, target.Finding{Message: err.Error(), Fix: "correct " + c.ConfigFile + " (flyball balancer-config writes one)"})
	}
	return append(found, p.included(ctx))
}

// included sees whether the configuration reads the file that is ours.
func (p *Plane) included(ctx context.Context) target.Finding {
	out, err := exec.CommandContext(ctx, p.cfg.Program, "-T", "-q", "-c", p.cfg.ConfigFile).Output()
	switch {
	case err != nil:
		return target.Finding{Message: "nginx -T: " + err.Error(), Fix: "run it by hand to see what is wrong"}
	case !bytes.Contains(out, []byte("log_format flyball ")):
		return target.Finding{Message: p.cfg.ConfigFile + " has no log_format flyball, so nothing is measured", Fix: "add it with an access_log (flyball balancer-config writes both)"}
	case bytes.Contains(out, []byte("# configuration file "+p.cfg.Include+":")):
		return target.Finding{Message: "its configuration includes " + p.cfg.Include}
	}
	if _, err := os.Stat(p.cfg.Include); err != nil {
		return target.Finding{Message: p.cfg.Include + " is not there yet: flyball run writes it"}
	}
	return target.Finding{Message: p.cfg.ConfigFile + " does not include " + p.cfg.Include, Fix: "add within http: include " + p.cfg.Include + ";"}
}
