package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// fault is what is wrong with the object that a configuration names.
type fault struct {
	field string // the path of the field that is wrong
	err   error
	fix   string
}

// judge says what is wrong, from what an API server said.
func judge(ref kubernetes.Ref, w kubernetes.Workload, err error) *fault {
	resource := strings.ToLower(ref.Kind)
	switch {
	case err == nil && strings.HasPrefix(w.Controller, "Deployment "), err == nil && strings.HasPrefix(w.Controller, "Rollout "):
		return &fault{"name", fmt.Errorf("%s belongs to %s, which sets its count", ref, w.Controller), "name the " + w.Controller + " as the target"}
	case err == nil:
		return nil
	case errors.Is(err, kubernetes.ErrNoKind):
		return &fault{"kind", err, "correct kind and apiVersion: kubectl api-resources shows those there are; a kind that is not there may need its operator installed"}
	case errors.Is(err, kubernetes.ErrNotScalable):
		return &fault{"kind", err, "name an object whose kind has a scale subresource with a selector: kubectl get --raw shows it, kubectl scale changes it"}
	case errors.Is(err, kubernetes.ErrNotFound):
		return &fault{"name", fmt.Errorf("there is no %s", ref), fmt.Sprintf("correct name and namespace: kubectl get %s -A shows those there are", resource)}
	case errors.Is(err, kubernetes.ErrForbidden):
		return &fault{"namespace", err, fmt.Sprintf("grant the rights listed in docs/kubernetes.md in namespace %s: kubectl auth can-i get %s --subresource=scale -n %s", ref.Namespace, resource, ref.Namespace)}
	case errors.Is(err, kubernetes.ErrUnauthorized):
		return &fault{"kubeconfig", err, "log in again, or name other credentials: kubectl get pods shows whether they do"}
	case errors.Is(err, kubernetes.ErrUnreachable):
		return &fault{"kubeconfig", err, "start the cluster, or name another one in kubeconfig and context: kubectl cluster-info shows whether it answers"}
	default:
		return &fault{"name", err, "see what the API server says: kubectl get " + resource + " " + ref.Name + " -n " + ref.Namespace}
	}
}

// check is Check of a cluster, nil: that of the configuration.
func (c Config) check(ctx context.Context, given kubernetes.API) error {
	ref, err := c.ref()
	if err != nil && given == nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	api, err := c.open(given)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	w, err := api.Workload(ctx, ref)
	if errors.Is(err, kubernetes.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if wrong := judge(ref, w, err); wrong != nil {
		return fmt.Errorf("%s: %w; %s", wrong.field, wrong.err, wrong.fix)
	}
	return nil
}

// Examine says what the cluster says of the object and of who else scales it.
func (c Config) Examine(ctx context.Context) []target.Finding { return c.examine(ctx, nil) }

func (c Config) examine(ctx context.Context, given kubernetes.API) []target.Finding {
	ref, err := c.ref()
	var api kubernetes.API
	if err == nil || given != nil {
		api, err = c.open(given)
	}
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct kubeconfig and context in the document, or KUBECONFIG: kubectl config get-contexts"}}
	}
	w, err := api.Workload(ctx, ref)
	if wrong := judge(ref, w, err); wrong != nil {
		return []target.Finding{{Message: wrong.err.Error(), Fix: wrong.fix}}
	}
	found := []target.Finding{{Message: fmt.Sprintf("%s can be scaled; it has %s now", ref, scale.Count(w.Replicas, "replica"))}}
	if _, err := api.Pods(ctx, w); err != nil {
		found = append(found, target.Finding{Message: err.Error(), Fix: "grant get, list and watch of pods (docs/kubernetes.md)"})
	}
	return append(found, c.examineRivals(ctx, api, ref)...)
}

func (c Config) examineRivals(ctx context.Context, api kubernetes.API, ref kubernetes.Ref) []target.Finding {
	var found []target.Finding
	all, err := api.Rivals(ctx, ref)
	if err != nil {
		found = append(found, target.Finding{Message: err.Error(), Fix: "grant get, list and watch of horizontalpodautoscalers (and scaledobjects of keda.sh): who scales beside Flyball is not seen without"})
	}
	for _, r := range all {
		switch {
		case r.SuspendedBy != "":
			found = append(found, target.Finding{Message: fmt.Sprintf("%s rests: taken over by the document %s", r, r.SuspendedBy)})
		case r.Resting:
			found = append(found, target.Finding{Message: r.String() + " rests"})
		case c.TakeOver:
			found = append(found, target.Finding{Message: r.String() + " scales it and is taken over while Flyball scales (takeOver)"})
		default:
			found = append(found, target.Finding{Message: r.String() + " scales it: Flyball only recommends",
				Fix: "takeOver: true lets it rest while Flyball scales, and makes it what it was afterwards; or delete it", Acting: true})
		}
	}
	return found
}
