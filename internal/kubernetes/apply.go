package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"github.com/flyball-io/flyball/internal/clock"
)

// Objects reads a stream of YAML documents.
func Objects(text []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		o := &unstructured.Unstructured{}
		err := d.Decode(&o.Object)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(o.Object) > 0:
			all = append(all, o)
		}
	}
}

// kindTimeout is how long a kind may take to be known once it was defined.
const kindTimeout = 30 * time.Second

// Apply makes objects what these say, in their order, by server-side apply: what
// others have set of them stays. It tells of each whether it was made, changed,
// or was so already.
func (c *Cluster) Apply(ctx context.Context, manager string, all []*unstructured.Unstructured, tell func(o *unstructured.Unstructured, what string)) error {
	for _, o := range all {
		what, err := c.apply(ctx, manager, o)
		if err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), nameIn(o), err)
		}
		tell(o, what)
	}
	return nil
}

func (c *Cluster) apply(ctx context.Context, manager string, o *unstructured.Unstructured) (string, error) {
	to, err := c.client(ctx, o, kindTimeout)
	if err != nil {
		return "", err
	}
	before, err := ask(ctx, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return to.Get(ctx, o.GetName(), metav1.GetOptions{})
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	made := err != nil
	after, err := ask(ctx, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return to.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: true})
	})
	switch {
	case err != nil:
		return "", err
	case made:
		return "made", nil
	case after.GetResourceVersion() != before.GetResourceVersion():
		return "changed", nil
	default:
		return "unchanged", nil
	}
}

func nameIn(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}

// client is where objects of a kind are. One that has just been defined is
// waited for.
func (c *Cluster) client(ctx context.Context, o *unstructured.Unstructured, patience time.Duration) (dynamic.ResourceInterface, error) {
	kind, until := o.GroupVersionKind(), clock.System.Now().Add(patience)
	for {
		mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		switch {
		case err == nil && mapping.Scope.Name() == meta.RESTScopeNameRoot:
			return c.dynamic.Resource(mapping.Resource), nil
		case err == nil:
			return c.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
		case !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err), !clock.System.Now().Before(until):
			return nil, Named(err)
		}
		c.mapper.Reset()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-clock.System.After(200 * time.Millisecond):
		}
	}
}
