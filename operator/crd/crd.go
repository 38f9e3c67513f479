// Package crd makes the CustomResourceDefinitions of the operator from the
// configurations that are registered, so that a cluster checks an Autoscaler
// by the same fields, limits and words as flyball validate, and kubectl
// explain tells them.
package crd

import (
	"bytes"
	"fmt"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/flyball-io/flyball/api/v1alpha1"
)

// Names of the resources.
const (
	Group   = "flyball.io"
	Version = "v1alpha1"

	Autoscalers = "autoscalers"
	// Memories are what the deciders of an Autoscaler remember. They have a
	// resource of their own, so that the operator needs no right to write
	// anybody's ConfigMaps or Secrets.
	Memories   = "autoscalermemories"
	MemoryKind = "AutoscalerMemory"
)

// Definition returns the definition of the Autoscaler, with all that plugins
// may be configured with.
//
// It offers no subresource scale: the count is that of the target, and another
// autoscaler must not get hold of it here.
func Definition(plugins v1alpha1.Plugins) (*apiextensions.CustomResourceDefinition, error) {
	schema, err := autoscaler(plugins)
	if err != nil {
		return nil, err
	}
	d := definition(apiextensions.CustomResourceDefinitionNames{Plural: Autoscalers, Singular: "autoscaler", Kind: v1alpha1.Kind,
		ListKind: v1alpha1.Kind + "List", ShortNames: []string{"fas"}, Categories: []string{"all", "flyball"}}, schema)
	v := &d.Spec.Versions[0]
	v.Subresources = &apiextensions.CustomResourceSubresources{Status: &apiextensions.CustomResourceSubresourceStatus{}}
	v.AdditionalPrinterColumns = columns()
	return d, nil
}

// columns are what kubectl get shows; those of priority 1 with -o wide.
func columns() []apiextensions.CustomResourceColumnDefinition {
	return []apiextensions.CustomResourceColumnDefinition{
		{Name: "Target", Type: "string", JSONPath: ".status.target", Description: "What is scaled."},
		{Name: "Mode", Type: "string", JSONPath: ".status.mode", Description: "Mode that holds."},
		{Name: "Min", Type: "integer", JSONPath: ".spec.replicas.min", Description: "Fewest replicas."},
		{Name: "Max", Type: "integer", JSONPath: ".spec.replicas.max", Description: "Most replicas."},
		{Name: "Current", Type: "integer", JSONPath: ".status.currentReplicas", Description: "Replicas that are asked for now."},
		{Name: "Desired", Type: "integer", JSONPath: ".status.desiredReplicas", Description: "Replicas of the newest decision."},
		{Name: "Ready", Type: "string", JSONPath: `.status.conditions[?(@.type=="Ready")].reason`, Description: "Whether the document is taken, or why not."},
		{Name: "Policy", Type: "string", JSONPath: ".status.policy", Description: "What recommends the count.", Priority: 1},
		{Name: "Reason", Type: "string", JSONPath: ".status.reason", Description: "Why the newest decision is what it is, in one word."},
		{Name: "Why", Type: "string", JSONPath: ".status.message", Description: "Why the newest decision is what it is, in words.", Priority: 1},
		{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"},
	}
}

// Memory returns the definition of what an Autoscaler's deciders remember.
func Memory() *apiextensions.CustomResourceDefinition {
	text := func(description string) apiextensions.JSONSchemaProps {
		return apiextensions.JSONSchemaProps{Type: "string", Description: description}
	}
	blob := func(description string) apiextensions.JSONSchemaProps {
		p := text(description)
		p.Format, p.MaxLength = "byte", new(int64(maxMemory))
		return p
	}
	schema := &apiextensions.JSONSchemaProps{Type: "object", Description: "What an Autoscaler has learned and must not forget when another instance of the operator takes over. Deleting it makes the policy and its guards begin afresh.",
		Properties: map[string]apiextensions.JSONSchemaProps{
			"apiVersion": text(""), "kind": text(""), "metadata": {Type: "object"},
			"decider":  blob("Snapshot of policy and guards, compressed with gzip."),
			"override": blob("What was set by hand: mode and pause."),
		}}
	return definition(apiextensions.CustomResourceDefinitionNames{Plural: Memories, Singular: "autoscalermemory", Kind: MemoryKind,
		ListKind: MemoryKind + "List", ShortNames: []string{"fasm"}}, schema)
}

// stays has Helm leave a definition when its release goes, or is upgraded with
// crds.install: false: every object of the kind would go with it.
const stays = "helm.sh/resource-policy"

// maxMemory bounds a snapshot in base64: objects of a cluster are small.
const maxMemory = 1 << 20

func definition(names apiextensions.CustomResourceDefinitionNames, schema *apiextensions.JSONSchemaProps) *apiextensions.CustomResourceDefinition {
	return &apiextensions.CustomResourceDefinition{
		TypeMeta:   meta.TypeMeta{APIVersion: apiextensions.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition"},
		ObjectMeta: meta.ObjectMeta{Name: names.Plural + "." + Group, Annotations: map[string]string{stays: "keep"}},
		Spec: apiextensions.CustomResourceDefinitionSpec{Group: Group, Scope: apiextensions.NamespaceScoped, Names: names,
			Versions: []apiextensions.CustomResourceDefinitionVersion{{Name: Version, Served: true, Storage: true,
				Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: schema}}}},
	}
}

// Manifest returns the definitions as they are applied to a cluster.
func Manifest(plugins v1alpha1.Plugins) ([]byte, error) {
	d, err := Definition(plugins)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString("# Written by go generate ./builtin. Do not edit.\n")
	for _, one := range []*apiextensions.CustomResourceDefinition{d, Memory()} {
		text, err := yaml.Marshal(withoutStatus(one))
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", one.Name, err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes(), nil
}

// withoutStatus leaves out what the type writes although it is empty.
func withoutStatus(d *apiextensions.CustomResourceDefinition) any {
	return struct {
		meta.TypeMeta `json:",inline"`
		Metadata      map[string]any                             `json:"metadata"`
		Spec          apiextensions.CustomResourceDefinitionSpec `json:"spec"`
	}{d.TypeMeta, map[string]any{"name": d.Name, "annotations": d.Annotations}, d.Spec}
}
