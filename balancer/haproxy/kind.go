package haproxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
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

// Facts says what others must know of HAProxy. Where it takes requests is said
// in haproxy.cfg.
func (c *Config) Facts() balancer.Facts {
	return balancer.Facts{
		Claims: []string{fmt.Sprintf("sets the servers of backend %s at %s", c.Backend, c.Socket)},
		Window: &c.MetricWindow, Threshold: c.Threshold, Signals: Signals(),
	}
}

// Ship writes a haproxy.cfg with room for twice the replicas: new ones serve
// before old ones are drained.
func (c *Config) Ship(_ context.Context, w io.Writer, listen string, s balancer.Service) error {
	site := DefaultSite(listen, 2*max(1, s.MaxReplicas))
	site.HealthPath = s.ReadinessPath
	return Render(w, *c, site)
}

// Check has nothing to look for: HAProxy may start later.
func (c *Config) Check() error { return nil }

// Open returns the plane of a service.
func (c *Config) Open(_ context.Context, _ string, o balancer.Options) (balancer.Plane, error) {
	p, err := New(*c, o.Clock, o.Log)
	if err != nil {
		return nil, err // a nil plane in the interface would not be nil
	}
	return p, nil
}

// Examine asks HAProxy for the backend, its slots and its counting of latencies.
func (c *Config) Examine(ctx context.Context) []target.Finding {
	const render = " (flyball balancer-config writes one)"
	p, err := New(*c, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct balancer.haproxy in the document"}}
	}
	seen, err := p.look(ctx)
	if err != nil {
		return []target.Finding{{Message: fmt.Sprintf("HAProxy at %s: %v", c.Socket, err), Fix: "start HAProxy with a stats socket of level admin there and the backend " + c.Backend + render}}
	}
	found := []target.Finding{{Message: fmt.Sprintf("HAProxy (process %d) answers at %s: room for %s in %s", seen.pid, c.Socket, scale.Count(len(seen.slots), "replica"), c.Backend)}}
	if len(seen.slots) == 0 {
		found[0].Fix = "give the backend a server-template" + render
	}
	if seen.noHist != nil {
		found = append(found, target.Finding{Message: "HAProxy does not count latencies: " + seen.noHist.Error(),
			Fix: fmt.Sprintf("render haproxy.cfg for the threshold %v", c.Threshold) + render})
	}
	return found
}
