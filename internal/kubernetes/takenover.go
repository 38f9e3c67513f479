package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TakenOver is a rival that bears [TakenOverAnnotation]: it rests, or did.
type TakenOver struct {
	Rival
	// Of is the object that it scales.
	Of Ref
	// Min and Max are the bounds that an HPA had; 0 of a ScaledObject, which
	// keeps its own.
	Min, Max int
	// Damaged says that nobody can read what it was before.
	Damaged bool
}

// TakenOverKinds are the kinds of those who scale that can be taken over.
func TakenOverKinds() []RivalKind { return []RivalKind{HPA, ScaledObject} }

// AllTakenOver are those of a kind in a namespace, or "": in all of them, by
// namespace and name. Which controller took over, and whether it still runs, they
// do not say. An [ErrForbidden] names the right that is lacking.
func (c *Cluster) AllTakenOver(ctx context.Context, kind RivalKind, namespace string) ([]TakenOver, error) {
	all, err := c.takenOver(ctx, kind, namespace)
	if errors.Is(err, ErrForbidden) {
		return nil, fmt.Errorf("the right to list %s %s is lacking: %w", rights[kind], placeOf(namespace), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%ss %s: %w", kind, placeOf(namespace), err)
	}
	slices.SortFunc(all, func(a, b TakenOver) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// rights are the resources of the kinds, as rules of RBAC name them.
var rights = map[RivalKind]string{HPA: "horizontalpodautoscalers of autoscaling", ScaledObject: "scaledobjects of keda.sh"}

func placeOf(namespace string) string {
	if namespace == "" {
		return "in all namespaces"
	}
	return "in namespace " + namespace
}

func (c *Cluster) takenOver(ctx context.Context, kind RivalKind, namespace string) ([]TakenOver, error) {
	if kind == ScaledObject {
		scaled, err := c.scaledObjects(ctx, namespace, false)
		return bearing(scaled, takenScaledObject), err
	}
	hpas, err := c.hpas(ctx, namespace)
	return bearing(hpas, takenHPA), err
}

// bearing are those of some objects that bear the annotation.
func bearing[O metav1.Object](objects []O, as func(O) TakenOver) []TakenOver {
	var all []TakenOver
	for _, o := range objects {
		if marked(o) {
			all = append(all, as(o))
		}
	}
	return all
}

func marked(object metav1.Object) bool {
	_, found := object.GetAnnotations()[TakenOverAnnotation]
	return found
}

// BeforeTakenOver is an HPA as it was before it was taken over, if it was.
func BeforeTakenOver(h *autoscaling.HorizontalPodAutoscaler) *autoscaling.HorizontalPodAutoscaler {
	if !marked(h) {
		return h
	}
	h = h.DeepCopy()
	resume(h)
	return h
}

func takenHPA(h *autoscaling.HorizontalPodAutoscaler) TakenOver {
	m, readable := remembered(h)
	to := h.Spec.ScaleTargetRef
	least := int32(1) // what Kubernetes takes where nothing is said
	if m.MinReplicas != nil {
		least = *m.MinReplicas
	}
	return TakenOver{
		Rival: Rival{Kind: HPA, Namespace: h.Namespace, Name: h.Name, Resting: rests(h), SuspendedBy: m.By},
		Of:    Ref{APIVersion: to.APIVersion, Kind: to.Kind, Namespace: h.Namespace, Name: to.Name},
		Min:   int(least), Max: int(m.MaxReplicas), Damaged: !readable || m.MaxReplicas < 1,
	}
}

func takenScaledObject(o *unstructured.Unstructured) TakenOver {
	m, readable := remembered(o)
	return TakenOver{
		Rival:   Rival{Kind: ScaledObject, Namespace: o.GetNamespace(), Name: o.GetName(), Resting: paused(o), SuspendedBy: m.By},
		Of:      scaledBy(o),
		Damaged: !readable,
	}
}

// scaledBy is what a ScaledObject scales: a Deployment where it does not say.
func scaledBy(o *unstructured.Unstructured) Ref {
	to := fields{o.Object}.under("spec").under("scaleTargetRef")
	return Ref{
		APIVersion: cmp.Or(to.text("apiVersion"), "apps/v1"), Kind: cmp.Or(to.text("kind"), "Deployment"),
		Namespace: o.GetNamespace(), Name: to.text("name"),
	}
}
