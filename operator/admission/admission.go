// Package admission refuses wrong Autoscalers when they are written, with
// everything that is wrong with them: kubectl apply then says it, and not a
// condition that nobody looks at. The cluster works the same without it.
package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/flyball-io/flyball/internal/clock"
)

// Names of what the webhook has in the cluster.
const (
	DefaultSecret        = "flyball-webhook"
	DefaultConfiguration = "flyball"
	// Path is where the API server asks.
	Path = "/validate"
)

// Webhook answers the API server.
type Webhook struct {
	// Address is where it listens, host:port.
	Address string
	// Namespace and Service are those under which the API server reaches it.
	Namespace, Service string
	// Secret keeps the certificates, in the same namespace; Configuration is the
	// ValidatingWebhookConfiguration that is given the authority.
	Secret, Configuration string
	Clock                 clock.Clock
	Log                   *slog.Logger

	mu          sync.Mutex // guards certificate
	certificate *tls.Certificate
}

// host is the name that the API server expects.
func (w *Webhook) host() string { return w.Service + "." + w.Namespace + ".svc" }

// Ready reports whether the API server can be answered.
func (w *Webhook) Ready(*http.Request) error {
	if _, err := w.present(nil); err != nil {
		return err
	}
	return nil
}

func (w *Webhook) present(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.certificate == nil {
		return nil, errors.New("there is no certificate yet")
	}
	return w.certificate, nil
}

func (w *Webhook) use(m material) error {
	pair, err := tls.X509KeyPair(m.Certificate, m.Key)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.certificate = &pair
	return nil
}

// Serve answers until ctx is done. judge returns what is wrong with an object.
func (w *Webhook) Serve(ctx context.Context, config *rest.Config, judge func(object []byte) error) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	plain, err := new(net.ListenConfig).Listen(ctx, "tcp", w.Address)
	if err != nil {
		return fmt.Errorf("admission: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, reviewer{judge, w.Log})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(w.Log.Handler(), slog.LevelDebug)}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := server.Serve(tls.NewListener(plain, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: w.present, NextProtos: []string{"http/1.1"}}))
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	})
	g.Go(func() error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(last)
	})
	g.Go(func() error { return w.keep(ctx, client) })
	return g.Wait()
}

// How often is looked whether certificates are to be replaced, or another
// instance has; and how soon again when that failed.
const (
	lookEvery = 10 * time.Minute
	lookAgain = 5 * time.Second
)

// keep keeps certificates and configuration up until ctx is done.
func (w *Webhook) keep(ctx context.Context, client kubernetes.Interface) error {
	failing := false
	for {
		wait := lookEvery
		err := w.settle(ctx, client)
		if err != nil {
			wait = lookAgain
		}
		if ctx.Err() == nil && (err != nil) != failing {
			failing = err != nil
			w.Log.Warn("admission of Autoscalers", slog.Bool("works", !failing), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Clock.After(wait):
		}
	}
}
