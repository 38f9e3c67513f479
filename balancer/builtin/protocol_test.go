package builtin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
)

// clientOf returns a client that speaks exactly one protocol.
func clientOf(t *testing.T, set func(*http.Protocols)) *http.Client {
	t.Helper()
	transport := &http.Transport{
		Protocols: new(http.Protocols), MaxIdleConnsPerHost: 16,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test's own certificate
	}
	set(transport.Protocols)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func h1() func(*http.Protocols)  { return func(p *http.Protocols) { p.SetHTTP1(true) } }
func h2() func(*http.Protocols)  { return func(p *http.Protocols) { p.SetHTTP2(true) } }
func h2c() func(*http.Protocols) { return func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) } }

func TestProtocols(t *testing.T) {
	for _, tc := range []struct {
		name   string
		tls    bool
		client func(*http.Protocols)
		want   string
	}{
		{"HTTP/1.1", false, h1(), "HTTP/1.1"},
		{"HTTP/2 without TLS", false, h2c(), "HTTP/2.0"},
		{"HTTP/1.1 with TLS", true, h1(), "HTTP/1.1"},
		{"HTTP/2 with TLS", true, h2(), "HTTP/2.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, func(c *Config) {
				if tc.tls {
					c.TLS = certificate(t)
				}
			})
			url := r.url
			if tc.tls {
				url = strings.Replace(url, "http:", "https:", 1)
			}
			r.backends(counting(t))
			response, err := clientOf(t, tc.client).Post(url, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || string(body) != fmt.Sprint(1<<20) || response.Proto != tc.want {
				t.Errorf("got %q (%v) in %s, want %d in %s", body, err, response.Proto, 1<<20, tc.want)
			}
		})
	}
}

// certificate writes a certificate of its own making.
func certificate(t *testing.T) *TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := &TLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
	for name, block := range map[string]*pem.Block{
		files.CertFile: {Type: "CERTIFICATE", Bytes: der},
		files.KeyFile:  {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestBackendsMaySpeakH2C(t *testing.T) {
	r := start(t, func(c *Config) {
		c.BackendProtocol = H2C
		c.Health.Path = "/healthz"
	})
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		fmt.Fprint(w, q.Proto)
		w.Header().Set("Grpc-Status", "0")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	t.Cleanup(backend.Close)
	r.backends(backend)
	response, err := clientOf(t, h2c()).Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "HTTP/2.0" || response.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %q, trailer %v, error %v, want HTTP/2.0 with a trailer", body, response.Trailer, err)
	}
	eventually(t, "it was checked", func() bool {
		r.pool.mu.Lock()
		defer r.pool.mu.Unlock()
		return r.pool.known["b0"].passes > 0
	})
}

func TestBackendSeesTheRequestAsItWas(t *testing.T) {
	r := start(t, nil)
	seen := make(chan *http.Request, 1)
	r.backends(serve(t, func(_ http.ResponseWriter, q *http.Request) { seen <- q }))
	request, err := http.NewRequest("GET", r.url+"/a%2Fb//c?x=1;y&%zz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "shop.example"
	request.Header = http.Header{
		"X-Own": {"1", "2"}, "Connection": {"X-Hop"}, "X-Hop": {"gone"}, "Accept-Encoding": {"br"},
		"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil"},
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	got := <-seen
	if got.RequestURI != "/a%2Fb//c?x=1;y&%zz" || got.Host != "shop.example" {
		t.Errorf("got %q of %q", got.RequestURI, got.Host)
	}
	want := http.Header{
		"X-Own": {"1", "2"}, "Accept-Encoding": {"br"}, "User-Agent": {"Go-http-client/1.1"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestTrustedForwardedHeadersAreKept(t *testing.T) {
	r := start(t, func(c *Config) { c.TrustForwarded = true })
	seen := make(chan http.Header, 1)
	r.backends(serve(t, func(_ http.ResponseWriter, q *http.Request) { seen <- q.Header }))
	request, _ := http.NewRequest("GET", r.url, nil)
	request.Header = http.Header{"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"shop"}}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	got := <-seen
	for name, want := range map[string]string{
		"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestHeadHasALengthAndNoBody(t *testing.T) {
	r := start(t, nil)
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1234") }))
	response, err := http.Head(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); response.ContentLength != 1234 || len(body) != 0 || err != nil {
		t.Errorf("got length %d, body %q, error %v, want 1234 and no body", response.ContentLength, body, err)
	}
}

// Events arrive one by one, as they are sent, and so does the trailer.
func TestStreamIsPassedOnAtOnce(t *testing.T) {
	for name, protocol := range map[string]func(*http.Protocols){"http1": h1(), "h2c": h2c()} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			next := make(chan struct{})
			r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-Sum")
				for i := range 3 {
					fmt.Fprintf(w, "event %d\n", i)
					w.(http.Flusher).Flush()
					<-next
				}
				w.Header().Set("X-Sum", "3")
			}))
			response, err := clientOf(t, protocol).Get(r.url)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			lines := bufio.NewReader(response.Body)
			for i := range 3 {
				// The backend waits for us: a proxy that buffers would never send this.
				line, err := lines.ReadString('\n')
				if want := fmt.Sprintf("event %d\n", i); line != want || err != nil {
					t.Fatalf("got %q (%v), want %q", line, err, want)
				}
				next <- struct{}{}
			}
			if _, err := lines.ReadString('\n'); err != io.EOF || response.Trailer.Get("X-Sum") != "3" {
				t.Errorf("end: error %v, trailer %v, want EOF and 3", err, response.Trailer)
			}
		})
	}
}

// Both sides may speak at the same time, also in HTTP/1.1.
func TestAnswerBeginsWhileTheBodyComes(t *testing.T) {
	for name, protocol := range map[string]func(*http.Protocols){"http1": h1(), "h2c": h2c()} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
				control := http.NewResponseController(w)
				control.EnableFullDuplex()
				control.Flush()
				lines := bufio.NewReader(q.Body)
				for {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					io.WriteString(w, line)
					control.Flush()
				}
			}))
			body, feed := io.Pipe()
			response, err := clientOf(t, protocol).Post(r.url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			lines := bufio.NewReader(response.Body)
			for i := range 3 {
				want := fmt.Sprintf("line %d\n", i)
				io.WriteString(feed, want)
				if line, err := lines.ReadString('\n'); line != want || err != nil {
					t.Fatalf("got %q (%v), want %q", line, err, want)
				}
			}
			feed.Close()
			if rest, err := io.ReadAll(lines); len(rest) != 0 || err != nil {
				t.Errorf("end: got %q, %v", rest, err)
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	for _, tc := range []struct {
		name    string
		backend http.HandlerFunc
		want    []string
	}{
		{"the body is asked for", func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			fmt.Fprint(w, string(body))
		}, []string{"HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"}},
		{"the body is refused", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusExpectationFailed)
		}, []string{"HTTP/1.1 417 Expectation Failed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, nil)
			r.backends(serve(t, tc.backend))
			conn := r.dial()
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
			var got []string
			lines := bufio.NewReader(conn)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					break
				}
				if strings.HasPrefix(line, "HTTP/") {
					got = append(got, strings.TrimSpace(line))
				}
				if strings.Contains(line, "100 Continue") {
					io.WriteString(conn, "hello")
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// dial opens a connection to the proxy that the test writes by hand.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// echo starts a backend that sends back what comes over a WebSocket.
func echo(t *testing.T) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(q.Context())
			if err != nil || c.Write(q.Context(), kind, message) != nil {
				return
			}
		}
	})
}

