package admission

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// material is what the API server is answered with. It is made here, so that
// nothing else must be installed: an authority of our own, known to nobody but
// the configuration of the webhook, and a certificate that it signed.
//
// Both are replaced long before they end. The bundle holds an older authority
// too while what it signed may still be in use by another instance.
type material struct {
	Bundle           []byte // PEM: the authority, and older ones
	AuthorityKey     []byte
	Certificate, Key []byte
}

// How long each holds, and how long before its end it is replaced.
const (
	authorityHolds   = 5 * 365 * 24 * time.Hour
	authorityLeft    = 365 * 24 * time.Hour
	certificateHolds = 90 * 24 * time.Hour
	certificateLeft  = 30 * 24 * time.Hour
	// clocks of machines differ.
	skew = time.Hour
)

// renew returns what is to be used now, and whether that is something new.
func renew(m material, host string, now time.Time) (material, bool, error) {
	authority, authorityKey, err := m.authority()
	fresh := err != nil || authority.NotAfter.Sub(now) < authorityLeft || now.Before(authority.NotBefore)
	if !fresh && m.serves(host, now) == nil {
		return m, false, nil
	}
	if fresh {
		if m, err = newAuthority(m.bundleAt(now), now); err != nil {
			return m, false, err
		}
		if authority, authorityKey, err = m.authority(); err != nil {
			return m, false, err
		}
	}
	m.Certificate, m.Key, err = issue(&x509.Certificate{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, authorityKey, now, certificateHolds)
	return m, true, err
}

// authority is the newest of the bundle.
func (m material) authority() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.X509KeyPair(m.Bundle, m.AuthorityKey)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, nil, errors.New("is no authority of ours")
	}
	return pair.Leaf, key, nil
}

// serves reports why the certificate is not to be used any more.
func (m material) serves(host string, now time.Time) error {
	pair, err := tls.X509KeyPair(m.Certificate, m.Key)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(m.Bundle)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now}); err != nil {
		return err
	}
	if pair.Leaf.NotAfter.Sub(now) < certificateLeft {
		return errors.New("it ends soon")
	}
	return nil
}

// bundleAt is the part of the bundle that still holds.
func (m material) bundleAt(now time.Time) []byte {
	var kept bytes.Buffer
	for rest := m.Bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return kept.Bytes()
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && now.Before(c.NotAfter) {
			_ = pem.Encode(&kept, block) // a buffer takes all
		}
	}
}

func newAuthority(older []byte, now time.Time) (material, error) {
	certificate, key, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "flyball admission"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}, nil, nil, now, authorityHolds)
	return material{Bundle: append(certificate, older...), AuthorityKey: key}, err
}

// issue makes a certificate with a key of its own; without a parent it signs
// itself.
func issue(c, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, now time.Time, holds time.Duration) (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = c, own
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil { //nolint:forbidigo // a serial number must not be guessed
		return nil, nil, err
	}
	c.NotBefore, c.NotAfter = now.Add(-skew), now.Add(holds)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &own.PublicKey, parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}
