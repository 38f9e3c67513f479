//go:build linux

package nginx_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/scale"
)

// A changed document is taken over under load, and what only a restart can
// change is refused with its name, nothing of it taken over.
func TestAChangedConfigurationIsTakenOver(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", balancertest.Echo), balancertest.Replica(t, "b", balancertest.Echo)}))
	cfg := p.cfg
	p.NothingLost(func() {
		for _, keep := range []int{0, 8, 64} {
			cfg.KeepAlive = keep
			p.Reconfigured(plane, &cfg)
			time.Sleep(300 * time.Millisecond)
		}
		cfg.Threshold = scale.Duration(time.Nanosecond) // and now nothing is good
		before := p.reloads()
		p.Reconfigured(plane, &cfg)
		if p.reloads() != before {
			t.Error("nginx was reloaded for what it does not know")
		}
		p.Eventually("requests are slow by the new threshold", func() bool { return signal(t, plane, scale.ViolationRatio) > 0.2 })
	})
	if text, err := os.ReadFile(p.cfg.Include); err != nil || !strings.Contains(string(text), "keepalive 64;") || p.reloads() < 4 {
		t.Errorf("after %d reloads: %v\n%s", p.reloads(), err, text)
	}
	refused := cfg
	refused.Include, refused.KeepAlive = cfg.Include+"2", 1
	p.Refuses(plane, &refused, "balancer.nginx.include: needs a restart of the controller; without one may change: keepAlive, reload, threshold")
	p.Refuses(plane, &haproxy.Config{}, "balancer: must stay balancer.nginx")
	refused.KeepAlive = -1
	p.Refuses(plane, &refused, "keepAlive: must not be negative")
	if text, err := os.ReadFile(p.cfg.Include); err != nil || !strings.Contains(string(text), "keepalive 64;") {
		t.Errorf("a refused configuration was taken over: %v\n%s", err, text)
	}
}

// nginx that cannot take a change goes on with what it has, and so does the
// plane.
func TestAChangeThatNginxRefusesIsTakenBack(t *testing.T) {
	p := start(t, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	whole, err := os.ReadFile(p.cfg.ConfigFile)
	p.Must(err)
	p.Must(os.WriteFile(p.cfg.ConfigFile, append(whole, "nonsense"...), 0o600))
	cfg := p.cfg
	cfg.KeepAlive = 5
	p.Refuses(plane, &cfg, "balancer.nginx.keepAlive: nginx -t: ")
	p.Must(os.WriteFile(p.cfg.ConfigFile, whole, 0o600))
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "b", nil)}))
	text, err := os.ReadFile(p.cfg.Include)
	if err != nil || strings.Contains(string(text), "keepalive 5;") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, body := p.Get("/"); body != "b" {
		t.Errorf("answered %q, want b", body)
	}
}

func signal(t *testing.T, plane balancer.Plane, name string) float64 {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if s.Signal == name && s.Replica == "" {
			return s.Value
		}
	}
	return 0
}
