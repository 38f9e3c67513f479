package prometheus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/prometheus"
)

const (
	password = "s3cret-pass"
	// hash is that of password (bcrypt), as Prometheus wants it.
	hash = "$2b$04$X5rB00pMgZyiVQzLG6.H/eyckL4DVqjQYrofZCXAd8LfXPEAYOWI6"
)

// certificates writes a CA and certificates that it signed into dir: server
// and client, each with its key.
func certificates(t *testing.T, dir string) {
	t.Helper()
	now := clock.System.Now()
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: i == 0, BasicConstraintsValid: true,
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if i == 0 {
			ca, caKey = cert, key
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
		write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Prometheus itself checks the certificate, the name and the password.
func TestMutualTLSAndBasicOfARealServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificates(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("web.yml"), fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s, client_ca_file: %s, client_auth_type: RequireAndVerifyClientCert}\nbasic_auth_users: {flyball: '%s'}\n",
		in("server.crt"), in("server.key"), in("ca.crt"), hash))
	write(t, in("password"), password+"\n")
	s := scraped(t, newExporters(t).URL, "--web.config.file="+in("web.yml"))
	address := "https://" + s.address
	good := func(c *prometheus.Config) {
		c.Basic = &webclient.Basic{Username: "flyball", PasswordFile: in("password")}
		c.TLS = webclient.TLS{CAFile: in("ca.crt"), CertFile: in("client.crt"), KeyFile: in("client.key")}
	}
	const query = `demo_temperature{room="a"}`
	trusted := asking(t, address, query, good)
	if got := until(t, trusted); got.Value != 21.5 {
		t.Errorf("got %+v, want 21.5", got)
	}
	for name, tc := range map[string]struct {
		change func(*prometheus.Config)
		says   string
	}{
		"another password": {func(c *prometheus.Config) {
			good(c)
			c.Basic = &webclient.Basic{Username: "flyball", Password: "not-" + password}
		}, "401: the credentials are missing or not accepted"},
		"no client certificate": {func(c *prometheus.Config) { good(c); c.TLS.CertFile, c.TLS.KeyFile = "", "" }, "/api/v1/query: "},
		"an unknown authority":  {func(c *prometheus.Config) { good(c); c.TLS.CAFile = "" }, "certificate signed by unknown authority"},
		"another name":          {func(c *prometheus.Config) { good(c); c.TLS.ServerName = "prometheus.test" }, "prometheus.test"},
		"no such file":          {func(c *prometheus.Config) { good(c); c.TLS.CAFile = in("none.crt") }, "tls.caFile"},
		"a file without certificate": {func(c *prometheus.Config) {
			good(c)
			c.TLS.CAFile = in("password")
		}, "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			made := asking(t, address, query, tc.change)
			fails(t, made, tc.says)
			if _, err := made.Collect(t.Context()); strings.Contains(err.Error(), password) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
	t.Run("plain HTTP", func(t *testing.T) { fails(t, asking(t, s.url(), query, good), "400") })
	t.Run("a rotated password is used at once", func(t *testing.T) {
		write(t, in("password"), "old")
		fails(t, trusted, "401")
		write(t, in("password"), password)
		if _, err := trusted.Collect(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// gate is a reverse proxy before a real server that lets nobody pass without
// token and tenant, and that tells what it was sent.
func gate(t *testing.T, server string, posts *int) *httptest.Server {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(u)
	g := httptest.NewServer(http.StripPrefix("/prometheus", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			*posts++
		}
		if r.Header.Get("Authorization") != "Bearer "+password || r.Header.Get("X-Scope-OrgID") != "shop" || r.Header.Get("X-Key") != "header-secret" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": "unauthorized",
				"error": fmt.Sprintf("not you: %v", r.Header)})
			return
		}
		behind.ServeHTTP(w, r)
	})))
	t.Cleanup(g.Close)
	return g
}

func TestBearerTenantAndHeaders(t *testing.T) {
	t.Parallel()
	posts := 0
	g := gate(t, scraped(t, newExporters(t).URL).url(), &posts)
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, password+"\n")
	const query = `demo_temperature{room="a"}`
	all := func(c *prometheus.Config) {
		c.BearerTokenFile, c.Tenant, c.Headers = file, "shop", map[string]webclient.Secret{"X-Key": "header-secret"}
	}
	if got := until(t, asking(t, g.URL+"/prometheus/", query, all)); got.Value != 21.5 {
		t.Errorf("got %+v, want 21.5", got)
	}
	t.Run("a long query goes into the body", func(t *testing.T) {
		long := `demo_temperature{room="a",room!~"` + strings.Repeat("x", 3000) + `"}`
		if got := until(t, asking(t, g.URL+"/prometheus", long, all)); got.Value != 21.5 || posts != 2 {
			t.Errorf("got %+v with %d POST, want 21.5 with 2", got, posts)
		}
	})
	t.Run("what comes back of secrets is hidden", func(t *testing.T) {
		other := asking(t, g.URL+"/prometheus", query, func(c *prometheus.Config) { all(c); c.Tenant = "bakery" })
		fails(t, other, "401", "unauthorized: not you", "(hidden)")
		_, err := other.Collect(t.Context())
		for _, secret := range []string{password, "header-secret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells %q: %v", secret, err)
			}
		}
	})
	t.Run("no file, no request", func(t *testing.T) {
		fails(t, asking(t, g.URL, query, func(c *prometheus.Config) { c.BearerTokenFile = file + "x" }), "bearerTokenFile", "no such file")
	})
}