func TestWebSocketIsInProgressUntilItCloses(t *testing.T) {
	r := start(t, nil)
	r.backends(echo(t))
	c := r.websocket()
	say(t, c, "hello")
	if n, _ := r.Load("b0"); n != 1 {
		t.Errorf("got %d in progress, want 1", n)
	}
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context(), "b0") }()
	r.becomes("b0", balancer.Draining)
	say(t, c, "still here")
	select {
	case <-drained:
		t.Error("drained with an open WebSocket")
	default:
	}
	c.Close(websocket.StatusNormalClosure, "")
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func (r *rig) websocket() *websocket.Conn {
	r.t.Helper()
	c, _, err := websocket.Dial(r.t.Context(), r.url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.CloseNow() })
	return c
}

// say sends a message and wants it back.
func say(t *testing.T, c *websocket.Conn, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); err != nil || string(got) != message {
		t.Fatalf("got %q (%v), want %q", got, err, message)
	}
}

func TestConnectAndH2CUpgradeAreNotTunnelled(t *testing.T) {
	r := start(t, nil)
	seen := make(chan http.Header, 1)
	r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) { seen <- q.Header; fmt.Fprint(w, "plain") }))
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("got %v, %v, want 200", response, err)
	}
	if h := <-seen; h.Get("Upgrade") != "" || h.Get("Http2-Settings") != "" {
		t.Errorf("the backend saw %v, want no upgrade", h)
	}
	conn = r.dial()
	io.WriteString(conn, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
	response, err = http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT: got %v, %v, want 405", response, err)
	}
}

// A renewed certificate is served without a restart.
func TestARenewedCertificateIsServed(t *testing.T) {
	files, renewed := certificate(t), certificate(t)
	r := start(t, func(c *Config) { c.TLS = files })
	served := func() []byte {
		conn, err := tls.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(r.url, "http://"), "/"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Raw
	}
	before := served()
	for from, to := range map[string]string{renewed.CertFile: files.CertFile, renewed.KeyFile: files.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new certificate is served", func() bool { return !bytes.Equal(served(), before) })
}
