//go:build linux

// Package manifests has a real API server look at every manifest that is
// shipped, with the definitions of the kinds of others (Traefik, cert-manager,
// the operator of Prometheus, KEDA) as these ship them.
package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/deploy/chart"
	"github.com/flyball-io/flyball/internal/clustertest"
)

func TestMain(m *testing.M) { clustertest.Main(m) }

// definitions are where kinds of others are defined: files of Go modules, which
// are read from the cache of modules and are in no repository but their own.
var definitions = []struct{ module, sum, files string }{
	{"github.com/traefik/traefik/v3@v3.5.4", "h1:j6nCRMJ0tms8JnbDP//3gB1sb6defwbPdoZWq50weWg=",
		"docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"},
	{"github.com/cert-manager/cert-manager@v1.19.1", "h1:Txh8L/nLWTDcb7ZnXuXbTe15BxQnLbLirXmbNk0fGgY=", "deploy/crds/cert-manager.io_*.yaml"},
	{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
	{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
	{"github.com/kedacore/keda/v2@v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=", "config/crd/bases/keda.sh_*.yaml"},
}

// filesOf are those of a module in the cache, where the sum says it is the one.
func filesOf(t *testing.T, module, sum, pattern string) []string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // of no module: nothing is added to ours
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if json.Unmarshal(out, &got) != nil || err != nil {
		t.Fatalf("%s: %v %s", module, err, got.Error)
	}
	if got.Sum != sum {
		t.Fatalf("%s has the sum %s, want %s", module, got.Sum, sum)
	}
	files, err := filepath.Glob(filepath.Join(got.Dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no %s: %v", module, pattern, err)
	}
	return files
}

// server is an API server that knows every kind, with the namespaces there.
func server(t *testing.T) *clustertest.Cluster {
	c := clustertest.Start(t)
	for _, d := range definitions {
		for _, file := range filesOf(t, d.module, d.sum, d.files) {
			c.Kubectl(t, "apply", "--server-side", "--filename", file)
		}
	}
	c.Kubectl(t, "apply", "--server-side", "--filename", "../../deploy/chart/operator/files/crds.yaml")
	c.Kubectl(t, "wait", "--for=condition=Established", "--timeout=50s", "crd", "--all")
	for _, namespace := range []string{own, shop} {
		c.Apply(t, "default", "{apiVersion: v1, kind: Namespace, metadata: {name: "+namespace+"}}")
	}
	return c
}

const own, shop = "flyball-system", "shop"

// look has the server look at manifests as if they were applied: an unknown
// field is a fault.
func look(t *testing.T, c *clustertest.Cluster, manifests []byte) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := c.KubectlCommand(ctx, c.Kubeconfig, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename", "-")
	cmd.Stdin = bytes.NewReader(manifests)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

// shipped are the values of every environment and provider, and what is off in
// all of them.
func shipped(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, v := range []struct{ name, chart, preset, more string }{
		{"operator", chart.Operator, "", "{}"},
		{"operator on EKS", chart.Operator, "eks", "{}"},
		{"operator on GKE", chart.Operator, "gke", "{}"},
		{"operator with everything", chart.Operator, "", `{serviceMonitor: {enabled: true, labels: {release: prometheus}}, prometheusRule: {enabled: true}, dashboard: {tokenSecret: tokens},
			networkPolicy: {from: [{podSelector: {}}]}, keda: {enabled: true, tls: {secret: certs, clients: true}}, allowFiles: true,
			rbac: {takeOver: true, podDeletionCost: true, scaleTargets: [{group: argoproj.io, resources: [rollouts]}]},
			imagePullSecrets: [{name: registry}], nodeSelector: {a: b}, tolerations: [{operator: Exists}], podAnnotations: {a: b}}`},
		{"operator of one namespace", chart.Operator, "", "{namespaces: [shop], replicas: 1, webhook: {enabled: false}, crds: {install: false}, keda: {enabled: true, from: [{podSelector: {}}]}}"},
		{"app, local", chart.App, "local", "{}"},
		{"app, staging", chart.App, "staging", "{}"},
		{"app, production", chart.App, "production", "{}"},
		{"app behind ingress-nginx", chart.App, "production", "{ingress: {controller: nginx, host: shop.example.com, issuer: letsencrypt}}"},
		{"app behind Traefik", chart.App, "production", "{ingress: {controller: traefik, host: shop.example.com, issuer: letsencrypt}}"},
		{"app whose policy is served", chart.App, "", "{policy: {enabled: true}}"},
		{"app whose policy is a model", chart.App, "", "{policy: {enabled: true, replicas: 2, model: {configMap: web-model}}}"},
		{"app with everything", chart.App, "", `{ingress: {controller: traefik, issuer: letsencrypt}, networkPolicy: {enabled: true}, podDisruptionBudget: {enabled: true},
			autoscaler: {signals: [{name: requestRate, prometheus: {server: 'http://p:9090', query: up}}]}}`},
	} {
		all[v.name] = rendered(t, v.chart, v.preset, v.more)
	}
	return all
}

func rendered(t *testing.T, name, preset, more string) []byte {
	t.Helper()
	below, err := chart.Preset(name, preset)
	if err != nil {
		t.Fatal(err)
	}
	over, err := chart.ParseValues([]byte(more))
	if err != nil {
		t.Fatal(err)
	}
	release := chart.Release{Name: "flyball", Namespace: own, Helm: true}
	if name == chart.App {
		release = chart.Release{Name: shop, Namespace: shop}
	}
	text, err := chart.Render(name, release, below, over)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheAPIServerTakesEveryManifest(t *testing.T) {
	c := server(t)
	kinds := map[string]map[string]any{}
	for name, text := range shipped(t) {
		if err := look(t, c, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, o := range objects(t, text) {
			kinds[o["kind"].(string)] = o
		}
	}
	for _, kind := range []string{"IngressRoute", "Middleware", "Certificate", "ServiceMonitor", "PrometheusRule", "NetworkPolicy", "PodDisruptionBudget", "Ingress", "Autoscaler", "ValidatingWebhookConfiguration", "Job"} {
		if kinds[kind] == nil {
			t.Errorf("no manifest has a %s", kind)
		}
	}
	// It is the definitions that are looked at: of no kind a field is taken that
	// it does not have.
	for kind, o := range kinds {
		part, ok := o["spec"].(map[string]any)
		if !ok {
			part = o
		}
		part["unheardOf"] = true
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := look(t, c, text); err == nil || !strings.Contains(err.Error(), "unheardOf") {
			t.Errorf("%s with a field that does not exist: %v, want that it is refused by name", kind, err)
		}
	}
}

// What a user copies from the page is what KEDA takes.
func TestTheAPIServerTakesWhatTheDocumentationShows(t *testing.T) {
	c := server(t)
	page, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(block[1], "apiVersion: keda.sh/") {
			continue
		}
		found++
		if err := look(t, c, []byte(block[1])); err != nil {
			t.Errorf("%v\n%s", err, block[1])
		}
	}
	if found == 0 {
		t.Error("docs/kubernetes.md shows nothing of KEDA")
	}
}

func objects(t *testing.T, text []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o map[string]any
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
}
