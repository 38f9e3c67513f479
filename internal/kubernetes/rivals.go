package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/flyball-io/flyball/internal/clock"
)

// Of KEDA. While a ScaledObject is paused KEDA takes away the HPA that it made
// and leaves the count as it is.
const (
	kedaVersion = "keda.sh/v1alpha1"
	kedaPaused  = "autoscaling.keda.sh/paused"
	kedaCount   = "autoscaling.keda.sh/paused-replicas"
)

// TakenOverAnnotation is on a rival that rests on somebody's behalf, with what
// it was before: whoever finds it can make it that again.
const TakenOverAnnotation = "flyball.io/taken-over"

// former is what the annotation holds.
type former struct {
	By string `json:"by"`
	// Of an HPA: what was changed of it.
	MinReplicas *int32                                       `json:"minReplicas,omitempty"`
	MaxReplicas int32                                        `json:"maxReplicas,omitempty"`
	Behavior    *autoscaling.HorizontalPodAutoscalerBehavior `json:"behavior,omitempty"`
}

// remembered is what an object's annotation says; false where it has none.
func remembered(object metav1.Object) (former, bool) {
	var m former
	text, found := object.GetAnnotations()[TakenOverAnnotation]
	return m, found && json.Unmarshal([]byte(text), &m) == nil
}

// Rivals are those who scale the object beside us: HPAs, and ScaledObjects in
// the place of the HPAs that KEDA makes of them. Where one kind may not be listed
// those of the other are returned with an [ErrForbidden] that names the right.
func (c *Cluster) Rivals(ctx context.Context, ref Ref) ([]Rival, error) {
	hpas, noHPAs := c.hpas(ctx, ref.Namespace)
	if noHPAs != nil && !errors.Is(noHPAs, ErrForbidden) {
		return nil, fmt.Errorf("who scales %s: HorizontalPodAutoscalers: %w", ref, noHPAs)
	}
	hpas = slices.DeleteFunc(hpas, func(h *autoscaling.HorizontalPodAutoscaler) bool {
		to := h.Spec.ScaleTargetRef
		return !ref.is(to.APIVersion, to.Kind, to.Name)
	})
	scaled, noScaled := c.scaledObjects(ctx, ref.Namespace, slices.ContainsFunc(hpas, ofKeda))
	if noScaled != nil && !errors.Is(noScaled, ErrForbidden) {
		return nil, fmt.Errorf("who scales %s: ScaledObjects: %w", ref, noScaled)
	}
	var all []Rival
	for _, h := range hpas {
		switch {
		case !ofKeda(h):
			all = append(all, takenHPA(h).Rival)
		case noScaled != nil:
			all = append(all, Rival{Kind: KEDAHPA, Namespace: h.Namespace, Name: h.Name})
		}
	}
	for _, o := range scaled {
		if one := takenScaledObject(o); ref.is(one.Of.APIVersion, one.Of.Kind, one.Of.Name) {
			all = append(all, one.Rival)
		}
	}
	slices.SortFunc(all, func(a, b Rival) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	switch {
	case noHPAs != nil:
		return all, lacking(ref, HPA, noHPAs)
	case noScaled != nil:
		return all, lacking(ref, ScaledObject, noScaled)
	default:
		return all, nil
	}
}

// lacking names the right without which not all who scale an object are known.
func lacking(ref Ref, kind RivalKind, err error) error {
	return fmt.Errorf("who else scales %s is not known: the right to list %s %s is lacking: %w", ref, rights[kind], placeOf(ref.Namespace), err)
}

// is reports whether these words name the object, by any version of its group.
func (r Ref) is(apiVersion, kind, name string) bool {
	return name == r.Name && schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind() == r.groupKind()
}

func ofKeda(h *autoscaling.HorizontalPodAutoscaler) bool {
	owner := metav1.GetControllerOf(h)
	return owner != nil && owner.Kind == string(ScaledObject)
}

func (c *Cluster) hpas(ctx context.Context, namespace string) ([]*autoscaling.HorizontalPodAutoscaler, error) {
	var all []*autoscaling.HorizontalPodAutoscaler
	if told, alive := c.told(hpasResource, namespace); alive {
		found, err := told.ByIndex(cache.NamespaceIndex, namespace)
		for _, object := range found {
			all = append(all, object.(*autoscaling.HorizontalPodAutoscaler))
		}
		return all, err
	}
	list, err := ask(ctx, func(ctx context.Context) (*autoscaling.HorizontalPodAutoscalerList, error) {
		return c.typed.AutoscalingV2().HorizontalPodAutoscalers(namespace).List(ctx, metav1.ListOptions{})
	})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	return all, nil
}

// kedaAgain is how often it is looked whether KEDA has come where nothing says
// so.
const kedaAgain = time.Minute

// kedaResource is that of ScaledObjects. Where KEDA is not installed, which is
// the rule, each look would ask for all the kinds there are.
func (c *Cluster) kedaResource(ctx context.Context, installed bool) (schema.GroupVersionResource, error) {
	if installed || c.keda.due(clock.System.Now(), kedaAgain) {
		return c.Resource(ctx, kedaVersion, string(ScaledObject))
	}
	return c.knownResource(ctx, kedaVersion, string(ScaledObject))
}

// scaledObjects are those of KEDA; none where KEDA is not installed. That it is
// may be known already.
func (c *Cluster) scaledObjects(ctx context.Context, namespace string, installed bool) ([]*unstructured.Unstructured, error) {
	resource, err := c.kedaResource(ctx, installed)
	if errors.Is(err, ErrNoKind) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	if told, alive := c.told(resource, namespace); alive {
		found, err := told.ByIndex(cache.NamespaceIndex, namespace)
		for _, object := range found {
			all = append(all, object.(*unstructured.Unstructured))
		}
		return all, err
	}
	list, err := ask(ctx, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
		return c.dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	return all, nil
}
