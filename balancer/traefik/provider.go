package traefik

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/tlsfiles"
)

// provider serves the configuration to Traefik.
type provider struct {
	listener net.Listener
	server   *http.Server
}

// providePath is where Traefik fetches the configuration of a service.
func providePath(service string) string { return "/v1/traefik/" + service }

// listen takes the address; run serves.
func (p *Plane) listen(ctx context.Context) error {
	token, err := p.cfg.HTTP.token()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.cfg.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	if p.cfg.HTTP.CertFile != "" {
		pair, err := tlsfiles.Load(p.cfg.HTTP.CertFile, p.cfg.HTTP.KeyFile, p.clk, p.log)
		if err != nil {
			return errors.Join(fmt.Errorf("http.certFile: %w", err), listener.Close())
		}
		listener = tls.NewListener(listener, pair.Config())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+providePath(p.cfg.Service), func(w http.ResponseWriter, r *http.Request) { p.provide(w, r, token) })
	p.provider = &provider{listener, &http.Server{Handler: mux, ReadTimeout: askTimeout, WriteTimeout: 5 * askTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	return nil
}

// provide answers with the configuration. One that is not known yet is an
// error: Traefik then keeps what it has.
func (p *Plane) provide(w http.ResponseWriter, r *http.Request, token string) {
	shown := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	if want := sha256.Sum256([]byte(token)); token != "" && subtle.ConstantTimeCompare(shown[:], want[:]) != 1 {
		http.Error(w, "the token is missing or wrong: it stands in providers.http.headers of traefik.yml", http.StatusUnauthorized)
		return
	}
	p.mu.Lock()
	body := p.body
	p.fetched = p.clk.Now()
	p.mu.Unlock()
	if body == nil {
		http.Error(w, "no replicas are known yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // Traefik that has gone asks again
}

// run serves until ctx is done.
func (v *provider) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = v.server.Close() })
	defer stop()
	if err := v.server.Serve(v.listener); ctx.Err() == nil {
		return fmt.Errorf("serve the configuration of Traefik: %w", err)
	}
	return nil
}

// token is what Traefik must show; "" is none.
func (h HTTP) token() (string, error) {
	if h.TokenFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(h.TokenFile)
	if err != nil {
		return "", fmt.Errorf("http.tokenFile: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 || strings.ContainsAny(token, " \t\r\n\"\\") {
		return "", fmt.Errorf("http.tokenFile: %s must hold one word of at least 16 characters", h.TokenFile)
	}
	return token, nil
}
