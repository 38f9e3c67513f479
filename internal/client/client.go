// Package client speaks to a running instance over its API, for the commands
// that explain, follow and pause it. Its errors are written for the person at
// the terminal: what is wrong, where, and what to do.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/neterr"
)

// DefaultServer is where flyball run and flyball demo serve unless told
// otherwise.
const DefaultServer = "http://127.0.0.1:7070"

// Errors that callers branch on.
var (
	// ErrNoServer: nothing listens at the address.
	ErrNoServer = errors.New("no server")
	// ErrProtocol: something listens there, but not a Flyball that is
	// understood: another program, or with or without TLS.
	ErrProtocol = errors.New("another protocol")
	// ErrUnauthorized: the token is missing or wrong.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrNotFound: there is no such target or decision.
	ErrNotFound = errors.New("not found")
	// ErrRefused: what was asked for is not allowed or makes no sense.
	ErrRefused = errors.New("refused")
)

// answerTimeout is how long an answer may take; streams take as long as they
// like.
const answerTimeout = 15 * time.Second

// largestAnswer bounds what is read of one answer: a day of points fits.
const largestAnswer = 64 << 20

// Options say which instance is spoken to.
type Options struct {
	// Server is its address; a host:port alone means http.
	Server string
	Token  string
	// CAFile holds the certificates that vouch for the server; empty: the
	// system's.
	CAFile string
	// User is who acts, in words: "cli root@host".
	User string
}

// Client speaks to one instance. Its methods may be called from several
// goroutines.
type Client struct {
	server *url.URL
	opts   Options
	http   *http.Client
}

// New returns a client; nothing is asked yet.
func New(o Options) (*Client, error) {
	server, err := parseServer(o.Server)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // a controller is spoken to directly, whatever the environment says of the web
	if o.CAFile != "" {
		if transport.TLSClientConfig, err = trusting(o.CAFile); err != nil {
			return nil, err
		}
	}
	c := &Client{server: server, opts: o}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// parseServer reads an address as people write it.
func parseServer(text string) (*url.URL, error) {
	if text == "" {
		text = DefaultServer
	}
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	server, err := url.Parse(full)
	if err != nil || server.Host == "" || (server.Scheme != "http" && server.Scheme != "https") {
		return nil, fmt.Errorf("must be an address such as %s, got %q", DefaultServer, text)
	}
	return server, nil
}

func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: holds no certificate in PEM form", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// Server is the address that is spoken to.
func (c *Client) Server() string { return c.server.String() }

// get asks for path and decodes the answer into out.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, out)
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("%s does not answer within %v", c.Server(), answerTimeout))
	defer cancel()
	response, err := c.send(ctx, method, path, query, in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		return nil
	}
	// Not strict: a newer server may say more than this client knows.
	if err := json.NewDecoder(io.LimitReader(response.Body, largestAnswer)).Decode(out); err != nil {
		return fmt.Errorf("%s%s does not answer as Flyball does: %w", c.Server(), path, err)
	}
	return nil
}

// send sends one request and returns the answer if it is a success.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any, header map[string]string) (*http.Response, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	target := c.server.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), &body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.opts.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.opts.Token)
	}
	if c.opts.User != "" {
		request.Header.Set("X-Flyball-User", c.opts.User)
	}
	for key, value := range header {
		request.Header.Set(key, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, c.refusal(response)
}

// explain turns a connection that did not come about into a sentence.
func (c *Client) explain(ctx context.Context, err error) error {
	var unknown x509.UnknownAuthorityError
	var plain tls.RecordHeaderError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case neterr.Refused(err):
		return unreachable("nothing listens at %s: is flyball run or flyball demo running? (--server)", c.Server())
	case errors.As(err, &unknown):
		return misunderstood("the certificate of %s is signed by nobody known here: name the CA with --ca-file or FLYBALL_CA_FILE", c.Server())
	case errors.As(err, &plain), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return misunderstood("%s speaks no TLS: use http://", c.Server())
	case ctx.Err() != nil:
		return unreachable("%v", context.Cause(ctx))
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return unreachable("cannot reach %s: %v (--server)", c.Server(), err)
}

// refusal is the error of an answer that is no success.
func (c *Client) refusal(response *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // the status says enough
	// What Go's TLS server answers to plain HTTP, whose body may be cut off.
	if response.Request.URL.Scheme == "http" && response.StatusCode == http.StatusBadRequest && !response.ProtoAtLeast(1, 1) {
		return misunderstood("%s speaks TLS: use https://", c.Server())
	}
	var fault struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(raw, &fault) != nil || fault.Error == "" {
		fault.Error = fmt.Sprintf("%s answered %s: is it a Flyball? (--server)", c.Server(), response.Status)
	}
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return &said{ErrUnauthorized, fmt.Sprintf("%s wants a token: give --token-file, or set FLYBALL_TOKEN (%s)", c.Server(), fault.Error)}
	case http.StatusNotFound:
		return &said{ErrNotFound, fault.Error}
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusConflict:
		return &said{ErrRefused, fault.Error}
	}
	return errors.New(fault.Error)
}

// unreachable says why nobody was reached.
func unreachable(format string, args ...any) error {
	return &said{ErrNoServer, fmt.Sprintf(format, args...)}
}

// misunderstood says why whoever was reached cannot be talked to.
func misunderstood(format string, args ...any) error {
	return &said{ErrProtocol, fmt.Sprintf(format, args...)}
}

// said is an error in words that need no addition.
type said struct {
	kind error
	text string
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.kind }
