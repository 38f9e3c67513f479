package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Server is where a Redis is and how it lets in.
type Server struct {
	Network  string // tcp or unix
	Address  string // host:port, or the path of a socket
	Username string // "" unless the server has users
	Password string
	Database int
	// Encrypted asks for TLS. CAFile holds who may have signed the server's
	// certificate, "" those this machine trusts; CertFile and KeyFile are shown
	// to a server that asks who comes.
	Encrypted                 bool
	CAFile, CertFile, KeyFile string
}

// Parse reads an address: redis://[user[:password]@]host[:port][/database],
// rediss:// for TLS, or unix:///path/to/socket[?db=database].
func Parse(address string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil {
		var broken *url.Error
		errors.As(err, &broken)
		return Server{}, broken.Err // without the address: it may hold a password
	}
	s := Server{Network: "tcp", Address: u.Host, Encrypted: u.Scheme == "rediss"}
	if u.User != nil {
		s.Username = u.User.Username()
		s.Password, _ = u.User.Password()
	}
	database := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		if u.Hostname() == "" {
			return Server{}, errors.New("names no host: it is redis://host:port/database")
		}
		if u.Port() == "" {
			s.Address = net.JoinHostPort(u.Hostname(), "6379")
		}
	case "unix":
		s.Network, s.Address, database = "unix", u.Path, u.Query().Get("db")
	default:
		return Server{}, fmt.Errorf("must begin with redis://, rediss:// or unix://, got %q", u.Scheme)
	}
	if database != "" {
		if s.Database, err = strconv.Atoi(database); err != nil || s.Database < 0 {
			return Server{}, fmt.Errorf("the database must be a number from 0 on, got %q", database)
		}
	}
	return s, nil
}

// security is how to encrypt; nil: not at all.
func (s *Server) security() (*tls.Config, error) {
	if !s.Encrypted {
		if s.CAFile != "" || s.CertFile != "" || s.KeyFile != "" {
			return nil, errors.New("certificates are for a server with TLS, whose address begins with rediss://")
		}
		return nil, nil //nolint:nilnil // no encryption is an answer
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	cfg.ServerName, _, _ = net.SplitHostPort(s.Address)
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: holds no certificate in PEM form", s.CAFile)
		}
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		return nil, errors.New("a certificate of our own needs its key, and the key its certificate")
	}
	if s.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
