package operator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// reception is the address of dashboard and metrics of an instance, whether it
// acts or not: a Service spreads over all of them. One that waits hands requests
// on to the one that acts, which says in the Lease where it is reached.
//
//	listener ─► acts: the controller's own server
//	        └─► waits: handed on; /metrics, /healthz, /readyz answered here
type reception struct {
	*front
	lease  func(ctx context.Context) (holder string, err error)
	onward *http.Transport // to the one that acts
	log    *slog.Logger
}

// newReception returns one at an address. Certificate is that which the address
// is served with, nil where it is served without TLS.
func newReception(l net.Listener, certificate func() (*tls.Certificate, error), lease func(context.Context) (string, error), log *slog.Logger) *reception {
	onward := &http.Transport{DialTLSContext: peers{certificate}.dial, IdleConnTimeout: time.Minute} // past any proxy: it is a pod
	return &reception{front: newFront(l, log), lease: lease, onward: onward, log: log}
}

// NeedLeaderElection says no: it is there all the time.
func (*reception) NeedLeaderElection() bool { return false }

// Start receives until ctx is done. What was received by who acts is answered
// to its end.
func (r *reception) Start(ctx context.Context) error {
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug)}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(r.waiting); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		defer r.onward.CloseIdleConnections()
		return errors.Join(r.listener.Close(), server.Close())
	})
	g.Go(func() error {
		if err := r.receive(ctx); err != nil {
			return fmt.Errorf("dashboard: %w", err)
		}
		return nil
	})
	return g.Wait()
}

// ServeHTTP answers for an instance that waits.
func (r *reception) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	switch in.URL.Path {
	case "/healthz", "/readyz":
		fmt.Fprintln(w, "waits")
		return
	case "/metrics":
		return // those of what is scaled are told by the one that acts
	}
	holder, err := r.lease(in.Context())
	address := addressOf(holder)
	if err != nil || address == "" || in.Header.Get(handedOn) != "" {
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("this instance waits, another one acts: %s", holder), http.StatusServiceUnavailable)
		return
	}
	scheme := "http"
	if in.TLS != nil {
		scheme = "https"
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, // events as they happen
		Transport: r.onward,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: scheme, Host: address})
			p.Out.Host = p.In.Host
			p.Out.Header.Set(handedOn, "1")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			r.log.Debug("cannot hand on", slog.String("to", holder), slog.Any("error", err))
			w.Header().Set("Retry-After", "5")
			http.Error(w, fmt.Sprintf("this instance waits, and cannot reach the one that acts (%s): %v", holder, err), http.StatusBadGateway)
		}}
	proxy.ServeHTTP(w, in)
}

// handedOn marks a request that is not to be handed on again.
const handedOn = "Flyball-Handed-On"

// identity is who an instance is in the Lease, and where it is reached.
func identity(l net.Listener) string {
	host, _ := os.Hostname()
	random := make([]byte, 4)
	_, _ = rand.Read(random) // it never fails
	return host + "_" + hex.EncodeToString(random) + "_" + reachedAt(l)
}

// addressOf is where an instance of an identity is reached; "" where it is not.
func addressOf(identity string) string {
	return identity[strings.LastIndex(identity, "_")+1:]
}

// reachedAt is where others reach a listener; "" where they do not.
func reachedAt(l net.Listener) string {
	if l == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	ip := net.ParseIP(host)
	switch {
	case err != nil || ip == nil || ip.IsLoopback():
		return ""
	case !ip.IsUnspecified():
		return net.JoinHostPort(host, port)
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if own, ok := a.(*net.IPNet); ok && own.IP.IsGlobalUnicast() {
			return net.JoinHostPort(own.IP.String(), port)
		}
	}
	return ""
}

// lock is the Lease of an instance. It has a client of its own: who acts must
// not lose it because a thousand statuses are written.
func (o *Options) lock(who string) (resourcelock.Interface, error) {
	config := rest.CopyConfig(o.Cluster)
	config.RateLimiter, config.QPS = nil, -1
	renew := 10 * time.Second
	if o.Election.Renew > 0 {
		renew = o.Election.Renew
	}
	return resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, o.Namespace, leaseName, resourcelock.ResourceLockConfig{Identity: who}, config, renew)
}

// holder asks the cluster who acts.
func (o *Options) holder() (func(context.Context) (string, error), error) {
	leases, err := coordination.NewForConfig(o.Cluster)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		lease, err := leases.Leases(o.Namespace).Get(ctx, leaseName, meta.GetOptions{})
		if err != nil || lease.Spec.HolderIdentity == nil {
			return "", err
		}
		return *lease.Spec.HolderIdentity, nil
	}, nil
}
