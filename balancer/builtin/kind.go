package builtin

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/queueing"
)

var _ balancer.Config = (*Config)(nil)

// Complete takes the port, the readiness path and the threshold from the rest
// of the document, where its own part is silent.
func (c *Config) Complete(s balancer.Service) {
	if s.Port != 0 && !s.States("listen") {
		c.Listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	}
	if c.Health.Path == "" {
		c.Health.Path = s.ReadinessPath
	}
	if s.Threshold != 0 {
		c.Threshold = s.Threshold
	}
}

// Facts says what others must know of the proxy.
func (c *Config) Facts() balancer.Facts {
	f := balancer.Facts{Listen: c.Listen, Holds: true, Window: &c.MetricWindow, Threshold: c.Threshold, Signals: c.signals()}
	if c.Algorithm == PowerOfTwo {
		f.Topology = queueing.PowerOfTwo
	}
	return f
}

// Check reads the certificate.
func (c *Config) Check() error {
	if c.TLS == nil {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// Open returns the proxy within this process.
func (c *Config) Open(ctx context.Context, _ string, o balancer.Options) (balancer.Plane, error) {
	p, err := OpenLocal(ctx, *c, o.Clock, o.Log)
	if err != nil {
		return nil, err // a nil proxy in the interface would not be nil
	}
	return p, nil
}
