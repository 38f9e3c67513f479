package haproxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
)

// certificate writes chain and key for 127.0.0.1 into one file, as HAProxy
// wants them, and returns who signed it.
func certificate(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	wanted := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, wanted, wanted, &key.PublicKey, key)
	must(err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...)
	must(os.WriteFile(file, text, 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func TestTLSAndTheLimitOfAClient(t *testing.T) {
	var pool *x509.CertPool
	p := start(t, 2, func(cfg *haproxy.Config, s *haproxy.Site) {
		s.CertFile, s.RateLimit = filepath.Join(filepath.Dir(cfg.Socket), "site.pem"), 2
		pool = certificate(t, s.CertFile)
	})
	p.must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	seen := map[int]int{}
	for range 30 { // within the first ten seconds 20 are free
		response, err := client.Get("https" + strings.TrimPrefix(p.url, "http"))
		p.must(err)
		response.Body.Close()
		seen[response.StatusCode]++
	}
	if seen[http.StatusOK] != 20 || seen[http.StatusTooManyRequests] != 10 {
		t.Errorf("got %v, want 20 of 200 and 10 of 429", seen)
	}
}
