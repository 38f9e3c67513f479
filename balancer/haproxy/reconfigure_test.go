package haproxy_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/scale"
)

// HAProxy counts for the threshold its configuration was written for: another
// one of the document is refused before that, and taken over after.
func TestAChangedConfigurationIsTakenOver(t *testing.T) {
	var site haproxy.Site
	p := start(t, 4, func(_ *haproxy.Config, s *haproxy.Site) { site = *s })
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", balancertest.Echo), balancertest.Replica(t, "b", balancertest.Echo)}))
	cfg := p.cfg
	p.NothingLost(func() {
		cfg.PollInterval = scale.Duration(50 * time.Millisecond)
		p.Reconfigured(plane, &cfg)
		cfg.Threshold = scale.Duration(300 * time.Millisecond)
		p.Refuses(plane, &cfg, "balancer.haproxy.threshold: HAProxy does not count for 300ms")
		p.Eventually("latency is measured as before", func() bool { return measured(t, plane)[scale.Latency] })
		time.Sleep(time.Second)
	})
	var text bytes.Buffer
	p.Must(haproxy.Render(&text, cfg, site))
	p.Must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.Kill()
	p.begin()
	p.Eventually("it serves again", func() bool { code, _ := p.Get("/"); return code == 200 })
	p.Reconfigured(plane, &cfg)
	p.NothingLost(func() { time.Sleep(time.Second) })
	p.Eventually("it is measured for the new threshold", func() bool { got := measured(t, plane); return got[scale.Latency] && got[scale.ViolationRatio] })
	cfg.Backend = "other"
	p.Refuses(plane, &cfg, "balancer.haproxy.backend: needs a restart of the controller; without one may change: pollInterval, threshold")
}

func measured(t *testing.T, plane balancer.Plane) map[string]bool {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, s := range samples {
		all[s.Signal] = true
	}
	return all
}
