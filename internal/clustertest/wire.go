package clustertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Wire is between a user of the cluster and the API server, and breaks on
// demand, as nothing that a test can do to the API server itself does.
type Wire struct {
	// Kubeconfig is for the user, over the wire.
	Kubeconfig string

	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	codes  sync.Map // counts of answers, by status

	mu      sync.Mutex // guards what follows
	silent  bool
	watches map[*watched]bool
}

// Wire puts a wire between the API server and who has a kubeconfig of the
// cluster. It is without TLS, so who it is says the wire: clients do not.
func (c *Cluster) Wire(t testing.TB, kubeconfig string) *Wire {
	t.Helper()
	user, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{watches: map[*watched]bool{}, Kubeconfig: filepath.Join(t.TempDir(), "wire.kubeconfig")}
	who, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(who)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(apiURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Transport: transport, ModifyResponse: w.hear,
		Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	address := serve(t, http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if answer := w.answer.Load(); answer == nil || !(*answer)(out, in) {
			proxy.ServeHTTP(out, in)
		}
	}))
	t.Cleanup(w.Cut) // else the server would wait for them
	for _, cluster := range user.Clusters {
		*cluster = clientcmdapi.Cluster{Server: "http://" + address}
	}
	if err := clientcmd.WriteToFile(*user, w.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve answers at an address of its own until the test ends.
func serve(t testing.TB, handler http.Handler) (address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler} //nolint:gosec // nobody else reaches it
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close() // whoever is cut off has ended
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// Answer has requests answered by a function until it is called with nil. What
// the function does not answer, and says so, goes on to the API server.
func (w *Wire) Answer(answer func(http.ResponseWriter, *http.Request) bool) {
	if answer == nil {
		w.answer.Store(nil)
		return
	}
	w.answer.Store(&answer)
}

// Refuse has some requests refused, as by a server that sheds load, and ends all
// watches, until Answer is called.
func (w *Wire) Refuse(which func(*http.Request) bool) {
	w.Answer(func(out http.ResponseWriter, in *http.Request) bool {
		if !which(in) {
			return false
		}
		http.Error(out, "not now", http.StatusServiceUnavailable)
		return true
	})
	w.Cut()
}

// Cut ends all watches, in the middle of what they say.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = false
	for one := range w.watches {
		one.end()
	}
}

// Silence has all watches say nothing any more, new ones too, until Cut is
// called: their connections stay open.
func (w *Wire) Silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
	for one := range w.watches {
		one.silent.Store(true)
	}
}

// Answered is how often the API server has answered with a status.
func (w *Wire) Answered(status int) int64 {
	count, _ := w.codes.LoadOrStore(status, new(atomic.Int64))
	return count.(*atomic.Int64).Load()
}

// IsWatch tells watches from other requests.
func IsWatch(in *http.Request) bool {
	on := in.URL.Query().Get("watch")
	return on == "true" || on == "1"
}

// hear notes an answer, and holds on to watches.
func (w *Wire) hear(answer *http.Response) error {
	count, _ := w.codes.LoadOrStore(answer.StatusCode, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
	if !IsWatch(answer.Request) {
		return nil
	}
	ctx, end := context.WithCancel(answer.Request.Context())
	one := &watched{ReadCloser: answer.Body, wire: w, over: ctx, end: end}
	answer.Body = one
	w.mu.Lock()
	defer w.mu.Unlock()
	one.silent.Store(w.silent)
	w.watches[one] = true
	context.AfterFunc(ctx, func() { _ = one.ReadCloser.Close() }) // what is being read ends
	return nil
}

// watched is what a watch says.
type watched struct {
	io.ReadCloser
	wire   *Wire
	silent atomic.Bool
	over   context.Context
	end    context.CancelFunc
}

func (o *watched) Read(into []byte) (int, error) {
	n, err := o.ReadCloser.Read(into)
	if o.silent.Load() {
		<-o.over.Done()
	}
	if o.over.Err() != nil {
		return 0, fmt.Errorf("watch: %w", context.Cause(o.over))
	}
	return n, err
}

func (o *watched) Close() error {
	o.end()
	o.wire.mu.Lock()
	delete(o.wire.watches, o)
	o.wire.mu.Unlock()
	return o.ReadCloser.Close()
}
