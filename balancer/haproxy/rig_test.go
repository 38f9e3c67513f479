package haproxy_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

// program is the real HAProxy with the shipped configuration.
type program struct {
	balancertest.Program
	path string
	cfg  haproxy.Config
	file string
}

// start runs HAProxy with so many slots.
func start(t *testing.T, slots int, change func(*haproxy.Config, *haproxy.Site)) *program {
	t.Helper()
	testenv.Long(t)
	listen := balancertest.FreeAddress(t)
	p := &program{Program: balancertest.NewProgram(t, listen), path: testenv.Command(t, "haproxy"), cfg: haproxy.Default()}
	dir, err := os.MkdirTemp("", "hap") // the path of a socket must be short
	p.Must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	site := haproxy.DefaultSite(listen, slots)
	p.cfg.Socket, p.cfg.StateFile = filepath.Join(dir, "s"), filepath.Join(dir, "state")
	p.cfg.PollInterval, p.cfg.Threshold = scale.Duration(100*time.Millisecond), scale.Duration(100*time.Millisecond)
	if change != nil {
		change(&p.cfg, &site)
	}
	p.file = filepath.Join(dir, "haproxy.cfg")
	var text bytes.Buffer
	p.Must(haproxy.Render(&text, p.cfg, site))
	p.Must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.begin()
	return p
}

func (p *program) begin() {
	p.T.Helper()
	p.Start(balancertest.Command(p.path, "-db", "-f", p.file), p.cfg.Socket)
}

// plane is a plane on this HAProxy that runs until the test ends.
func (p *program) plane() *haproxy.Plane { return p.planeWith(p.cfg) }

func (p *program) planeWith(cfg haproxy.Config) *haproxy.Plane {
	plane, _ := p.controllerWith(cfg)
	return plane
}

// controllerWith is a plane that runs until it is told to stop.
func (p *program) controllerWith(cfg haproxy.Config) (*haproxy.Plane, func()) {
	p.T.Helper()
	made, err := haproxy.New(cfg, clock.System, slog.New(slog.DiscardHandler))
	p.Must(err)
	return made, p.Serve(made)
}
