package crd_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	internal "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/operator/crd"
)

var update = flag.Bool("update", false, "write the generated file anew")

func TestCheckedInManifestIsTheGeneratedOne(t *testing.T) {
	generated, err := crd.Manifest(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../deploy/chart/operator/files/crds.yaml"
	if *update {
		if err := os.WriteFile(file, generated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkedIn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(checkedIn), string(generated)); diff != "" {
		t.Errorf("%s is out of date; run go generate ./builtin (-checked in +generated):\n%s", file, diff)
	}
}

func definition(t *testing.T) *apiextensions.CustomResourceDefinition {
	t.Helper()
	d, err := crd.Definition(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What the server checks before it takes a definition: structural schemas,
// rules that compile, and what they may cost.
func TestServerTakesTheDefinitions(t *testing.T) {
	for _, d := range []*apiextensions.CustomResourceDefinition{definition(t), crd.Memory()} {
		apiextensions.SetDefaults_CustomResourceDefinition(d)
		apiextensions.SetDefaults_CustomResourceDefinitionSpec(&d.Spec)
		d.Status.StoredVersions = []string{crd.Version}
		var in internal.CustomResourceDefinition
		if err := apiextensions.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d, &in, nil); err != nil {
			t.Fatal(err)
		}
		for _, fault := range validation.ValidateCustomResourceDefinition(t.Context(), &in) {
			t.Errorf("%s: %v", d.Name, fault)
		}
	}
}

// kubectl apply writes the whole object into an annotation of at most 256 KiB.
func TestDefinitionCanBeApplied(t *testing.T) {
	raw, err := json.Marshal(definition(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(raw))
	if len(raw) > 240<<10 {
		t.Errorf("the definition has %d bytes: kubectl apply takes less than 262144", len(raw))
	}
}

func TestDescriptionsTellWhatAFieldIs(t *testing.T) {
	s, err := schema.NewStructural(internalSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"spec":                          "What is scaled",
		"spec.policy":                   "exactly one",
		"spec.policy.predictive":        "",
		"spec.policy.hpa":               "",
		"spec.target":                   "What is scaled: exactly one.",
		"spec.sync":                     "Time between two decisions. Default: 15s.",
		"spec.objective.latency.window": "Default: 1h.",
		"status.conditions":             "AbleToScale",
		"spec.policy.schedule.of.hpa":   "",
		"spec.behavior.scaleUp.stabilizationWindowSeconds": "",
	} {
		at := s
		for _, field := range strings.Split(path, ".") {
			below, ok := at.Properties[field]
			if !ok {
				t.Errorf("%s: there is no %s", path, field)
				break
			}
			at = &below
		}
		if !strings.Contains(at.Description, want) {
			t.Errorf("%s: described as %q, want %q in it", path, at.Description, want)
		}
	}
}

func internalSchema(t *testing.T) *internal.JSONSchemaProps {
	t.Helper()
	var in internal.JSONSchemaProps
	out := definition(t).Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensions.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(out, &in, nil); err != nil {
		t.Fatal(err)
	}
	return &in
}
