package kubernetes

import (
	"context"
	"slices"
	"sync"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

var (
	podsResource = core.SchemeGroupVersion.WithResource("pods")
	hpasResource = autoscaling.SchemeGroupVersion.WithResource("horizontalpodautoscalers")
)

// mirrors are those of a cluster, each for as long as somebody uses it.
type mirrors struct {
	mu   sync.Mutex // guards all
	all  map[mirrorKey]*used
	wide bool
}

type mirrorKey struct {
	resource  schema.GroupVersionResource
	namespace string
}

type used struct {
	*mirror
	users  int
	cancel context.CancelFunc
	ended  chan struct{}
}

// WatchAllNamespaces has one watch for all namespaces rather than one for each
// that has a target: for whoever has targets in many and may read all. It holds
// for what is followed from then on.
func (c *Cluster) WatchAllNamespaces() {
	c.mirrors.mu.Lock()
	defer c.mirrors.mu.Unlock()
	c.mirrors.wide = true
}

// told is what was told of a resource in a namespace, and whether it is to be
// believed.
func (c *Cluster) told(resource schema.GroupVersionResource, namespace string) (cache.Indexer, bool) {
	c.mirrors.mu.Lock()
	defer c.mirrors.mu.Unlock()
	for _, n := range []string{namespace, metav1.NamespaceAll} {
		if u := c.mirrors.all[mirrorKey{resource, n}]; u != nil && u.believed() {
			return u.Indexer, true
		}
	}
	return nil, false
}

// hear follows a resource until leave is called, which returns once nothing of
// it is left to be done.
func (c *Cluster) hear(resource schema.GroupVersionResource, namespace string, l *listener) (leave func()) {
	c.mirrors.mu.Lock()
	defer c.mirrors.mu.Unlock()
	if c.mirrors.wide {
		namespace = metav1.NamespaceAll
	}
	key := mirrorKey{resource, namespace}
	u := c.mirrors.all[key]
	if u == nil {
		u = c.begin(key)
	}
	u.users++
	u.set(func() { u.listeners[l] = true })
	return func() { c.leave(key, u, l) }
}

// begin starts a mirror. It ends with its last user.
func (c *Cluster) begin(key mirrorKey) *used {
	from, client, of, trim, indexers := c.listWatch(key)
	ctx, cancel := context.WithCancel(context.Background())
	u := &used{mirror: newMirror(trim, indexers), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(u.ended)
		u.follow(ctx, from, client, of)
	}()
	if c.mirrors.all == nil {
		c.mirrors.all = map[mirrorKey]*used{}
	}
	c.mirrors.all[key] = u
	return u
}

func (c *Cluster) leave(key mirrorKey, u *used, l *listener) {
	c.mirrors.mu.Lock()
	u.mu.Lock()
	delete(u.listeners, l)
	u.mu.Unlock()
	u.users--
	last := u.users == 0
	if last {
		delete(c.mirrors.all, key)
	}
	c.mirrors.mu.Unlock()
	if last {
		u.cancel()
		<-u.ended
	}
}

// listWatch is how a resource is read: pods and HPAs by clients that know their
// types, which costs a fraction, everything else as it comes.
func (c *Cluster) listWatch(key mirrorKey) (cache.ListWatch, any, runtime.Object, func(any) any, cache.Indexers) {
	switch key.resource {
	case podsResource:
		pods := c.typed.CoreV1().Pods(key.namespace)
		return listWatch(pods.List, pods.Watch), c.typed, &core.Pod{}, trimPod, cache.Indexers{byLabel: labelKeys}
	case hpasResource:
		hpas := c.typed.AutoscalingV2().HorizontalPodAutoscalers(key.namespace)
		return listWatch(hpas.List, hpas.Watch), c.typed, &autoscaling.HorizontalPodAutoscaler{}, trim, byNamespace()
	default:
		objects := c.dynamic.Resource(key.resource).Namespace(key.namespace)
		return listWatch(objects.List, objects.Watch), c.dynamic, nil, trim, byNamespace()
	}
}

func byNamespace() cache.Indexers {
	return cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
}

func listWatch[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error), follow func(context.Context, metav1.ListOptions) (watch.Interface, error)) cache.ListWatch {
	return cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return follow(ctx, o)
		},
	}
}

// trim drops what nobody reads of an object.
func trim(object any) any {
	about, err := meta.Accessor(object)
	if err != nil {
		return object
	}
	about.SetManagedFields(slices.DeleteFunc(about.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return !setsCount(m) }))
	if annotations := about.GetAnnotations(); annotations[core.LastAppliedConfigAnnotation] != "" {
		delete(annotations, core.LastAppliedConfigAnnotation)
		about.SetAnnotations(annotations)
	}
	if of, generic := object.(*unstructured.Unstructured); generic {
		unstructured.RemoveNestedField(of.Object, "spec", "template")
	}
	return object
}

// followAgain is how often it is tried again to follow an object whose kind
// nobody can tell now.
const followAgain = 2 * time.Second

// Follow tells when anything may have changed that concerns the object, until
// ctx is done: the object, its pods, and those who scale it beside us.
func (c *Cluster) Follow(ctx context.Context, ref Ref, tell func()) {
	c.scaleRead.follow(ref)
	defer c.scaleRead.forget(ref)
	in := func(object metav1.Object) bool { return object.GetNamespace() == ref.Namespace }
	defer c.hear(podsResource, ref.Namespace, &listener{tell: tell, concerns: func(p metav1.Object) bool {
		return in(p) && c.scaleRead.selects(ref, p.GetLabels())
	}})()
	defer c.hear(hpasResource, ref.Namespace, &listener{tell: tell, concerns: in})()
	for _, more := range []struct {
		find     func(context.Context) (schema.GroupVersionResource, error)
		concerns func(metav1.Object) bool
		again    time.Duration
	}{
		{func(ctx context.Context) (schema.GroupVersionResource, error) {
			return c.Resource(ctx, ref.APIVersion, ref.Kind)
		}, func(o metav1.Object) bool { return in(o) && o.GetName() == ref.Name }, followAgain},
		{func(ctx context.Context) (schema.GroupVersionResource, error) {
			return c.kedaResource(ctx, false)
		}, in, kedaAgain},
	} {
		for ctx.Err() == nil {
			resource, err := more.find(ctx)
			if err == nil {
				defer c.hear(resource, ref.Namespace, &listener{tell: tell, concerns: more.concerns})()
				break
			}
			select {
			case <-time.After(more.again):
			case <-ctx.Done():
			}
		}
	}
	<-ctx.Done()
}
