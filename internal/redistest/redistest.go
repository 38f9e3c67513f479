// Package redistest runs a real Redis for a test, on this machine alone: by a
// socket or with TLS, and as often killed and started anew as the test likes.
package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
)

// patience is how long a server may take to start.
const patience = 20 * time.Second

// Server is a redis-server that keeps its data in a file over restarts. It ends
// with the test.
type Server struct {
	// Address is where it is to be reached: unix:// or rediss://, without the
	// password.
	Address  string
	Password string
	CAFile   string // of the certificate, where there is TLS

	t    testing.TB
	path string
	args []string
	cmd  *exec.Cmd
}

// Start returns a server that listens on a socket, and wants a password.
func Start(t testing.TB) *Server {
	t.Helper()
	s := prepare(t)
	socket := filepath.Join(s.folder(), "redis.sock")
	s.Address = "unix://" + socket
	s.args = append(s.args, "--port", "0", "--unixsocket", socket)
	s.Run()
	return s
}

// StartTLS returns one that listens on a port of 127.0.0.1, encrypted.
func StartTLS(t testing.TB) *Server {
	t.Helper()
	s := prepare(t)
	certificate, key := s.certificate()
	port := freePort(t)
	s.CAFile, s.Address = certificate, fmt.Sprintf("rediss://127.0.0.1:%d", port)
	s.args = append(s.args, "--port", "0", "--tls-port", fmt.Sprint(port), "--bind", "127.0.0.1",
		"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")
	s.Run()
	return s
}

func prepare(t testing.TB) *Server {
	t.Helper()
	folder, err := os.MkdirTemp("", "fly-redis") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	s := &Server{t: t, path: testenv.Command(t, "redis-server"), Password: "s3cret word"}
	s.args = []string{"--dir", folder, "--appendonly", "yes", "--save", "", "--requirepass", s.Password, "--loglevel", "warning",
		"--logfile", filepath.Join(folder, "redis.log")}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Kill()
		}
	})
	return s
}

func (s *Server) folder() string { return s.args[1] }

// Run starts it, and returns once it answers.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command(s.path, s.args...)
	testenv.EndWithTest(s.cmd)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	network, address := "tcp", s.Address[strings.Index(s.Address, "://")+3:]
	if strings.HasPrefix(s.Address, "unix") {
		network = "unix"
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial(network, address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(filepath.Join(s.folder(), "redis.log"))
			s.t.Fatalf("redis-server does not answer: %v\n%s", err, said)
		}
	}
}

// Kill ends it at once.
func (s *Server) Kill() {
	s.t.Helper()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Forget removes its data; it must not be running.
func (s *Server) Forget() {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.folder(), "appendonlydir")); err != nil {
		s.t.Fatal(err)
	}
}

// URL is the address with the password in it.
func (s *Server) URL() string {
	if strings.HasPrefix(s.Address, "unix") {
		return s.Address
	}
	return strings.Replace(s.Address, "://", "://:"+strings.ReplaceAll(s.Password, " ", "%20")+"@", 1)
}

// certificate writes one for 127.0.0.1 that has signed itself.
func (s *Server) certificate() (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.pem("cert.pem", "CERTIFICATE", signed), s.pem("key.pem", "EC PRIVATE KEY", secret)
}

func (s *Server) pem(name, kind string, content []byte) string {
	path := filepath.Join(s.folder(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
