package stack

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

// withACME are the options of a stack whose Traefik gets its certificate by
// itself.
func withACME(orchestrator string, e Environment) Options {
	o := Default(orchestrator, e)
	o.Balancer, o.ACMEDomain, o.ACMEEmail = Traefik, "shop.example.com", "anna@example.com"
	return o
}

// eachServed runs a test for every stack, Traefik's with ACME among them, with
// the material that a new folder has. Production is given its certificate.
func eachServed(t *testing.T, test func(t *testing.T, o Options, m Material)) {
	t.Helper()
	keep := func(o Options, pem ...[]byte) Material {
		m, err := Keep(t.TempDir(), o, pem[0], pem[1], day())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	each(t, func(t *testing.T, o Options) {
		if o.Environment.TLS == GivenTLS {
			test(t, o, keep(o, []byte("c"), []byte("k")))
			return
		}
		test(t, o, keep(o, nil, nil))
	})
	for _, orchestrator := range Orchestrators() {
		for _, e := range Environments() {
			o := withACME(orchestrator, e)
			t.Run("acme "+orchestrator+" "+e.Name, func(t *testing.T) { test(t, o, keep(o, nil, nil)) })
		}
	}
}

// What is published beyond this machine is encrypted, passwords and tokens
// before all, and what is printed is how it is served.
func TestNothingIsPublishedInClear(t *testing.T) {
	eachServed(t, func(t *testing.T, o Options, m Material) {
		files, err := Render(o, m)
		if err != nil {
			t.Fatal(err)
		}
		services := servicesIn(t, files)
		_, dashboard, grafana := o.Pages()
		for name, page := range map[string]string{"dashboard": dashboard, "grafana": grafana} {
			s := services[name]
			text := asText(t, s)
			encrypted := strings.Contains(text, `"--tls-cert","/run/secrets/tls.crt","--tls-key","/run/secrets/tls.key"`) ||
				strings.Contains(text, `"GF_SERVER_CERT_FILE":"/run/secrets/tls.crt","GF_SERVER_CERT_KEY":"/run/secrets/tls.key","GF_SERVER_PROTOCOL":"https"`)
			if mounted := strings.Contains(text, `"source":"tls-crt"`) && strings.Contains(text, `"source":"tls-key"`); encrypted != mounted {
				t.Errorf("%s: encrypts %v, has a certificate %v", name, encrypted, mounted)
			}
			if published := asText(t, s["ports"]); !encrypted && published != "null" && !strings.HasPrefix(published, `["127.0.0.1:`) {
				t.Errorf("%s is published in clear: %s", name, published)
			}
			if strings.HasPrefix(page, "https://localhost:") != encrypted {
				t.Errorf("%s: %s is printed, encrypted is %v", name, page, encrypted)
			}
		}
		for _, f := range files {
			asked := strings.Contains(string(f.Data), "scheme: https")
			if f.Path == "prometheus/prometheus.yml" && asked != o.encrypted() {
				t.Errorf("Prometheus asks the dashboard by https: %v", asked)
			}
		}
	})
}

// Traefik serves users with what it gets by itself, and not with the certificate
// that was made for dashboard and Grafana.
func TestUsersOfACMEGetTraefiksCertificate(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		o := withACME(orchestrator, Environments()[2])
		m, err := Keep(t.TempDir(), o, nil, nil, day())
		if err != nil {
			t.Fatal(err)
		}
		files, err := Render(o, m)
		if err != nil {
			t.Fatal(err)
		}
		text := asText(t, servicesIn(t, files)["balancer"])
		if !strings.Contains(text, `"--acme-email","anna@example.com"`) || strings.Contains(text, "tls-crt") {
			t.Errorf("%s: the balancer: %s", orchestrator, text)
		}
		if document := contentOf(files, "flyball/service.yaml"); !strings.Contains(document, "certResolver: acme") || strings.Contains(document, "certFile") {
			t.Errorf("%s: the document:\n%s", orchestrator, document)
		}
		if service, _, _ := o.Pages(); service != "https://shop.example.com:8080/" {
			t.Errorf("%s: the service is said to be at %s, where Traefik does not answer", orchestrator, service)
		}
		m.Certificate, m.Key = nil, nil
		if _, err := Render(o, m); err == nil || !strings.Contains(err.Error(), "the certificate of dashboard and Grafana must be made") {
			t.Errorf("%s: without it: %v", orchestrator, err)
		}
	}
}

// A certificate that was made here is made anew in its last 30 days, and not
// before; one that was given is whose it is.
func TestOwnCertificatesAreRenewed(t *testing.T) {
	for _, o := range []Options{Default(Compose, Environments()[1]), withACME(Swarm, Environments()[2])} {
		dir := t.TempDir()
		made := wrote(t, dir, o, nil, day())
		for _, tc := range []struct {
			days int
			anew bool
		}{{300, false}, {334, false}, {336, true}, {1000, true}} {
			now := day().AddDate(0, 0, tc.days)
			m, err := Keep(dir, o, nil, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if anew := !bytes.Equal(m.Certificate, made.Certificate); anew != tc.anew || m.RedisPassword != made.RedisPassword {
				t.Errorf("%s, after %d days: made anew %v, want %v", o.Environment.Name, tc.days, anew, tc.anew)
			}
			pair, err := tls.X509KeyPair(m.Certificate, m.Key)
			if err != nil || pair.Leaf.NotAfter.Sub(now) < 29*24*time.Hour {
				t.Errorf("%s, after %d days: %v, until %v", o.Environment.Name, tc.days, err, pair.Leaf.NotAfter)
			}
		}
		given := wrote(t, dir, o, &made, day()) // as if it were an authority's
		if m, err := Keep(dir, o, nil, nil, day().AddDate(0, 0, 360)); err != nil || !bytes.Equal(m.Certificate, given.Certificate) {
			t.Errorf("%s: one that was given is replaced (%v)", o.Environment.Name, err)
		}
	}
}

// One for another name does not serve this one, and users of production get
// none that nobody signed.
func TestOwnCertificatesServeWhereTheyMay(t *testing.T) {
	dir, o := t.TempDir(), withACME(Compose, Environments()[2])
	before := wrote(t, dir, o, nil, day())
	o.ACMEDomain = "web.example.com"
	m, err := Keep(dir, o, nil, nil, day())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(m.Certificate, m.Key)
	if err != nil || bytes.Equal(m.Certificate, before.Certificate) || pair.Leaf.VerifyHostname("web.example.com") != nil {
		t.Errorf("for another name: %v, %v", err, pair.Leaf.DNSNames)
	}
	o.ACMEDomain, o.ACMEEmail = "", ""
	if m, err = Keep(dir, o, nil, nil, day()); err != nil || m.given() {
		t.Errorf("users of production get %q (%v)", m.Certificate, err)
	}
	if _, err := Render(o, m); err == nil || !strings.Contains(err.Error(), "production serves with TLS: name --tls-cert") {
		t.Errorf("production without ACME: %v", err)
	}
}

// wrote keeps a stack's material in a folder, with the certificate of other
// material where there is one.
func wrote(t *testing.T, dir string, o Options, from *Material, now time.Time) Material {
	t.Helper()
	var pem [2][]byte
	if from != nil {
		pem = [2][]byte{from.Certificate, from.Key}
	}
	m, err := Keep(dir, o, pem[0], pem[1], now)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, nil, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func contentOf(files []File, path string) string {
	for _, f := range files {
		if f.Path == path {
			return string(f.Data)
		}
	}
	return ""
}
