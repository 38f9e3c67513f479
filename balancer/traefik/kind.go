package traefik

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/queueing"
)

var (
	_ balancer.Config = (*Config)(nil)
	_ balancer.Plane  = (*Plane)(nil)
)

// Complete takes the readiness path and the threshold from the rest of the
// document, where its own part is silent.
func (c *Config) Complete(s balancer.Service) {
	if c.Health.Path == "" {
		c.Health.Path = s.ReadinessPath
	}
	if s.Threshold != 0 {
		c.Threshold = s.Threshold
	}
}

// Facts says what others must know. Where requests are taken stands in
// traefik.yml.
func (c *Config) Facts() balancer.Facts {
	return balancer.Facts{Topology: queueing.PowerOfTwo, Window: &c.MetricWindow, Signals: Signals()}
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
