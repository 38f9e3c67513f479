package crd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/flyball-io/flyball/api/v1alpha1"
)

// node is a JSON Schema as package v1alpha1 writes it.
type node struct {
	Type                 string           `json:"type"`
	Format               string           `json:"format"`
	Pattern              string           `json:"pattern"`
	Description          string           `json:"description"`
	Ref                  string           `json:"$ref"`
	Defs                 map[string]*node `json:"$defs"`
	Properties           map[string]*node `json:"properties"`
	AdditionalProperties json.RawMessage  `json:"additionalProperties"`
	Items                *node            `json:"items"`
	Required             []string         `json:"required"`
	OneOf                []struct {
		Required []string `json:"required"`
	} `json:"oneOf"`
	Enum             []json.RawMessage `json:"enum"`
	Default          json.RawMessage   `json:"default"`
	Minimum          *float64          `json:"minimum"`
	Maximum          *float64          `json:"maximum"`
	ExclusiveMinimum *float64          `json:"exclusiveMinimum"`
	ExclusiveMaximum *float64          `json:"exclusiveMaximum"`
	MinLength        *int64            `json:"minLength"`
	MaxLength        *int64            `json:"maxLength"`
	MinItems         *int64            `json:"minItems"`
	MaxItems         *int64            `json:"maxItems"`

	ListType    string `json:"x-kubernetes-list-type"`
	ListMapKeys string `json:"x-kubernetes-list-map-keys"`
}

// autoscaler is the schema of the whole object.
func autoscaler(plugins v1alpha1.Plugins) (*apiextensions.JSONSchemaProps, error) {
	raw, err := v1alpha1.Schema(plugins)
	if err != nil {
		return nil, err
	}
	var root, status node
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	if raw, err = v1alpha1.StatusSchema(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &status); err != nil {
		return nil, fmt.Errorf("read JSON Schema of the status: %w", err)
	}
	b := builder{defs: root.Defs}
	spec := b.spec(root.Properties["spec"])
	ownStatus := b.convert(&status, 0)
	ownStatus.Description = "What the operator tells of it."
	return &apiextensions.JSONSchemaProps{Type: "object",
		Description: "Says what is scaled, on what, how and within which limits.",
		Required:    []string{"spec"},
		Properties: map[string]apiextensions.JSONSchemaProps{
			"apiVersion": {Type: "string"}, "kind": {Type: "string"}, "metadata": metadata(root.Properties["metadata"]),
			"spec": spec, "status": ownStatus,
		}}, nil
}

// metadata is that of Kubernetes, with a name that has no dot: an object is
// known by its namespace, a dot and its name everywhere else.
func metadata(written *node) apiextensions.JSONSchemaProps {
	name := written.Properties["name"]
	return apiextensions.JSONSchemaProps{Type: "object", Properties: map[string]apiextensions.JSONSchemaProps{
		"name": {Type: "string", MaxLength: name.MaxLength, Pattern: name.Pattern},
	}}
}

// builder turns JSON Schema into the structural schema of Kubernetes: without
// references, without defaults, which the server would write into every object.
type builder struct{ defs map[string]*node }

// nesting is how deep policies within policies are written out where one is
// applied. Elsewhere, and below, the operator and its admission check alone:
// a definition that knew it all would be too large to be applied.
const nesting = 2

// spec writes out policies within the policy that is applied.
func (b builder) spec(n *node) apiextensions.JSONSchemaProps {
	s := b.convert(n, nesting-1)
	policy := n.Properties["policy"]
	s.Properties["policy"] = b.plugin(policy, nesting)
	addRules(&s)
	return s
}

