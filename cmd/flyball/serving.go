package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/tlsfiles"
	"github.com/flyball-io/flyball/web"
)

// servingFlags say where API and dashboard are served, and to whom.
type servingFlags struct {
	listen    string
	tokenFile string
	cert, key string
	hosts     []string
	// bare says that metrics and health alone may be served to everybody where
	// there are no tokens: nothing else is then.
	bare bool
}

func (f *servingFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "listen", "127.0.0.1:7070", "address of API and dashboard, or where it is named of the metrics of --roles without dashboard; one that other machines can reach needs --token-file")
	flags.StringVar(&f.tokenFile, "token-file", "", "file of tokens that allow to use the API and the dashboard, one `name: token` a line; read again with the documents")
	flags.StringVar(&f.cert, "tls-cert", "", "file of the certificate chain to serve with; read again when it changes")
	flags.StringVar(&f.key, "tls-key", "", "file of its key")
	flags.StringArrayVar(&f.hosts, "allowed-host", nil, "name under which a reverse proxy on this machine serves a loopback address; may be repeated, not needed with --token-file")
}

// serving is where API and dashboard are served.
type serving struct {
	net.Listener
	tokens []web.Token
	url    string
	// certificate is the one that is served with at present; nil: there is none.
	certificate func() (*tls.Certificate, error)
}

// open reads tokens and certificate and opens the address.
func (f *servingFlags) open(ctx context.Context, log *slog.Logger) (*serving, error) {
	s := &serving{url: "http://"}
	if err := f.check(); err != nil {
		return nil, err
	}
	var err error
	if s.tokens, err = f.tokens(); err != nil {
		return nil, err
	}
	if s.Listener, err = new(net.ListenConfig).Listen(ctx, "tcp", f.listen); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if f.cert != "" {
		certificate, err := tlsfiles.Load(f.cert, f.key, clock.System, log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("--tls-cert, --tls-key: %w", err), s.Close())
		}
		s.Listener, s.url = tls.NewListener(s.Listener, certificate.Config()), "https://"
		s.certificate = certificate.Current
	} else if !isLoopback(f.listen) && !f.exposed() {
		log.Warn("tokens cross the network unencrypted: name --tls-cert and --tls-key, or serve behind a proxy that encrypts")
	}
	s.url += s.Addr().String()
	return s, nil
}

// tokenVariable holds tokens where a file would have the wrong owner, as files
// of the host have in a container: `name: token`, separated by commas.
const tokenVariable = "FLYBALL_TOKENS"

// tokens reads those that let in; none: nobody needs one.
func (f *servingFlags) tokens() ([]web.Token, error) {
	if f.tokenFile == "" {
		list := os.Getenv(tokenVariable)
		if list == "" {
			return nil, nil
		}
		tokens, err := web.ParseTokens(strings.NewReader(strings.ReplaceAll(list, ",", "\n")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tokenVariable, err)
		}
		return tokens, nil
	}
	tokens, err := web.LoadTokens(f.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	return tokens, nil
}

// check refuses what cannot be meant.
func (f *servingFlags) check() error {
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return fmt.Errorf("--listen: must be host:port, got %q", f.listen)
	}
	for _, host := range f.hosts {
		if host == "" || strings.ContainsAny(host, ":/* ") {
			return fmt.Errorf("--allowed-host: must be a name without scheme, port and path such as flyball.example.com, got %q", host)
		}
	}
	if (f.cert == "") != (f.key == "") {
		return errors.New("--tls-cert and --tls-key: name both or none")
	}
	if f.exposed() && !f.bare {
		return fmt.Errorf("--listen: other machines can reach %s: name a --token-file (or set FLYBALL_TOKENS), or use a loopback address (127.0.0.1, ::1 or localhost)", f.listen)
	}
	return nil
}

// exposed reports an address that others can reach, and nothing keeps them out.
func (f *servingFlags) exposed() bool {
	return !isLoopback(f.listen) && f.tokenFile == "" && os.Getenv(tokenVariable) == ""
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// listenLoopback opens an address that only this machine can reach.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("must be host:port, got %q", address)
	}
	if !isLoopback(address) {
		return nil, errors.New("must be a loopback address (127.0.0.1, ::1 or localhost)")
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
