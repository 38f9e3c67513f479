package operator

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whichever instance is asked, the one that acts answers.
func TestAnInstanceThatWaitsHandsOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	holder := ""
	begin := func(name string) (*reception, string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := newReception(l, nil, func(context.Context) (string, error) { return holder, nil }, silent())
		ended := make(chan error, 1)
		go func() { ended <- r.Start(ctx) }()
		own := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
			_, _ = io.WriteString(w, name+" "+in.URL.Path+" "+in.Header.Get("Authorization"))
		}), ReadHeaderTimeout: time.Second}
		go func() { _ = own.Serve(r.acting) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s ends with %v", name, err)
			}
			_ = own.Close()
		})
		return r, l.Addr().String()
	}
	first, firstAt := begin("first")
	_, secondAt := begin("second")
	ask := func(at, path string) (int, string) {
		t.Helper()
		in, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+path, nil)
		in.Header.Set("Authorization", "Bearer me")
		in.Close = true
		answer, err := http.DefaultClient.Do(in)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	if status, body := ask(secondAt, "/api/v1/targets"); status != http.StatusServiceUnavailable {
		t.Errorf("while nobody acts: %d %s, want 503", status, body)
	}
	first.act(true)
	holder = "pod-1_abcd_" + firstAt
	for _, at := range []string{firstAt, secondAt} {
		if status, body := ask(at, "/api/v1/targets"); status != http.StatusOK || body != "first /api/v1/targets Bearer me" {
			t.Errorf("at %s: %d %q, want the answer of the first", at, status, body)
		}
	}
	if status, body := ask(secondAt, "/metrics"); status != http.StatusOK || body != "" {
		t.Errorf("metrics of the second: %d %q, want none", status, body)
	}
	holder = "pod-2_abcd_" + secondAt // itself, before it acts
	if status, body := ask(secondAt, "/x"); status != http.StatusServiceUnavailable || !strings.Contains(body, "waits") {
		t.Errorf("one that is to act: %d %q, want 503 and no loop", status, body)
	}
}

// With TLS a waiting instance hands on too, to who shows the certificate of
// both, and gives the request to nobody else.
func TestRequestsAreHandedOnByTLS(t *testing.T) {
	ours, others := certified(t, "flyball.example.com"), certified(t, "flyball.example.com")
	serve := func(shown *tls.Certificate) (at string) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
			_, _ = io.WriteString(w, "acts "+in.Header.Get("Authorization"))
		}))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*shown}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	holder := ""
	certificate := func() (*tls.Certificate, error) { return ours, nil }
	r := newReception(newLine(nil), certificate, func(context.Context) (string, error) { return holder, nil }, silent())
	waits := httptest.NewUnstartedServer(r)
	waits.TLS = &tls.Config{Certificates: []tls.Certificate{*ours}}
	waits.StartTLS()
	defer waits.Close()
	client := waits.Client()
	client.Transport.(*http.Transport).TLSClientConfig.ServerName = "flyball.example.com"
	for at, want := range map[string]string{serve(ours): "200 acts Bearer me", serve(others): "502 this instance waits"} {
		holder = "pod_abcd_" + at
		in, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, waits.URL+"/api/v1/targets", nil)
		in.Header.Set("Authorization", "Bearer me")
		answer, err := client.Do(in)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if got := fmt.Sprintf("%d %s", answer.StatusCode, body); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// certified is a certificate that nobody else signed.
func certified(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func TestWhereAnInstanceIsReached(t *testing.T) {
	for listens, want := range map[string]func(string) bool{
		"127.0.0.1:0": func(at string) bool { return at == "" },
		"0.0.0.0:0": func(at string) bool {
			return at == "" || !strings.HasPrefix(at, "0.0.0.0") && strings.Contains(at, ":")
		},
	} {
		l, err := net.Listen("tcp", listens)
		if err != nil {
			t.Fatal(err)
		}
		if at := addressOf(identity(l)); !want(at) {
			t.Errorf("%s: reached at %q", listens, at)
		}
		l.Close()
	}
	if at := addressOf(identity(nil)); at != "" {
		t.Errorf("no address: %q", at)
	}
}
