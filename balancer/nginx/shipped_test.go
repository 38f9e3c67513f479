//go:build linux

package nginx_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/internal/testenv"
)

func TestTheLimitOfAClient(t *testing.T) {
	p := start(t, func(_ *nginx.Config, s *nginx.Site) { s.RateLimit = 2 })
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	seen := map[int]int{}
	for range 40 { // 20 may come in a burst, and 2 each second
		code, _ := p.Get("/")
		seen[code]++
	}
	if seen[200] < 20 || seen[200] > 25 || seen[429] != 40-seen[200] {
		t.Errorf("got %v, want about 21 of 200 and the rest 429", seen)
	}
}

// nginx itself takes what is shipped, with everything on and everything off.
func TestNginxAcceptsWhatIsShipped(t *testing.T) {
	testenv.Long(t)
	program := testenv.Command(t, "nginx")
	for _, tc := range []struct {
		name   string
		change func(dir string, c *nginx.Config, s *nginx.Site)
	}{
		{"as it is", func(string, *nginx.Config, *nginx.Site) {}},
		{"everything", func(dir string, c *nginx.Config, s *nginx.Site) {
			s.CertFile, s.KeyFile, s.RateLimit, c.Status = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.pem"), 100, "http://127.0.0.1:18081/stub"
			balancertest.TLSClient(t, s.CertFile)
		}},
		{"a file as log", func(dir string, c *nginx.Config, _ *nginx.Site) {
			c.Log = nginx.Log{File: filepath.Join(dir, "access.log")}
		}},
		{"a socket as log", func(dir string, c *nginx.Config, _ *nginx.Site) {
			c.Log, c.KeepAlive = nginx.Log{Syslog: filepath.Join(dir, "log")}, 0
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, cfg := t.TempDir(), nginx.Default()
			cfg.ConfigFile, cfg.PIDFile, cfg.Include = filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "pid"), filepath.Join(dir, "upstream.conf")
			site := nginx.DefaultSite(":18080") // everywhere
			site.TempDir = dir
			tc.change(dir, &cfg, &site)
			var text bytes.Buffer
			if err := nginx.Render(&text, cfg, site, nginx.Version{1, 22, 1}); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(cfg.ConfigFile, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := nginx.Prepare(cfg); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "-t", "-q", "-c", cfg.ConfigFile).CombinedOutput(); err != nil {
				t.Errorf("%v: %s\n%s", err, out, text.String())
			}
		})
	}
}

// Connections of clients are kept only by a version whose reload spares them.
func TestClientsAreKeptOnlyWhereAReloadSparesThem(t *testing.T) {
	for _, tc := range []struct {
		version nginx.Version
		keeps   bool
	}{{nginx.Version{1, 22, 1}, false}, {nginx.Version{1, 27, 3}, false}, {nginx.Version{1, 27, 4}, true}, {nginx.Version{1, 28, 0}, true}, {nginx.Version{2, 0, 0}, true}} {
		var text bytes.Buffer
		if err := nginx.Render(&text, nginx.Default(), nginx.DefaultSite(":80"), tc.version); err != nil {
			t.Fatal(err)
		}
		off := strings.Contains(text.String(), "keepalive_timeout 0;")
		if off == tc.keeps || strings.Contains(text.String(), "keepalive_min_timeout") != tc.keeps {
			t.Errorf("%v: connections end %v, want %v", tc.version, off, !tc.keeps)
		}
	}
}

func TestFaultsAreSaidTogether(t *testing.T) {
	err := nginx.Render(&bytes.Buffer{}, nginx.Config{Include: "a b", Upstream: "a;b"}, nginx.Site{Listen: "8080", ErrorLog: "a;"}, nginx.Version{})
	for _, want := range []string{"program", "include", "upstream", "metricWindow", "log", "listen", "errorLog", "responseTimeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
}
