package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	autoscaling "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/internal/clock"
)

// Resource is the resource of a kind. One that is not known is looked for
// again, now and then, so that a kind that was installed later is found.
func (c *Cluster) Resource(ctx context.Context, apiVersion, kind string) (schema.GroupVersionResource, error) {
	resource, err := c.knownResource(ctx, apiVersion, kind)
	if errors.Is(err, ErrNoKind) && c.lookedUp.due(clock.System.Now(), lookUpAgain) {
		c.mapper.Reset()
		return c.knownResource(ctx, apiVersion, kind)
	}
	return resource, err
}

// knownResource is the resource of a kind among those there were when all of
// them were looked at last.
func (c *Cluster) knownResource(ctx context.Context, apiVersion, kind string) (schema.GroupVersionResource, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	resource, err := ask(ctx, func(ctx context.Context) (schema.GroupVersionResource, error) {
		found, err := c.mapper.RESTMappingWithContext(ctx, gvk.GroupKind(), gvk.Version)
		if err != nil {
			return schema.GroupVersionResource{}, err
		}
		return found.Resource, nil
	})
	if errors.Is(err, ErrNoKind) {
		return resource, fmt.Errorf("kind %s of %s: %w", kind, apiVersion, ErrNoKind)
	}
	return resource, err
}

// Workload describes an object that has a scale subresource.
func (c *Cluster) Workload(ctx context.Context, ref Ref) (Workload, error) {
	w, err := c.workload(ctx, ref)
	if err != nil {
		return Workload{}, fmt.Errorf("%s: %w", ref, err)
	}
	return w, nil
}

func (c *Cluster) workload(ctx context.Context, ref Ref) (Workload, error) {
	resource, err := c.Resource(ctx, ref.APIVersion, ref.Kind)
	if err != nil {
		return Workload{}, err
	}
	object, err := c.object(ctx, resource, ref)
	if err != nil {
		return Workload{}, err
	}
	s, err := c.scaleOf(ctx, resource, ref, object.GetResourceVersion())
	if err != nil {
		return Workload{}, err
	}
	selector, err := labels.Parse(s.Status.Selector)
	if err == nil && selector.Empty() {
		err = errors.New("empty")
	}
	if err != nil {
		return Workload{}, fmt.Errorf("%w: its scale subresource names no pods (selector %q: %w)", ErrNotScalable, s.Status.Selector, err)
	}
	w := describe(object)
	w.Ref, w.resource, w.scale = ref, resource, s
	w.Replicas, w.Observed, w.Selector = int(s.Spec.Replicas), int(s.Status.Replicas), selector
	return w, nil
}

// object is the object itself: as it was told, or asked for.
func (c *Cluster) object(ctx context.Context, resource schema.GroupVersionResource, ref Ref) (*unstructured.Unstructured, error) {
	if told, alive := c.told(resource, ref.Namespace); alive {
		found, exists, err := told.GetByKey(ref.Namespace + "/" + ref.Name)
		if err == nil && exists {
			return found.(*unstructured.Unstructured), nil
		}
		if err == nil {
			return nil, ErrNotFound
		}
	}
	return ask(ctx, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return c.dynamic.Resource(resource).Namespace(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	})
}

// scaleOf is the scale subresource of an object: as it was read last, where the
// object has not changed since.
func (c *Cluster) scaleOf(ctx context.Context, resource schema.GroupVersionResource, ref Ref, version string) (*autoscaling.Scale, error) {
	if known := c.scaleRead.get(ref); known != nil && known.ResourceVersion == version {
		return known, nil
	}
	s, err := ask(ctx, func(ctx context.Context) (*autoscaling.Scale, error) {
		return c.scales.Scales(ref.Namespace).Get(ctx, resource.GroupResource(), ref.Name, metav1.GetOptions{})
	})
	switch {
	case err == nil:
		c.scaleRead.put(ref, s)
		return s, nil
	case errors.Is(err, ErrNotFound) && !c.hasScale(resource):
		return nil, fmt.Errorf("%w: objects of kind %s have no scale subresource", ErrNotScalable, ref.Kind)
	default:
		return nil, err
	}
}

// hasScale reports whether objects of a resource have a scale subresource; it
// is believed of those of which the cluster does not say.
func (c *Cluster) hasScale(resource schema.GroupVersionResource) bool {
	all, err := c.discovery.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	return err != nil || slices.ContainsFunc(all.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource+"/scale" })
}

// Scale sets the count of an object as it was read. Only the scale subresource
// is written, under our own name.
func (c *Cluster) Scale(ctx context.Context, w Workload, replicas int) (Workload, error) {
	next := w.scale.DeepCopy()
	next.Spec.Replicas = int32(min(replicas, 1<<31-1))
	s, err := ask(ctx, func(ctx context.Context) (*autoscaling.Scale, error) {
		return c.scales.Scales(w.Ref.Namespace).Update(ctx, w.resource.GroupResource(), next, metav1.UpdateOptions{FieldManager: FieldManager})
	})
	if err != nil {
		c.scaleRead.put(w.Ref, nil) // the next look asks again
		return w, fmt.Errorf("set scale of %s: %w", w.Ref, err)
	}
	c.scaleRead.put(w.Ref, s)
	w.scale, w.Replicas = s, int(s.Spec.Replicas)
	return w, nil
}

// scaleTries bounds attempts against somebody who changes the object without
// end: one in three of them comes between two changes. scalePause is the wait
// between two, which grows to mostPause; all together take six seconds.
const (
	scaleTries = 35
	scalePause = 20 * time.Millisecond
	mostPause  = 200 * time.Millisecond
)

// SetReplicas sets the count of an object, again where somebody else changed
// the object at the same time. One that has the count is left alone. The object
// is returned as it was read last before, and as it is then.
func SetReplicas(ctx context.Context, api API, ref Ref, replicas int) (before, after Workload, err error) {
	pause := scalePause
	for try := 1; ; try++ {
		if before, err = api.Workload(ctx, ref); err != nil || before.Replicas == replicas {
			return before, before, err
		}
		after, err = api.Scale(ctx, before, replicas)
		if !errors.Is(err, ErrConflict) || try == scaleTries {
			return before, after, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return before, before, context.Cause(ctx)
		}
		pause = min(2*pause, mostPause)
	}
}
