// Package helm holds the charts against Helm itself: it finds no fault with
// them, and makes of them what flyball deploy kubernetes prints.
package helm

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"

	"github.com/flyball-io/flyball/deploy/chart"
)

// values are what charts are held to, beside their own.
func values() map[string][]string {
	return map[string][]string{
		chart.Operator: {
			"{}",
			"{namespaces: [a, b], replicas: 1, allowFiles: true, webhook: {enabled: false}, rbac: {takeOver: true, podDeletionCost: true, scaleTargets: [{group: argoproj.io, resources: [rollouts]}]}}",
			"{serviceMonitor: {enabled: true, labels: {release: prometheus}}, prometheusRule: {enabled: true, labels: {release: prometheus}}, dashboard: {tokenSecret: tokens}, networkPolicy: {from: [{podSelector: {}}]}, crds: {install: false}}",
			"{keda: {enabled: true}}",
			"{image: {repository: r, tag: '1.4@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}}",
			"{keda: {enabled: true, port: 6001, tls: {secret: keda-tls, clients: true}, from: [{podSelector: {}}]}}",
			"{imagePullSecrets: [{name: registry}], nodeSelector: {a: b}, tolerations: [{operator: Exists}], affinity: {nodeAffinity: {}}, podAnnotations: {a: b}, serviceAccount: {annotations: {a: b}}}",
		},
		chart.App: {
			"{}",
			"{ingress: {controller: nginx, issuer: letsencrypt}, networkPolicy: {enabled: true}, podDisruptionBudget: {enabled: true}}",
			"{hardened: false, networkPolicy: {enabled: true}}",
			"{policy: {enabled: true, args: ['hpa:cpuUtilization=60', '--parallel=2']}}",
			"{policy: {enabled: true, model: {configMap: web-model}}}",
			"{ingress: {controller: traefik, issuer: letsencrypt}, args: [], autoscaler: {signals: [{name: requestRate, prometheus: {server: 'http://p:9090', query: up}}]}}",
		},
	}
}

func TestHelmFindsNoFault(t *testing.T) {
	for name, all := range values() {
		for _, text := range all {
			v, err := chartutil.ReadValues([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			result := lint.AllWithKubeVersion("../../deploy/chart/"+name, v, "flyball-system", nil)
			for _, m := range result.Messages {
				if m.Severity > support.InfoSev {
					t.Errorf("%s %s: %v", name, text, m)
				}
			}
		}
	}
}

func TestHelmMakesTheSame(t *testing.T) {
	for name, all := range values() {
		for _, text := range all {
			own, err := chart.ParseValues([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			ours, err := chart.Render(name, chart.Release{Name: "flyball", Namespace: "flyball-system", Helm: true}, own)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(objects(t, string(ours)), objects(t, rendered(t, name, text))); diff != "" {
				t.Errorf("%s %s (-ours +Helm's):\n%s", name, text, diff)
			}
		}
	}
}

// rendered is what Helm makes of a chart.
func rendered(t *testing.T, name, text string) string {
	t.Helper()
	c, err := loader.Load("../../deploy/chart/" + name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "flyball", Namespace: "flyball-system"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(c, all)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for file, manifest := range files {
		if strings.HasSuffix(file, ".yaml") {
			b.WriteString("---\n" + manifest + "\n")
		}
	}
	return b.String()
}

// objects are those of a stream, by kind, namespace and name.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader([]byte(text))); ; {
		var o map[string]any
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
	key := func(o map[string]any) string {
		meta, _ := o["metadata"].(map[string]any)
		namespace, _ := meta["namespace"].(string)
		return o["kind"].(string) + " " + namespace + " " + meta["name"].(string)
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return cmp.Compare(key(a), key(b)) })
	return all
}
