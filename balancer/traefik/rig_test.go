package traefik_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

// program is the real Traefik with the shipped configuration.
type program struct {
	balancertest.Program
	path  string
	dir   string
	cfg   traefik.Config
	file  string
	state string
}

// The two ways to Traefik.
func overHTTP(*traefik.Config, *traefik.Site) {}

func overFile(c *traefik.Config, s *traefik.Site) {
	c.File = filepath.Join(filepath.Dir(s.CAFile), "watched", "app.yml")
}

// start runs Traefik.
func start(t *testing.T, changes ...func(*traefik.Config, *traefik.Site)) *program {
	t.Helper()
	testenv.Long(t)
	listen := balancertest.FreeAddress(t)
	p := &program{Program: balancertest.NewProgram(t, listen), path: testenv.Built(t, "traefik"), dir: t.TempDir(), cfg: traefik.Default()}
	site := traefik.DefaultSite(listen)
	site.MetricsListen, p.cfg.HTTP.Listen = balancertest.FreeAddress(t), balancertest.FreeAddress(t)
	p.cfg.Metrics.URL = "http://" + site.MetricsListen + "/metrics"
	p.cfg.PollInterval, p.cfg.Threshold = scale.Duration(100*time.Millisecond), scale.Duration(100*time.Millisecond)
	p.cfg.Settle = scale.Duration(300 * time.Millisecond)
	site.CAFile = filepath.Join(p.dir, "nobody.pem")
	for _, change := range changes {
		change(&p.cfg, &site)
	}
	if site.CAFile == filepath.Join(p.dir, "nobody.pem") {
		site.CAFile = ""
	}
	p.file, p.state = filepath.Join(p.dir, "traefik.yml"), filepath.Join(p.dir, "state")
	if p.cfg.File != "" {
		p.Must(os.MkdirAll(filepath.Dir(p.cfg.File), 0o755))
	}
	var text bytes.Buffer
	p.Must(traefik.Render(&text, p.cfg, site))
	p.Must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.begin()
	return p
}

func (p *program) begin() {
	p.T.Helper()
	cmd := balancertest.Command(p.path, "--configFile="+p.file)
	cmd.Dir = p.dir
	p.Start(cmd)
}

// plane is a plane on this Traefik that runs until the test ends.
func (p *program) plane() balancer.Plane {
	plane, _ := p.controller()
	return plane
}

// controller is a plane that runs until it is told to stop.
func (p *program) controller() (balancer.Plane, func()) {
	p.T.Helper()
	made, err := p.cfg.Open(p.T.Context(), "test", balancer.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: p.state})
	p.Must(err)
	return made, p.Serve(made)
}

func signals(t *testing.T, plane balancer.Plane) map[string]float64 {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, s := range samples {
		out[s.Signal] = s.Value
	}
	return out
}
