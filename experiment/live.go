package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// HPA is the HorizontalPodAutoscaler of an experiment, on a real cluster.
type HPA struct {
	Client                kubernetes.Interface
	Namespace, Deployment string
	Min, Max              int
	Targets               Targets
	// ScaleDownWindow is in seconds.
	ScaleDownWindow int32
}

// former is the annotation of an HPA that an experiment has changed, with the
// spec that it had before; empty: it was made for the experiment. Whoever finds
// it can undo what an experiment that was killed has left.
const former = "flyball.io/before-experiment"

// ErrAmbiguous is returned where several HPAs scale the object: none of them
// works then, and none can be compared with.
var ErrAmbiguous = errors.New("more than one HorizontalPodAutoscaler scales it")

// Spec is what the experiment asks for.
func (h HPA) Spec() autoscaling.HorizontalPodAutoscalerSpec {
	least := int32(h.Min)
	resource := func(name core.ResourceName, percent int) autoscaling.MetricSpec {
		target := int32(percent)
		return autoscaling.MetricSpec{Type: autoscaling.ResourceMetricSourceType, Resource: &autoscaling.ResourceMetricSource{
			Name: name, Target: autoscaling.MetricTarget{Type: autoscaling.UtilizationMetricType, AverageUtilization: &target},
		}}
	}
	return autoscaling.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: apps.SchemeGroupVersion.String(), Kind: "Deployment", Name: h.Deployment},
		MinReplicas:    &least, MaxReplicas: int32(h.Max),
		Metrics:  []autoscaling.MetricSpec{resource(core.ResourceCPU, h.Targets.CPU), resource(core.ResourceMemory, h.Targets.Memory)},
		Behavior: &autoscaling.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscaling.HPAScalingRules{StabilizationWindowSeconds: &h.ScaleDownWindow}},
	}
}

// Find returns the HPA that scales the Deployment; nil when there is none.
func (h HPA) Find(ctx context.Context) (*autoscaling.HorizontalPodAutoscaler, error) {
	all, err := h.Client.AutoscalingV2().HorizontalPodAutoscalers(h.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the HorizontalPodAutoscalers of %s: %w", h.Namespace, err)
	}
	var found *autoscaling.HorizontalPodAutoscaler
	for i := range all.Items {
		if to := all.Items[i].Spec.ScaleTargetRef; to.Kind != "Deployment" || to.Name != h.Deployment {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: %s and %s", ErrAmbiguous, found.Name, all.Items[i].Name)
		}
		found = &all.Items[i]
	}
	return found, nil
}

// Install makes the HPA, or changes one that is there, and says which. Restore
// undoes it.
func (h HPA) Install(ctx context.Context) (string, error) {
	var says string
	err := retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		says, err = h.install(ctx)
		return err
	})
	return says, err
}

func (h HPA) install(ctx context.Context) (string, error) {
	all := h.Client.AutoscalingV2().HorizontalPodAutoscalers(h.Namespace)
	there, err := h.Find(ctx)
	if err != nil {
		return "", err
	}
	if there == nil {
		made := &autoscaling.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: h.Deployment, Namespace: h.Namespace, Annotations: map[string]string{former: ""}}, Spec: h.Spec()}
		if _, err := all.Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return "", fmt.Errorf("create the HorizontalPodAutoscaler %s: %w", h.Deployment, err)
		}
		return "HorizontalPodAutoscaler " + h.Deployment + " is made", nil
	}
	if equality.Semantic.DeepEqual(there.Spec, h.defaulted(there.Spec)) {
		return "HorizontalPodAutoscaler " + there.Name + " is there and asks for the same", nil
	}
	if _, changed := there.Annotations[former]; !changed { // else one that was killed left it
		before, err := json.Marshal(there.Spec)
		if err != nil {
			return "", err
		}
		metav1.SetMetaDataAnnotation(&there.ObjectMeta, former, string(before))
	}
	there.Spec = h.Spec()
	if _, err := all.Update(ctx, there, metav1.UpdateOptions{}); err != nil {
		return "", err // a conflict is tried again
	}
	return "HorizontalPodAutoscaler " + there.Name + " is changed for the experiment", nil
}

// defaulted is what is asked for with what the API server adds where nothing
// is said, taken from what is there.
func (h HPA) defaulted(there autoscaling.HorizontalPodAutoscalerSpec) autoscaling.HorizontalPodAutoscalerSpec {
	spec := h.Spec()
	if b := there.Behavior; b != nil {
		spec.Behavior.ScaleUp = b.ScaleUp
		if b.ScaleDown != nil {
			down := *b.ScaleDown
			down.StabilizationWindowSeconds = spec.Behavior.ScaleDown.StabilizationWindowSeconds
			spec.Behavior.ScaleDown = &down
		}
	}
	return spec
}

// Restore deletes the HPA that was made for an experiment, or makes it what it
// was, and says what it did; "" when nothing was to be done.
func (h HPA) Restore(ctx context.Context) (string, error) {
	var says string
	err := retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		says, err = h.restore(ctx)
		return err
	})
	return says, err
}

func (h HPA) restore(ctx context.Context) (string, error) {
	there, err := h.Find(ctx)
	if err != nil || there == nil {
		return "", err
	}
	before, changed := there.Annotations[former]
	if !changed {
		return "", nil
	}
	all := h.Client.AutoscalingV2().HorizontalPodAutoscalers(h.Namespace)
	if before == "" {
		err := all.Delete(ctx, there.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(there.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			return "", fmt.Errorf("delete the HorizontalPodAutoscaler %s: %w", there.Name, err)
		}
		return "HorizontalPodAutoscaler " + there.Name + " of the experiment is deleted", nil
	}
	var spec autoscaling.HorizontalPodAutoscalerSpec
	if err := json.Unmarshal([]byte(before), &spec); err != nil {
		return "", fmt.Errorf("HorizontalPodAutoscaler %s: annotation %s: %w", there.Name, former, err)
	}
	there.Spec = spec
	delete(there.Annotations, former)
	if _, err := all.Update(ctx, there, metav1.UpdateOptions{}); err != nil {
		return "", err // a conflict is tried again
	}
	return "HorizontalPodAutoscaler " + there.Name + " is what it was", nil
}

// Status is what the live HPA says of itself; nil when there is none, or when it
// has not looked yet.
func (h HPA) Status(ctx context.Context) (*HPAStatus, error) {
	there, err := h.Find(ctx)
	if err != nil || there == nil || len(there.Status.Conditions) == 0 {
		return nil, err
	}
	return &HPAStatus{Current: int(there.Status.CurrentReplicas), Desired: int(there.Status.DesiredReplicas)}, nil
}
