package kubernetes

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// A watch that ends is begun anew after these waits, and not, as the library
// has it, after up to a minute: a restart of the API server takes 5 s.
func retries() *wait.Backoff {
	return &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second}
}

// mirror is what the API server has told of the objects of one resource in one
// namespace, or in all. It is believed while the API server tells of changes,
// and no longer: what is asked meanwhile is asked for.
//
//	list or first part of the watch ─► believed ─► the watch ends ─► not believed
//	                                      ▲───────── the next begins ──┘
type mirror struct {
	cache.Indexer
	trim func(any) any

	mu           sync.Mutex // guards what follows
	filled, open bool
	listeners    map[*listener]bool
}

// listener is told of objects that concern it.
type listener struct {
	concerns func(metav1.Object) bool
	tell     func()
}

func newMirror(trim func(any) any, indexers cache.Indexers) *mirror {
	return &mirror{Indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, indexers), trim: trim, listeners: map[*listener]bool{}}
}

func (m *mirror) Add(object any) error    { return m.heard(object, m.Indexer.Add) }
func (m *mirror) Update(object any) error { return m.heard(object, m.Indexer.Update) }
func (m *mirror) Delete(object any) error { return m.heard(object, m.Indexer.Delete) }

func (m *mirror) heard(object any, do func(any) error) error {
	object = m.trim(object)
	err := do(object)
	if about, isObject := object.(metav1.Object); isObject {
		m.tell(about)
	}
	return err
}

// Replace takes over everything there is.
func (m *mirror) Replace(all []any, version string) error {
	for i := range all {
		all[i] = m.trim(all[i])
	}
	err := m.Indexer.Replace(all, version)
	m.set(func() { m.filled = err == nil })
	return err
}

func (m *mirror) set(change func()) {
	m.mu.Lock()
	change()
	m.mu.Unlock()
	m.tell(nil)
}

func (m *mirror) believed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.filled && m.open
}

// tell tells those whom an object concerns; nil concerns everybody.
func (m *mirror) tell(about metav1.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for l := range m.listeners {
		if about == nil || l.concerns(about) {
			l.tell()
		}
	}
}

// follow fills the mirror until ctx is done. The client knows whether a watch
// can begin with everything there is.
func (m *mirror) follow(ctx context.Context, from cache.ListWatch, client any, of runtime.Object) {
	inner := from.WatchFuncWithContext
	from.WatchFuncWithContext = func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		w, err := inner(ctx, o)
		if err != nil {
			return w, err
		}
		m.set(func() {
			m.open = true
			m.filled = m.filled && o.SendInitialEvents == nil // else everything is told again
		})
		return &heard{Interface: w, ended: func() { m.set(func() { m.open = false }) }}, nil
	}
	quiet := logr.Discard()
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(&from, client), of, m, cache.ReflectorOptions{Logger: &quiet, Backoff: retries()})
	r.RunWithContext(klog.NewContext(ctx, quiet))
}

// heard is a watch that says when it ends: whoever reads it stops it then.
type heard struct {
	watch.Interface
	ended func()
}

func (h *heard) Stop() {
	h.ended()
	h.Interface.Stop()
}
