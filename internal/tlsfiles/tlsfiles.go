// Package tlsfiles serves TLS with a certificate kept in files, and follows
// the files: whoever renews certificates need not restart anything.
package tlsfiles

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// lookEvery is the least time between two looks at the files.
const lookEvery = time.Second

// Certificate is the certificate in two files, as it is at present. Its
// methods may be called from several goroutines.
type Certificate struct {
	certFile, keyFile string
	clk               clock.Clock
	log               *slog.Logger

	mu     sync.Mutex // guards what follows
	looked time.Time
	state  [2]fs.FileInfo // of the files when they were last read
	served *tls.Certificate
}

// Load reads a certificate chain and its key, both in PEM form.
func Load(certFile, keyFile string, clk clock.Clock, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, clk: clk, log: log, looked: clk.Now()}
	state, err := c.stat()
	if err == nil {
		err = c.read()
	}
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	c.state = state
	return c, nil
}

// Config is for an HTTP server with the certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}

// Current is the certificate that is served with now.
func (c *Certificate) Current() (*tls.Certificate, error) { return c.get(nil) }

// get is called at every handshake, and looks at the files when it has not
// done so lately. What cannot be read leaves the certificate as it was.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clk.Now(); now.Sub(c.looked).Abs() >= lookEvery {
		c.looked = now
		c.look()
	}
	return c.served, nil
}

// look reads the files anew when they changed, once for each change: who swaps
// two files does so one after the other, and between the two they do not match.
func (c *Certificate) look() {
	state, err := c.stat()
	if err == nil && same(state, c.state) {
		return
	}
	if err != nil {
		if c.state != [2]fs.FileInfo{} { // else it is told already
			c.warn(err)
		}
		c.state = [2]fs.FileInfo{}
		return
	}
	c.state = state
	if err := c.read(); err != nil {
		c.warn(err)
		return
	}
	c.log.Info("certificate read anew", slog.String("file", c.certFile), slog.Time("valid_until", c.served.Leaf.NotAfter))
}

func (c *Certificate) warn(err error) {
	c.log.Warn("cannot read the new certificate: the old one is served on", slog.String("file", c.certFile), slog.Any("error", err))
}

func (c *Certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.served = &pair
	}
	return err
}

func (c *Certificate) stat() (state [2]fs.FileInfo, err error) {
	if state[0], err = os.Stat(c.certFile); err != nil {
		return state, err
	}
	state[1], err = os.Stat(c.keyFile)
	return state, err
}

func same(a, b [2]fs.FileInfo) bool {
	for i := range a {
		if b[i] == nil || !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
