package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Material is what cannot be rendered: secrets, which are made once and kept,
// and certificates.
type Material struct {
	RedisPassword, Token, PrometheusToken, GrafanaPassword string
	// Certificate and Key are PEM; empty where nothing is encrypted. Beside
	// Traefik's own, which it gets by ACME, they are the dashboard's and Grafana's.
	Certificate, Key []byte
	// Made says that they were made here, and are made anew in time.
	Made bool
}

// NewMaterial makes secrets, and a certificate where one that nobody signed may
// serve.
func NewMaterial(o Options, now time.Time) (Material, error) {
	m := Material{RedisPassword: rand.Text(), Token: rand.Text(), PrometheusToken: rand.Text(), GrafanaPassword: rand.Text()}
	if !o.makesCertificate() {
		return m, nil
	}
	var err error
	m.Certificate, m.Key, err = selfSigned(o.Name, o.hosts(), now)
	m.Made = err == nil
	return m, err
}

// makesCertificate reports whether one that nobody signed may serve: users of a
// rehearsal, or, beside Traefik's own, those of dashboard and Grafana alone.
func (o Options) makesCertificate() bool {
	return o.Environment.TLS == SelfSigned || o.ACMEDomain != ""
}

// hosts are the names of a certificate that is made here.
func (o Options) hosts() []string {
	all := []string{"localhost", o.Name, "dashboard"}
	if o.ACMEDomain != "" {
		all = append(all, o.ACMEDomain)
	}
	return all
}

func (m Material) validate(o Options) error {
	if m.RedisPassword == "" || m.Token == "" || m.PrometheusToken == "" || m.GrafanaPassword == "" {
		return fmt.Errorf("stack: secrets must be made before it is rendered")
	}
	if (len(m.Certificate) == 0) != (len(m.Key) == 0) {
		return fmt.Errorf("--tls-cert and --tls-key: name both or none")
	}
	if !o.encrypted() || m.given() {
		return nil
	}
	if o.ACMEDomain != "" {
		return fmt.Errorf("stack: the certificate of dashboard and Grafana must be made before it is rendered")
	}
	return fmt.Errorf("%s serves with TLS: name --tls-cert and --tls-key, or, with --balancer traefik, --acme-domain and --acme-email", o.Environment.Name)
}

// encrypted reports whether what is published is served with TLS.
func (o Options) encrypted() bool { return o.Environment.TLS != NoTLS || o.ACMEDomain != "" }

// given reports whether the stack holds a certificate.
func (m Material) given() bool { return len(m.Certificate) > 0 }

// A certificate that is made here holds for a year, and is made anew by the
// first deployment of its last 30 days.
const (
	year       = 365 * 24 * time.Hour
	renewAhead = 30 * 24 * time.Hour
)

// outlived reports whether a certificate that was made here is to be made anew:
// it ends soon, or lacks a name.
func (m Material) outlived(hosts []string, now time.Time) bool {
	block, _ := pem.Decode(m.Certificate)
	if block == nil {
		return true
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || leaf.NotAfter.Before(now.Add(renewAhead)) {
		return true
	}
	return slices.ContainsFunc(hosts, func(host string) bool { return leaf.VerifyHostname(host) != nil })
}

// selfSigned makes a certificate for the hosts.
func selfSigned(name string, hosts []string, now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	var serial [15]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: pkix.Name{CommonName: name}, DNSNames: hosts,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(year), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

// digest is the SHA-256 of a secret, which is random enough to need no salt.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
