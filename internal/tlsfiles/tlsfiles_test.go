package tlsfiles_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/tlsfiles"
)

// hand is a clock that is set by hand.
type hand struct {
	clock.Clock
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// pair makes a certificate for 127.0.0.1 under a name, and its key.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: rawKey})
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// swap puts a new file in the place of another, as renewal programs do.
func swap(t *testing.T, file string, data []byte) {
	t.Helper()
	write(t, file+".new", data)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// rig is a server with a certificate in files.
type rig struct {
	t         *testing.T
	cert, key string // files
	clock     *hand
	told      bytes.Buffer
	address   string
}

func serve(t *testing.T, name string) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), clock: &hand{Clock: clock.System, now: time.Now()}}
	cert, key := pair(t, name)
	write(t, r.cert, cert)
	write(t, r.key, key)
	certificate, err := tlsfiles.Load(r.cert, r.key, r.clock, slog.New(slog.NewTextHandler(&r.told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(tls.NewListener(l, certificate.Config())) }) //nolint:errcheck // ErrServerClosed
	t.Cleanup(func() { server.Close(); serving.Wait() })
	return r
}

// served is the name in the certificate that a client is shown.
func (r *rig) served() string {
	r.t.Helper()
	conn, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func (r *rig) serves(want, when string) {
	r.t.Helper()
	if got := r.served(); got != want {
		r.t.Errorf("%s: the certificate of %s is served, want that of %s", when, got, want)
	}
}

func TestARenewedCertificateIsServedWithoutRestart(t *testing.T) {
	r := serve(t, "old")
	r.serves("old", "at first")
	cert, key := pair(t, "new")
	swap(t, r.key, key)
	swap(t, r.cert, cert)
	r.serves("old", "within the second")
	r.clock.pass(time.Second)
	r.serves("new", "a second later")
	if told := r.told.String(); !strings.Contains(told, "certificate read anew") {
		t.Errorf("log %q does not tell", told)
	}
}

// Who writes two files does so one after the other.
func TestHalfARenewalKeepsTheOldCertificate(t *testing.T) {
	r := serve(t, "old")
	cert, key := pair(t, "new")
	swap(t, r.cert, cert)
	for range 5 {
		r.clock.pass(time.Second)
		r.serves("old", "with the key of another certificate")
	}
	if n := strings.Count(r.told.String(), "cannot read"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, r.told.String())
	}
	swap(t, r.key, key)
	r.clock.pass(time.Second)
	r.serves("new", "with both")
}

func TestABrokenCertificateKeepsTheOldOne(t *testing.T) {
	for name, harm := range map[string]func(r *rig){
		"empty": func(r *rig) { write(r.t, r.cert, nil) },
		"noise": func(r *rig) { write(r.t, r.cert, []byte("noise")) },
		"gone": func(r *rig) {
			if err := os.Remove(r.cert); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, "old")
			harm(r)
			for range 3 {
				r.clock.pass(time.Second)
				r.serves("old", "broken")
			}
			if n := strings.Count(r.told.String(), "cannot read"); n != 1 {
				t.Errorf("told %d times, want once:\n%s", n, r.told.String())
			}
			cert, key := pair(t, "new")
			swap(t, r.cert, cert)
			swap(t, r.key, key)
			r.clock.pass(time.Second)
			r.serves("new", "mended")
		})
	}
}

func TestClientsThatVerifyAreServed(t *testing.T) {
	r := serve(t, "old")
	pool := x509.NewCertPool()
	data, err := os.ReadFile(r.cert)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(data)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	answer, err := client.Get("https://" + r.address)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound || answer.ProtoMajor != 2 {
		t.Errorf("status %d over %s, want 404 over HTTP/2", answer.StatusCode, answer.Proto)
	}
	old, err := tls.Dial("tcp", r.address, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11})
	if err == nil {
		old.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

func TestLoadNamesTheFileThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	_, err := tlsfiles.Load(filepath.Join(dir, "no.crt"), filepath.Join(dir, "no.key"), clock.System, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "no.crt") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestManyHandshakesAtOnce(t *testing.T) {
	r := serve(t, "old")
	cert, key := pair(t, "new")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				if name := r.served(); name != "old" && name != "new" {
					t.Errorf("served %q", name)
				}
				r.clock.pass(200 * time.Millisecond)
			}
		})
	}
	swap(t, r.key, key)
	swap(t, r.cert, cert)
	all.Wait()
	r.clock.pass(time.Second)
	r.serves("new", "in the end")
}
