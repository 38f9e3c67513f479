package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Suspend lets a rival rest. It is not deleted: its metrics and conditions can
// still be seen, and what is needed to make it what it was is written into it
// in the same request, so that no crash loses it (docs/adr/0016-take-over.md).
func (c *Cluster) Suspend(ctx context.Context, r Rival, by string) error {
	if r.Kind == KEDAHPA {
		return fmt.Errorf("take over from %s: the ScaledObject that it is made of may not be seen: %w", r, ErrForbidden)
	}
	err := c.change(ctx, r,
		func(h *autoscaling.HorizontalPodAutoscaler) { suspend(h, by) },
		func(o *unstructured.Unstructured) { pause(o, by) })
	if err != nil {
		return fmt.Errorf("take over from %s: %w", r, err)
	}
	return nil
}

// Resume makes a rival what it was before Suspend. One that is gone is.
func (c *Cluster) Resume(ctx context.Context, r Rival) error {
	err := c.change(ctx, r, resume, unpause)
	if err == nil {
		err = c.disown(ctx, r)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("hand back to %s: %w", r, err)
	}
	return nil
}

// change reads a rival and changes it, again where somebody else changed it at
// the same time.
func (c *Cluster) change(ctx context.Context, r Rival, hpa func(*autoscaling.HorizontalPodAutoscaler), scaled func(*unstructured.Unstructured)) error {
	return c.persist(ctx, func(ctx context.Context) error {
		options := metav1.UpdateOptions{FieldManager: FieldManager}
		if r.Kind == HPA {
			all := c.typed.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace)
			h, err := all.Get(ctx, r.Name, metav1.GetOptions{})
			if err == nil {
				hpa(h)
				_, err = all.Update(ctx, h, options)
			}
			return err
		}
		resource, err := c.Resource(ctx, kedaVersion, string(r.Kind))
		if err != nil {
			return err
		}
		all := c.dynamic.Resource(resource).Namespace(r.Namespace)
		o, err := all.Get(ctx, r.Name, metav1.GetOptions{})
		if err == nil {
			scaled(o)
			_, err = all.Update(ctx, o, options)
		}
		return err
	})
}

// persist tries until nobody else was faster.
func (c *Cluster) persist(ctx context.Context, try func(context.Context) error) error {
	for n := 1; ; n++ {
		_, err := ask(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, try(ctx) })
		if !errors.Is(err, ErrConflict) || n == scaleTries {
			return err
		}
	}
}

// disown takes our name off the fields that are again what they were. Whoever
// applies the object anew would else be told of a conflict with us.
func (c *Cluster) disown(ctx context.Context, r Rival) error {
	ours := func(object metav1.Object) {
		object.SetManagedFields(slices.DeleteFunc(object.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Manager == FieldManager }))
	}
	return c.change(ctx, r,
		func(h *autoscaling.HorizontalPodAutoscaler) { ours(h) },
		func(o *unstructured.Unstructured) { ours(o) })
}

// An HPA that may change nothing in either direction, within bounds that no
// count leaves, changes nothing: outside of its bounds it would not ask its
// behavior (reconcileAutoscaler).
const (
	restingMin int32 = 1
	restingMax int32 = math.MaxInt32
)

func disabled(r *autoscaling.HPAScalingRules) bool {
	return r != nil && r.SelectPolicy != nil && *r.SelectPolicy == autoscaling.DisabledPolicySelect
}

func disable(r *autoscaling.HPAScalingRules) *autoscaling.HPAScalingRules {
	if r == nil {
		r = &autoscaling.HPAScalingRules{}
	}
	r = r.DeepCopy()
	policy := autoscaling.DisabledPolicySelect
	r.SelectPolicy = &policy
	return r
}

func rests(h *autoscaling.HorizontalPodAutoscaler) bool {
	b := h.Spec.Behavior
	return b != nil && disabled(b.ScaleUp) && disabled(b.ScaleDown) && h.Spec.MaxReplicas == restingMax
}

func suspend(h *autoscaling.HorizontalPodAutoscaler, by string) {
	m, known := remembered(h)
	switch {
	case rests(h) && known && m.By != by:
		m.By = by
		annotate(h, m)
		return
	case rests(h):
		return
	case known: // a manifest was applied again: what it does not state is ours still, and not what was before
		resume(h)
	}
	annotate(h, former{By: by, MinReplicas: h.Spec.MinReplicas, MaxReplicas: h.Spec.MaxReplicas, Behavior: h.Spec.Behavior})
	least, b := restingMin, &autoscaling.HorizontalPodAutoscalerBehavior{}
	if h.Spec.Behavior != nil {
		b = h.Spec.Behavior.DeepCopy()
	}
	b.ScaleUp, b.ScaleDown = disable(b.ScaleUp), disable(b.ScaleDown)
	h.Spec.MinReplicas, h.Spec.MaxReplicas, h.Spec.Behavior = &least, restingMax, b
}

// resume makes an HPA what it was, each field by itself. What somebody else has
// changed meanwhile is theirs, and stays.
func resume(h *autoscaling.HorizontalPodAutoscaler) {
	m, found := remembered(h)
	annotations := h.GetAnnotations()
	delete(annotations, TakenOverAnnotation)
	h.SetAnnotations(annotations)
	if !found {
		return
	}
	if b := h.Spec.Behavior; b != nil && disabled(b.ScaleUp) && disabled(b.ScaleDown) {
		h.Spec.Behavior = m.Behavior
	}
	if h.Spec.MaxReplicas == restingMax && m.MaxReplicas > 0 {
		h.Spec.MaxReplicas = m.MaxReplicas
	}
	if least := h.Spec.MinReplicas; least != nil && *least == restingMin && (m.MinReplicas == nil || *m.MinReplicas <= h.Spec.MaxReplicas) {
		h.Spec.MinReplicas = m.MinReplicas
	}
}

func annotate(object metav1.Object, m former) {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain values
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[TakenOverAnnotation] = string(text)
	object.SetAnnotations(annotations)
}

// paused reports whether a ScaledObject rests, as KEDA reads it: any count it
// is paused at, and any word but that for no.
func paused(o metav1.Object) bool {
	_, at := o.GetAnnotations()[kedaCount]
	word, said := o.GetAnnotations()[kedaPaused]
	yes, err := strconv.ParseBool(word)
	return at || said && (yes || err != nil)
}

func pause(o *unstructured.Unstructured, by string) {
	m, known := remembered(o)
	if paused(o) && (!known || m.By == by) {
		return // by its user, who knows why; or by us
	}
	m.By = by // another controller's, or nobody's yet
	annotate(o, m)
	if paused(o) {
		return
	}
	annotations := o.GetAnnotations()
	annotations[kedaPaused] = "true"
	o.SetAnnotations(annotations)
}

func unpause(o *unstructured.Unstructured) {
	if _, found := remembered(o); !found {
		return
	}
	annotations := o.GetAnnotations()
	delete(annotations, TakenOverAnnotation)
	delete(annotations, kedaPaused)
	o.SetAnnotations(annotations)
}
