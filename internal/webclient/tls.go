package webclient

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS says which servers are believed and with which certificate the client
// shows who it is.
type TLS struct {
	CAFile             string `json:"caFile,omitempty" jsonschema:"description=File with the certificates of those who may sign the server's; the system's own when empty"`
	CertFile           string `json:"certFile,omitempty" jsonschema:"description=File with the client's certificate (mTLS)"`
	KeyFile            string `json:"keyFile,omitempty" jsonschema:"description=File with the key of the client's certificate"`
	ServerName         string `json:"serverName,omitempty" jsonschema:"description=Name that the server's certificate must carry; the host of the address when empty"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify,omitempty" jsonschema:"description=Believe any certificate; for tests only"`
}

func (t TLS) validate() error {
	var errs []error
	if (t.CertFile == "") != (t.KeyFile == "") {
		errs = append(errs, errors.New("tls.certFile: certFile and keyFile must be set together"))
	}
	if t.InsecureSkipVerify && t.CAFile != "" {
		errs = append(errs, errors.New("tls.insecureSkipVerify: must not be set beside caFile, which it would make void"))
	}
	return errors.Join(errs...)
}

// material is what the files of a [TLS] hold.
type material struct{ ca, cert, key []byte }

func (m material) equal(other material) bool {
	return bytes.Equal(m.ca, other.ca) && bytes.Equal(m.cert, other.cert) && bytes.Equal(m.key, other.key)
}

func (t TLS) read() (m material, err error) {
	for _, file := range []struct {
		field, path string
		into        *[]byte
	}{{"tls.caFile", t.CAFile, &m.ca}, {"tls.certFile", t.CertFile, &m.cert}, {"tls.keyFile", t.KeyFile, &m.key}} {
		if file.path == "" {
			continue
		}
		if *file.into, err = os.ReadFile(file.path); err != nil {
			return material{}, fmt.Errorf("%s: %w", file.field, err)
		}
	}
	return m, nil
}

func (t TLS) config(m material) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CAFile != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(m.ca) {
			return nil, fmt.Errorf("tls.caFile: %s holds no certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.X509KeyPair(m.cert, m.key)
		if err != nil {
			return nil, fmt.Errorf("tls.certFile: %s with %s: %w", t.CertFile, t.KeyFile, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
