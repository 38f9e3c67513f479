package operator

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/operator/crd"
)

// inCluster keeps each memory in an object of its own, which goes with the
// Autoscaler.
type inCluster struct {
	client client.Client
	reader client.Reader // past the cache: it is read once
	log    *slog.Logger
	// namespaces are those that are looked at; none: all.
	namespaces []string
}

func memoryKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: crd.Group, Version: crd.Version, Kind: crd.MemoryKind}
}

// Load reads all, some hundreds at a time.
func (c inCluster) Load(ctx context.Context) (map[types.NamespacedName]memory, error) {
	all := map[types.NamespacedName]memory{}
	namespaces := c.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		for next := ""; ; {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(memoryKind().GroupVersion().WithKind(crd.MemoryKind + "List"))
			if err := c.reader.List(ctx, list, client.InNamespace(namespace), client.Limit(500), client.Continue(next)); err != nil {
				return nil, err
			}
			for i := range list.Items {
				if m, err := unpack(&list.Items[i]); err == nil {
					all[keyOf(&list.Items[i])] = m
				} else {
					c.log.Warn("what an Autoscaler remembers cannot be read: it begins afresh", slog.String("target", Name(keyOf(&list.Items[i]))), slog.Any("error", err))
				}
			}
			if next = list.GetContinue(); next == "" {
				break
			}
		}
	}
	return all, nil
}

// Keep writes the object of a memory. What was set by hand is kept also where
// the rest is too large.
func (c inCluster) Keep(ctx context.Context, of *unstructured.Unstructured, m memory) error {
	content, large := pack(m)
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(memoryKind())
	u.SetNamespace(of.GetNamespace())
	u.SetName(of.GetName())
	if err := unstructured.SetNestedSlice(u.Object, []any{map[string]any{"apiVersion": v1alpha1.APIVersion, "kind": v1alpha1.Kind,
		"name": of.GetName(), "uid": string(of.GetUID())}}, "metadata", "ownerReferences"); err != nil {
		return err
	}
	err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), fieldOwner, client.ForceOwnership)
	if err == nil {
		return large
	}
	return client.IgnoreNotFound(err) // its namespace is gone
}

// tooLarge is the error of a memory that no object may hold.
type tooLarge int

func (n tooLarge) Error() string {
	return fmt.Sprintf("%d bytes compressed, at most %d may be kept", int(n), largestMemory)
}

// pack is the content of an object that holds a memory, without what deciders
// know where the error is [tooLarge].
func pack(m memory) (content map[string]any, large error) {
	content = map[string]any{}
	if m.Override != nil {
		content["override"] = base64.StdEncoding.EncodeToString(m.Override)
	}
	if m.Decider != nil {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(m.Decider) // a buffer takes all
		_ = w.Close()
		if b.Len() > largestMemory {
			return content, tooLarge(b.Len())
		}
		content["decider"] = base64.StdEncoding.EncodeToString(b.Bytes())
	}
	return content, nil
}

// largestUnpacked is far above any honest snapshot.
const largestUnpacked = 32 << 20

func unpack(u *unstructured.Unstructured) (m memory, err error) {
	if text, ok, _ := unstructured.NestedString(u.Object, "override"); ok {
		if m.Override, err = base64.StdEncoding.DecodeString(text); err != nil {
			return m, err
		}
	}
	text, ok, _ := unstructured.NestedString(u.Object, "decider")
	if !ok {
		return m, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return m, err
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		m.Decider, err = io.ReadAll(io.LimitReader(r, largestUnpacked))
	}
	return m, err
}
