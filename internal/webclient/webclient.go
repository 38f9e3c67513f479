// Package webclient is the HTTP client of what measures over the network. It
// shows who it is in every usual way, bounds time and size of an answer, does
// not follow redirects (a token would go along), and keeps secrets out of
// whatever it says.
package webclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
)

// idleTimeout ends connections that nobody uses any more.
const idleTimeout = time.Minute

// ErrSetup is returned when a request could not be sent because of what is
// wrong here: a file that cannot be read, a certificate that is none.
var ErrSetup = errors.New("not sent")

// Options is what a client is given by who builds it.
type Options struct {
	Auth    Auth
	Timeout time.Duration
	// MaxBytes bounds the body of an answer.
	MaxBytes int64
	// Direct goes round any proxy that the environment names.
	Direct bool
	// Client names it among the calls of this process (package calls); "": they are
	// not counted, or by who has it.
	Client string
	// Fresh makes a new connection for each request.
	Fresh bool
}

// Client sends requests. It may be used by several goroutines.
type Client struct {
	opts Options

	mu        sync.Mutex // guards what follows; nobody does I/O under it
	material  material
	transport *http.Transport
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Redact hides the secrets of the request in a text, for what the other
	// side may have sent back.
	Redact func(string) string
}

// New returns a client; it does no I/O.
func New(opts Options) *Client { return &Client{opts: opts} }

// Do sends a request and reads the whole answer. An error says what was asked
// of whom, without query and secrets.
func (c *Client) Do(ctx context.Context, r *http.Request) (Answer, error) {
	request, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	answer, err := c.do(r.WithContext(request))
	if err == nil {
		return answer, nil
	}
	if over := context.Cause(ctx); over != nil {
		err = over // whoever asks had no more time, and knows why
	} else {
		err = c.inWords(err)
	}
	return Answer{}, fmt.Errorf("%s %s: %w", r.Method, Place(r.URL), err)
}

func (c *Client) do(r *http.Request) (Answer, error) {
	secrets, err := c.opts.Auth.apply(r)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrSetup, err)
	}
	transport, err := c.current()
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrSetup, err)
	}
	response, err := calls.Process().Transport(c.opts.Client, transport).RoundTrip(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.opts.MaxBytes+1))
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("answer was cut off after %d bytes: %w", len(body), err)
	case int64(len(body)) > c.opts.MaxBytes:
		return Answer{}, fmt.Errorf("answer has more than the allowed %d bytes", c.opts.MaxBytes)
	}
	return Answer{response.StatusCode, response.Header, body, func(text string) string { return redact(text, secrets) }}, nil
}

// inWords says what an error of the network means.
func (c *Client) inWords(err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout()) {
		return fmt.Errorf("no complete answer within %v: %w", c.opts.Timeout, err)
	}
	return err
}

// current is the transport with the certificates as they are now.
func (c *Client) current() (*http.Transport, error) {
	now, err := c.opts.Auth.TLS.read()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport != nil && c.material.equal(now) {
		return c.transport, nil
	}
	cfg, err := c.opts.Auth.TLS.config(now)
	if err != nil {
		return nil, err
	}
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
	c.material, c.transport = now, &http.Transport{
		TLSClientConfig: cfg, DisableKeepAlives: c.opts.Fresh, IdleConnTimeout: idleTimeout,
		TLSHandshakeTimeout: c.opts.Timeout, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 2,
	}
	if !c.opts.Direct {
		c.transport.Proxy = http.ProxyFromEnvironment
	}
	return c.transport, nil
}

// Close ends the connections that are not in use.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// Place is an address without what may be secret: user, query, fragment.
func Place(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// ParseURL reads the address of a server.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("must be an address such as http://127.0.0.1:9090") // the error would quote a password
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Hostname() == "":
		return nil, errors.New("must begin with http:// or https:// and name a host, for example http://127.0.0.1:9090")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password; use basic")
	case u.Fragment != "":
		return nil, errors.New("must not hold a fragment (#)")
	}
	return u, nil
}
