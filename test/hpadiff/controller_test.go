package hpadiff

import (
	"context"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// cluster is what upstream's controller sees of the world: the one autoscaler,
// its target, pods and metrics. Nothing runs in it but the controller.
type cluster struct {
	api
	hpa *autoscalingv2.HorizontalPodAutoscaler
	// unreadable and stuck let reading and writing the scale of the target fail.
	unreadable, stuck bool
	synced            time.Time // when the scale was read last
	wanted            int32     // what was asked for then
	events            cache.ResourceEventHandler
}

// flags are the controller's.
type flags struct {
	sync, window, initial, delay time.Duration
	tolerance                    float64
}

// start runs the controller until ctx ends. It syncs one sync later for the
// first time.
func (c *cluster) start(ctx context.Context, f flags) {
	controller := podautoscaler.NewHorizontalController(ctx, events{}, scales{c: c}, autoscalers{c: c}, mapper{}, c.metrics(),
		hpaInformer{c: c}, podInformer{c: c}, f.sync, f.window, f.tolerance, f.initial, f.delay)
	c.events.OnAdd(c.hpa, false)
	controller.Run(ctx, 1)
}

// The informers' caches are the cluster itself.

type informer struct {
	cache.SharedIndexInformer
	c *cluster
}

func (informer) HasSynced() bool { return true }

func (i informer) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	i.c.events = h
	return nil, nil
}

type hpaInformer struct{ c *cluster }

func (i hpaInformer) Informer() cache.SharedIndexInformer { return informer{c: i.c} }

func (i hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return hpaLister(i)
}

type hpaLister struct{ c *cluster }

func (l hpaLister) List(labels.Selector) ([]*autoscalingv2.HorizontalPodAutoscaler, error) {
	return []*autoscalingv2.HorizontalPodAutoscaler{l.c.hpa}, nil
}

func (l hpaLister) HorizontalPodAutoscalers(string) autoscalinglisters.HorizontalPodAutoscalerNamespaceLister {
	return l
}

func (l hpaLister) Get(string) (*autoscalingv2.HorizontalPodAutoscaler, error) { return l.c.hpa, nil }

type podInformer struct{ c *cluster }

func (i podInformer) Informer() cache.SharedIndexInformer { return informer{c: i.c} }

func (i podInformer) Lister() corelisters.PodLister { return podLister{&i.c.api} }

// autoscalers takes the status that the controller writes.
type autoscalers struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	c *cluster
}

func (a autoscalers) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return a
}

func (a autoscalers) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	a.c.hpa = &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: a.c.hpa.ObjectMeta, Spec: a.c.hpa.Spec, Status: *hpa.Status.DeepCopy()}
	return a.c.hpa, nil
}

// scales are the target's.
type scales struct {
	scaleclient.ScaleInterface
	c *cluster
}

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }

func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	if now := time.Now(); !now.Equal(s.c.synced) { // after a failure it looks again
		s.c.synced, s.c.wanted = now, s.c.world.spec
	}
	if s.c.unreadable {
		return nil, errAPI
	}
	return &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: target, Namespace: namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: s.c.world.spec},
		Status: autoscalingv1.ScaleStatus{Replicas: s.c.world.status, Selector: selector().String()}}, nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.c.wanted = scale.Spec.Replicas
	if s.c.stuck {
		return nil, errAPI
	}
	s.c.world.spec = scale.Spec.Replicas
	return scale, nil
}

type mapper struct{ meta.RESTMapper }

func (mapper) RESTMappings(schema.GroupKind, ...string) ([]*meta.RESTMapping, error) {
	return []*meta.RESTMapping{{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}}}, nil
}

// events go nowhere.
type events struct{ coreclient.EventInterface }

func (e events) Events(string) coreclient.EventInterface { return e }

func (events) CreateWithEventNamespace(e *corev1.Event) (*corev1.Event, error) { return e, nil }

func (events) UpdateWithEventNamespace(e *corev1.Event) (*corev1.Event, error) { return e, nil }

func (events) PatchWithEventNamespace(e *corev1.Event, _ []byte) (*corev1.Event, error) {
	return e, nil
}
