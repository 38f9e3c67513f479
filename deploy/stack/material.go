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
	"time"
)

// Material is what cannot be rendered: secrets, which are made once and kept,
// and certificates.
type Material struct {
	RedisPassword, Token, PrometheusToken, GrafanaPassword string
	// Certificate and Key are PEM; empty where nothing is encrypted, or Traefik
	// gets them by ACME.
	Certificate, Key []byte
}

// NewMaterial makes secrets, and a certificate where the environment takes one
// that nobody signed.
func NewMaterial(o Options, now time.Time) (Material, error) {
	m := Material{RedisPassword: rand.Text(), Token: rand.Text(), PrometheusToken: rand.Text(), GrafanaPassword: rand.Text()}
	if o.Environment.TLS != SelfSigned || o.ACMEDomain != "" {
		return m, nil
	}
	var err error
	m.Certificate, m.Key, err = selfSigned(o.Name, now)
	return m, err
}

func (m Material) validate(o Options) error {
	if m.RedisPassword == "" || m.Token == "" || m.PrometheusToken == "" || m.GrafanaPassword == "" {
		return fmt.Errorf("stack: secrets must be made before it is rendered")
	}
	if (len(m.Certificate) == 0) != (len(m.Key) == 0) {
		return fmt.Errorf("--tls-cert and --tls-key: name both or none")
	}
	if o.Environment.TLS == NoTLS || len(m.Certificate) > 0 {
		return nil
	}
	if o.ACMEDomain != "" {
		return nil
	}
	return fmt.Errorf("%s serves with TLS: name --tls-cert and --tls-key, or, with --balancer traefik, --acme-domain and --acme-email", o.Environment.Name)
}

// encrypted reports whether users are served with TLS.
func (o Options) encrypted() bool { return o.Environment.TLS != NoTLS }

// given reports whether the stack holds a certificate.
func (m Material) given() bool { return len(m.Certificate) > 0 }

// year is how long a certificate for rehearsals holds.
const year = 365 * 24 * time.Hour

// selfSigned makes a certificate for localhost and for the name of the stack.
func selfSigned(name string, now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	var serial [15]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost", name, "dashboard"},
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
