// Package imported makes documents of what scales a cluster already: of a
// HorizontalPodAutoscaler one that decides as it does, in mode Recommend, so
// that both can run side by side before one takes over. Whatever cannot be
// taken over stands in a comment where it would be.
package imported

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/flyball-io/flyball/internal/kubernetes"
)

// Kinds that can be imported.
const (
	HPAKind = "HorizontalPodAutoscaler"
	VPAKind = "VerticalPodAutoscaler"
)

// object is what all objects of Kubernetes say of themselves.
type object struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"` // of a List
}

// HPAs reads HorizontalPodAutoscalers as kubectl prints them, in YAML or JSON:
// one, several documents, or a List.
func HPAs(text io.Reader) ([]autoscaling.HorizontalPodAutoscaler, error) {
	return read(text, HPAKind, hpaOf)
}

// VPAs reads VerticalPodAutoscalers likewise.
func VPAs(text io.Reader) ([]VPA, error) {
	return read(text, VPAKind, func(version string, data []byte) (VPA, error) {
		var v VPA
		if !strings.HasPrefix(version, "autoscaling.k8s.io/") {
			return v, fmt.Errorf("apiVersion: must be autoscaling.k8s.io/v1, got %q", version)
		}
		return v, json.Unmarshal(data, &v)
	})
}

// largest is what a file may hold.
const largest = 16 << 20

func read[T any](text io.Reader, kind string, decode func(version string, data []byte) (T, error)) ([]T, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(io.LimitReader(text, largest), 4096)
	var all []T
	for {
		var raw json.RawMessage
		switch err := decoder.Decode(&raw); {
		case errors.Is(err, io.EOF):
			if len(all) == 0 {
				return nil, fmt.Errorf("there is no %s in it", kind)
			}
			return all, nil
		case err != nil:
			return nil, err
		}
		more, err := readOne(raw, kind, decode)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
}

// readOne reads an object, or those of a list.
func readOne[T any](raw json.RawMessage, kind string, decode func(version string, data []byte) (T, error)) ([]T, error) {
	if text := bytes.TrimSpace(raw); len(text) == 0 || bytes.Equal(text, []byte("null")) {
		return nil, nil // an empty document
	}
	var of object
	if err := json.Unmarshal(raw, &of); err != nil {
		return nil, fmt.Errorf("it is no object of Kubernetes: %w", err)
	}
	if strings.HasSuffix(of.Kind, "List") {
		var all []T
		for _, item := range of.Items {
			more, err := readOne(item, kind, decode)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	}
	if of.Kind != kind {
		return nil, fmt.Errorf("kind: must be %s, got %q", kind, of.Kind)
	}
	one, err := decode(of.APIVersion, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return []T{one}, nil
}

// hpaOf reads any version that API servers have served since 1.12.
func hpaOf(version string, data []byte) (hpa autoscaling.HorizontalPodAutoscaler, err error) {
	switch version {
	case "autoscaling/v2", "autoscaling/v2beta2": // the fields are the same
		err = json.Unmarshal(data, &hpa)
		return hpa, err
	case "autoscaling/v1":
		var old autoscalingv1.HorizontalPodAutoscaler
		if err := json.Unmarshal(data, &old); err != nil {
			return hpa, err
		}
		return fromV1(&old)
	default:
		return hpa, fmt.Errorf("apiVersion: must be autoscaling/v2 or autoscaling/v1, got %q; kubectl get hpa.v2.autoscaling NAME -o yaml prints it so", version)
	}
}

// Options say how the cluster of a document is reached.
type Options struct{ kubernetes.Access }
