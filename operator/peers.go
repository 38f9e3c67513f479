package operator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// peers are the instances beside this one, as they are reached by TLS. They are
// dialed by the address of a pod, which no certificate names; so what is asked of
// them is the name that this instance's own certificate has, vouched for by the
// system or by what stands in that file: the certificate itself where both have
// the same, and whoever signed it where the file says who.
type peers struct {
	own func() (*tls.Certificate, error)
}

// dial opens a connection to a peer, and no other.
func (p peers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	config, err := p.config()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
}

// config is made for each connection: certificates are replaced.
func (p peers) config() (*tls.Config, error) {
	if p.own == nil {
		return nil, errors.New("this instance has no certificate to know others by")
	}
	own, err := p.own()
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	chain := make([]*x509.Certificate, len(own.Certificate))
	for i, raw := range own.Certificate {
		if chain[i], err = x509.ParseCertificate(raw); err != nil {
			return nil, err
		}
		roots.AddCert(chain[i])
	}
	name := nameOf(chain[0])
	if name == "" {
		return nil, errors.New("the certificate names nobody (subjectAltName)")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: name}, nil
}

// nameOf is a name that a certificate is good for; "" where there is none.
func nameOf(c *x509.Certificate) string {
	for _, name := range c.DNSNames {
		return strings.Replace(name, "*", "flyball", 1)
	}
	for _, ip := range c.IPAddresses {
		return ip.String()
	}
	return ""
}