// convert writes out plug-ins that are depth deep in one another.
func (b builder) convert(n *node, depth int) apiextensions.JSONSchemaProps {
	if n.Ref != "" {
		return b.plugin(n, depth)
	}
	s := apiextensions.JSONSchemaProps{Type: n.Type, Format: n.Format, Pattern: n.Pattern, Description: described(n),
		Required: n.Required, MinLength: n.MinLength, MaxLength: n.MaxLength, MinItems: n.MinItems, MaxItems: n.MaxItems}
	s.Minimum, s.ExclusiveMinimum = bound(n.Minimum, n.ExclusiveMinimum)
	s.Maximum, s.ExclusiveMaximum = bound(n.Maximum, n.ExclusiveMaximum)
	for _, value := range n.Enum {
		s.Enum = append(s.Enum, apiextensions.JSON{Raw: value})
	}
	if n.Items != nil {
		items := b.convert(n.Items, depth)
		s.Items = &apiextensions.JSONSchemaPropsOrArray{Schema: &items}
	}
	if n.ListType != "" {
		s.XListType = &n.ListType
	}
	if n.ListMapKeys != "" {
		s.XListMapKeys = []string{n.ListMapKeys}
	}
	b.fields(&s, n, depth)
	return s
}

// fields writes those of an object. That it has no others need not be said:
// the server drops unknown fields, or refuses them, as it is asked to.
func (b builder) fields(s *apiextensions.JSONSchemaProps, n *node, depth int) {
	if len(n.Properties) > 0 {
		s.Properties = map[string]apiextensions.JSONSchemaProps{}
	}
	for name, property := range n.Properties {
		s.Properties[name] = b.convert(property, depth)
	}
	var values node
	if json.Unmarshal(n.AdditionalProperties, &values) == nil && values.Type != "" {
		each := b.convert(&values, depth)
		s.AdditionalProperties = &apiextensions.JSONSchemaPropsOrBool{Allows: true, Schema: &each}
	}
}

// bound is a limit as OpenAPI 3.0 writes it.
func bound(inclusive, exclusive *float64) (*float64, bool) {
	if exclusive != nil {
		return exclusive, true
	}
	return inclusive, false
}

// described is a description with the default, which is not written into
// objects: a later version may have a better one.
func described(n *node) string {
	text := sentence(n.Description)
	var value any
	if len(n.Default) == 0 || json.Unmarshal(n.Default, &value) != nil || value == "" || value == nil || strings.Contains(text, "efault ") {
		return text
	}
	return strings.TrimSpace(text + " Default: " + strings.Trim(string(n.Default), `"`) + ".")
}

// sentence begins and ends as one.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// plugin writes the kinds that a plug-in may be, of which exactly one is
// chosen. One that is too deep takes whatever it is given.
func (b builder) plugin(n *node, depth int) apiextensions.JSONSchemaProps {
	contract := strings.TrimPrefix(n.Ref, "#/$defs/")
	if depth == 0 {
		open := apiextensions.JSONSchemaProps{Type: "object", Description: sentence(n.Description), XPreserveUnknownFields: new(true)}
		open.MinProperties, open.MaxProperties = new(int64(1)), new(int64(1))
		return open
	}
	def := b.defs[contract]
	s := b.convert(def, depth-1)
	s.Description = sentence(n.Description)
	if contract == string(v1alpha1.PolicyContract) && depth < nesting {
		// It may be one of many: a rule for each would be beyond the limits of the
		// server, and unknown kinds are dropped before they are counted.
		s.MinProperties, s.MaxProperties = new(int64(1)), new(int64(1))
		undescribed(s.Properties)
		return s
	}
	s.XValidations = apiextensions.ValidationRules{exactlyOne(contract, kinds(def))}
	return s
}

// undescribed takes the descriptions out of fields: a policy is described where it
// is chosen, in spec.policy, and within others a dozen times over the words alone
// would be more than kubectl apply takes.
func undescribed(fields map[string]apiextensions.JSONSchemaProps) {
	for name, field := range fields {
		field.Description = ""
		if field.Items != nil {
			field.Items.Schema.Description = ""
			undescribed(field.Items.Schema.Properties)
		}
		if field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil {
			field.AdditionalProperties.Schema.Description = ""
		}
		undescribed(field.Properties)
		fields[name] = field
	}
}

// kinds are those that a contract has, sorted.
func kinds(def *node) []string {
	all := map[string]bool{}
	for _, one := range def.OneOf {
		for _, name := range one.Required {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
