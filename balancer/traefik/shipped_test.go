package traefik_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/scale"
)

// Everything at once: clients speak TLS, plain HTTP is sent there, one client
// may ask only so often, and Traefik fetches its configuration over TLS.
func TestTLSAndTheLimitOfAClient(t *testing.T) {
	var client *http.Client
	redirect := balancertest.FreeAddress(t)
	p := start(t, overHTTP, func(c *traefik.Config, s *traefik.Site) {
		s.CAFile = filepath.Join(filepath.Dir(s.CAFile), "site.pem")
		client = balancertest.TLSClient(t, s.CAFile)
		c.Route.CertFile, c.Route.KeyFile, c.HTTP.CertFile, c.HTTP.KeyFile = s.CAFile, s.CAFile, s.CAFile, s.CAFile
		s.Redirect, c.RateLimit = redirect, 2
	})
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	seen := map[int]int{}
	for range 30 { // a burst of ten times two is free
		code, _ := balancertest.Get(client, "https"+strings.TrimPrefix(p.URL, "http"))
		seen[code]++
	}
	if seen[http.StatusOK] < 20 || seen[http.StatusTooManyRequests] < 5 || len(seen) != 2 {
		t.Errorf("got %v, want 20 or a few more of 200, and 429", seen)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if code, _ := balancertest.Get(client, "http://"+redirect); code != http.StatusMovedPermanently {
		t.Errorf("plain HTTP was answered %d, want 301", code)
	}
	if code, text := p.Get("/"); code == http.StatusOK {
		t.Errorf("the entry point of the route answered plain HTTP: %q", text)
	}
}

// What a document alone makes serves: Traefik shows the token, and is steered
// and measured.
func TestWhatADocumentShipsServes(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a-token-of-16-characters"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, overHTTP, func(c *traefik.Config, s *traefik.Site) { c.HTTP.TokenFile, s.Token = token, "a-token-of-another-day" })
	p.Kill()
	var text bytes.Buffer
	p.Must(p.cfg.Ship(t.Context(), &text, strings.TrimPrefix(p.URL, "http://"), balancer.Service{}))
	p.Must(os.WriteFile(p.file, text.Bytes(), 0o600))
	p.begin()
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Eventually("requests are answered and measured", func() bool {
		_, body := p.Get("/")
		return body == "a" && signals(t, plane)[scale.RequestRate] > 0
	})
}

// Traefik takes the configuration of both challenges and tries to get a
// certificate: from a server that is not there, as there is none to be had.
func TestTraefikAcceptsACME(t *testing.T) {
	for _, challenge := range []string{"tls", "http"} {
		t.Run(challenge, func(t *testing.T) {
			storage := filepath.Join(t.TempDir(), "acme.json")
			p := start(t, overFile, func(c *traefik.Config, s *traefik.Site) {
				c.Route.CertResolver, c.Route.Rule = "letsencrypt", `Host("shop.example.com")`
				s.ACME = traefik.ACME{Email: "ops@example.com", Storage: storage, Challenge: challenge, Server: "https://127.0.0.1:1/directory"}
				s.Redirect = balancertest.FreeAddress(t)
			})
			p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
			p.Eventually("it asks for a certificate", func() bool {
				text, err := os.ReadFile(p.Log)
				return err == nil && bytes.Contains(text, []byte("https://127.0.0.1:1/directory")) && bytes.Contains(text, []byte("shop.example.com"))
			})
		})
	}
}

func TestFaultsAreSaidTogether(t *testing.T) {
	bad := traefik.Config{Service: "a b", File: "app.json", BreakAbove: 2, Route: traefik.Route{Rule: "{{env}}", CertFile: "a", CertResolver: "b"}}
	err := traefik.Render(&bytes.Buffer{}, bad, traefik.Site{Listen: "8080", Redirect: "x", Fetch: "ftp://a", ACME: traefik.ACME{Email: "nobody", Storage: "f"}})
	for _, want := range []string{"service", "file", "breakAbove", "entryPoints", "rule", "certFile", "certResolver", "health.interval", "metrics.url", "metrics.entryPoint",
		"pollInterval", "responseTimeout", "listen", "redirect", "metricsListen", "fetch", "acme", "drainTimeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
}

// Whoever can reach the address could read which machines there are.
func TestOtherMachinesNeedAToken(t *testing.T) {
	for listen, needed := range map[string]bool{"127.0.0.1:9071": false, "[::1]:9071": false, "localhost:9071": false, ":9071": true, "0.0.0.0:9071": true, "10.0.0.1:9071": true} {
		cfg := traefik.Default()
		cfg.HTTP.Listen = listen
		if err := cfg.Validate(); (err != nil) != needed {
			t.Errorf("%s without a token: %v", listen, err)
		}
		cfg.HTTP.TokenFile = "/run/secrets/token"
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s with a token: %v", listen, err)
		}
	}
}

// What the rest of the document says is taken over, and what cannot be where
// the plane is to run is said with its field.
func TestADocumentCompletesIt(t *testing.T) {
	cfg := traefik.Default()
	cfg.Complete(balancer.Service{ReadinessPath: "/ready", Threshold: scale.Duration(time.Second), States: func(string) bool { return false }})
	if cfg.Health.Path != "/ready" || cfg.Threshold != scale.Duration(time.Second) {
		t.Errorf("got %q and %v, want those of the document", cfg.Health.Path, cfg.Threshold)
	}
	*cfg.Facts().Window = scale.Duration(time.Minute)
	if cfg.MetricWindow != scale.Duration(time.Minute) {
		t.Error("the window of the facts is another one")
	}
	cfg.HTTP.TokenFile = filepath.Join(t.TempDir(), "token")
	if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), "http.tokenFile: ") {
		t.Errorf("got %v, want that the token is missing", err)
	}
	cfg.File = filepath.Join(t.TempDir(), "missing", "app.yml")
	if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), "file: ") {
		t.Errorf("got %v, want that the folder is missing", err)
	}
}
