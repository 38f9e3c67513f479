package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// onCluster are the objects that a call prints.
func onCluster(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	out, says, status := execute(t.Context(), append([]string{"deploy", "kubernetes"}, args...)...)
	if status != 0 {
		t.Fatalf("%v: %d, %s", args, status, says)
	}
	all, err := kubernetes.Objects([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func kindsOf(all []*unstructured.Unstructured) []string {
	var kinds []string
	for _, o := range all {
		kinds = append(kinds, o.GetKind())
	}
	return kinds
}

// What runs in the cluster is started with commands and flags that exist.
func TestManifestsNameCommandsAndFlagsThatExist(t *testing.T) {
	checked := 0
	for _, args := range [][]string{{"local"}, {"staging"}, {"production", "--provider", "eks"}, {"production", "--provider", "gke", "--ingress", "traefik"}} {
		for _, o := range onCluster(t, args...) {
			containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range containers {
				words, _, err := unstructured.NestedStringSlice(c.(map[string]any), "args")
				if err != nil {
					t.Fatal(err)
				}
				commandExists(t, o.GetName(), words)
				checked++
			}
		}
	}
	if checked != 8 {
		t.Errorf("%d containers, want the operator and the app of four", checked)
	}
}

// The Autoscaler that is shipped is a right document.
func TestTheAutoscalerOfTheAppIsRight(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte("app: {autoscaler: {signals: [{name: requestRate, prometheus: {server: 'http://prometheus:9090', query: 'sum(rate(requests[1m]))'}}]}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"local"}, {"production", "--values", values}} {
		for _, o := range onCluster(t, append(args, "--without", "operator")...) {
			if o.GetKind() != v1alpha1.Kind {
				continue
			}
			text, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			plugins := builtin.New()
			docs, err := v1alpha1.Loader{Plugins: plugins, Stdin: strings.NewReader(string(text))}.Load([]string{"-"})
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, text)
			}
			if _, err := app.NewSpecs(docs, plugins); err != nil {
				t.Errorf("%v: %v", args, err)
			}
		}
	}
}

func TestWhatIsLeftOutIsLeftOut(t *testing.T) {
	if kinds := kindsOf(onCluster(t, "--without", "operator")); !slices.Equal(kinds, []string{"Service", "Deployment", "Autoscaler"}) {
		t.Errorf("got %v", kinds)
	}
	if kinds := kindsOf(onCluster(t, "--without", "app,crds")); kinds[0] != "Namespace" || slices.Contains(kinds, "Autoscaler") || slices.Contains(kinds, "CustomResourceDefinition") {
		t.Errorf("got %v", kinds)
	}
	images := map[string]string{}
	for _, o := range onCluster(t, "--image", "registry:5000/shop/web", "--flyball-image", "flyball:1.2", "--port", "3000", "-n", "shop", "--name", "web") {
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		for _, c := range containers {
			images[o.GetName()] = c.(map[string]any)["image"].(string)
			if c := c.(map[string]any); o.GetName() == "web" && c["args"] != nil {
				t.Errorf("an image of one's own is started as %v", c["args"])
			}
		}
	}
	if images["web"] != "registry:5000/shop/web:latest" || images["flyball"] != "flyball:1.2" {
		t.Errorf("got %v", images)
	}
}

// An image of one's own keeps its user and its files, and may ask whom it asks,
// unless a file says that it is made for less.
func TestAnImageOfOnesOwnKeepsItsUserAndFiles(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte("app: {hardened: true}"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := []string{"production", "--without", "operator", "--image", "shop/web:1.4"}
	for _, tc := range []struct {
		what     string
		args     []string
		hardened bool
	}{
		{"the sample app", own[:3], true},
		{"an image of one's own", own, false},
		{"one that is made for it", append(own, "--values", values), true},
	} {
		for _, o := range onCluster(t, tc.args...) {
			var got bool
			switch o.GetKind() {
			case "Deployment":
				_, got, _ = unstructured.NestedFieldNoCopy(o.Object, "spec", "template", "spec", "securityContext", "runAsUser")
			case "NetworkPolicy":
				_, got, _ = unstructured.NestedSlice(o.Object, "spec", "egress")
			default:
				continue
			}
			if got != tc.hardened {
				t.Errorf("%s: %s is hardened: %v, want %v", tc.what, o.GetKind(), got, tc.hardened)
			}
		}
	}
}

func TestWrongDeploymentsAreRefused(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("replicas: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"moon"}, `environment: must be one of local, staging, production, got "moon"`},
		{[]string{"--ingress", "envoy"}, `--ingress: must be one of nginx, traefik, none, got "envoy"`},
		{[]string{"--provider", "aks"}, `--provider: must be one of eks, gke, got "aks"`},
		{[]string{"--without", "rbac"}, `--without: must be one of app, operator, crds, got "rbac"`},
		{[]string{"-n", "Shop"}, `--namespace: must be at most 63 lower-case letters, digits and hyphens, got "Shop"`},
		{[]string{"--operator-namespace", "a.b"}, "--operator-namespace: must be"},
		{[]string{"--apply", "--delete"}, "--apply and --delete exclude each other"},
		{[]string{"--port", "0"}, "values: port: "},
		{[]string{"--health-path", "x"}, "values: healthPath: "},
		{[]string{"--values", wrong}, `must hold values under operator and app, got "replicas"`},
	} {
		if _, says, status := execute(t.Context(), append([]string{"deploy", "kubernetes"}, tc.args...)...); status != 2 || !strings.Contains(says, tc.want) {
			t.Errorf("%v: %d %q, want 2 and %q", tc.args, status, says, tc.want)
		}
	}
}

// Without tokens neither dashboard nor API are served: nobody is sent there.
func TestTheDashboardIsNamedWhereThereIsOne(t *testing.T) {
	f := &clusterFlags{own: "flyball-system", without: []string{withoutApp}}
	for applied, want := range map[string]string{"- --token-file=/etc/flyball/tokens/tokens": "port-forward", "- operator": "nobody has one yet"} {
		if said := f.next([]byte(applied)); len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%s: said %v, want %s", applied, said, want)
		}
	}
}
