package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/flyball-io/flyball/internal/clock"
)

// goneGrace is how much longer than it said a pod may take to end: the kubelet
// and the garbage collector come to it in their own time.
const goneGrace = time.Minute

// Delete takes objects away, the last first. Those that are gone are no fault.
//
// What has pods is waited for until they have ended, for as long as they are
// given and a minute. Else their rights and their ServiceAccount would go while
// they still write down what the next one must know, and hand back what they
// have taken over. Where they do not end in time, what they need stays.
func (c *Cluster) Delete(ctx context.Context, all []*unstructured.Unstructured, tell func(o *unstructured.Unstructured, what string)) error {
	for _, o := range slices.Backward(all) {
		err := c.delete(ctx, o, func(what string) { tell(o, what) })
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNoKind) {
			return fmt.Errorf("%s %s: %w", o.GetKind(), nameIn(o), err)
		}
	}
	return nil
}

func (c *Cluster) delete(ctx context.Context, o *unstructured.Unstructured, tell func(what string)) error {
	at, err := c.client(ctx, o, 0)
	if err != nil {
		return err
	}
	there, err := get(ctx, at, o.GetName())
	if err != nil {
		return err
	}
	// Foreground: an object is there for as long as what it has made.
	foreground := metav1.DeletePropagationForeground
	_, err = ask(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, at.Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: &foreground})
	})
	if err != nil {
		return err
	}
	if takes, pods := patienceOf(there); pods {
		if err := untilGone(ctx, at, there, takes, tell); err != nil {
			return err
		}
	}
	tell("deleted")
	return nil
}

func get(ctx context.Context, at dynamic.ResourceInterface, name string) (*unstructured.Unstructured, error) {
	return ask(ctx, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return at.Get(ctx, name, metav1.GetOptions{})
	})
}

// patienceOf is how long the pods of an object may take to end; pods is false
// where it has none.
func patienceOf(o *unstructured.Unstructured) (takes time.Duration, pods bool) {
	pod, pods, err := unstructured.NestedMap(o.Object, "spec", "template", "spec")
	if err != nil || !pods {
		return 0, false
	}
	seconds, given, err := unstructured.NestedInt64(pod, "terminationGracePeriodSeconds")
	if err != nil || !given {
		seconds = 30 // as the cluster sets it
	}
	return time.Duration(seconds)*time.Second + goneGrace, true
}

// untilGone waits until an object that is being deleted is gone, or another one
// has its name.
func untilGone(ctx context.Context, at dynamic.ResourceInterface, was *unstructured.Unstructured, most time.Duration, tell func(what string)) error {
	began, told := clock.System.Now(), false
	for {
		now, err := get(ctx, at, was.GetName())
		late := clock.System.Now().Sub(began) >= most
		switch {
		case errors.Is(err, ErrNotFound), err == nil && now.GetUID() != was.GetUID():
			return nil
		case err != nil && (late || !errors.Is(err, ErrUnreachable)):
			return err
		case late:
			return fmt.Errorf("its pods have not ended within %v; what they need is left where it is: look at kubectl get pods --namespace %s, then delete again", most, was.GetNamespace())
		}
		if !told {
			told = true
			tell(fmt.Sprintf("waits for its pods to end, %v at most", most))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.System.After(500 * time.Millisecond):
		}
	}
}
