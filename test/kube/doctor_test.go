//go:build linux

package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/flyball-io/flyball/app/doctor"
	"github.com/flyball-io/flyball/internal/clustertest"
)

// sizer is the kind VerticalPodAutoscaler, and one of it in mode Auto.
const sizer = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: verticalpodautoscalers.autoscaling.k8s.io
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes/kubernetes/pull/63797"}
spec:
  group: autoscaling.k8s.io
  names: {kind: VerticalPodAutoscaler, listKind: VerticalPodAutoscalerList, plural: verticalpodautoscalers, singular: verticalpodautoscaler}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// A cluster with everything wrong that doctor knows of, for an account that may
// do nearly all it takes: each fault is named, and with each mended all is well.
func TestDoctorOfACluster(t *testing.T) {
	l := newPlace(t)
	l.cluster.Metrics(t)
	l.deployFake("web", 2)
	l.cluster.Apply(t, l.namespace, sizer)
	scaler := func(mode string) string {
		return "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: sizer}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, updatePolicy: {updateMode: " + mode + "}}\n"
	}
	l.applies(scaler("Auto"))
	l.cluster.Kubectl(t, "autoscale", "--namespace", l.namespace, "deployment/web", "--min=1", "--max=3", "--cpu=70%")
	l.cluster.Kubectl(t, "set", "resources", "--namespace", l.namespace, "deployment/web", "--requests=cpu=0")
	l.cluster.Ready(t, patience, l.namespace, "web", 2)
	up := []string{"1", "0"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[`+
			`{"metric":{"namespace":%[1]q,"job":"web","instance":"10.0.0.1:8080"},"value":[1,%[2]q]},`+
			`{"metric":{"namespace":%[1]q,"job":"web","instance":"10.0.0.2:8080"},"value":[1,%[3]q]},`+
			`{"metric":{"namespace":"other","job":"api","instance":"10.0.0.3:8080"},"value":[1,"0"]}]}}`, l.namespace, up[0], up[1])
	}))
	defer server.Close()
	document := fmt.Sprintf(`  target: {kubernetes: {name: web}}
  replicas: {min: 1, max: 4}
  policy: {hpa: {metrics: [{signal: cpuUtilization, averageUtilization: 60}]}}
  signals: [{name: rate, prometheus: {server: %q, query: "sum(rate(requests[1m]))"}}]
`, server.URL)
	file := l.write(document)
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	nearly := []rbacv1.PolicyRule{
		rule("apps", "deployments", "get", "list", "watch"), rule("apps", "deployments/scale", "get"), rule("", "pods", "list", "watch"),
		rule("autoscaling", "horizontalpodautoscalers", "list", "watch"), rule("autoscaling.k8s.io", "verticalpodautoscalers", "list"),
	}
	account := l.cluster.Account(t, l.namespace, "nearly", nearly...)
	user := "system:serviceaccount:" + l.namespace + ":nearly"
	found := l.doctor("-f", file, "--kubeconfig", account)
	for _, want := range []struct{ check, status, message string }{
		{"cluster", "ok", "answers: Kubernetes v"},
		{"target", "ok", "Deployment " + l.namespace + "/web can be scaled; it has 2 replicas now"},
		{"target", "fail", "HorizontalPodAutoscaler " + l.namespace + "/web scales it"},
		{"rights", "fail", user + " may not update deployments/scale of apps in namespace " + l.namespace},
		{"rights", "fail", user + " may not list pods of metrics.k8s.io in namespace " + l.namespace},
		{"usage", "fail", "we may not see cpuUtilization, which the policy decides on"},
		{"usage", "fail", "these containers request no cpu: app"},
		{"usage", "fail", "VerticalPodAutoscaler " + l.namespace + "/sizer sizes the pods (updateMode Auto): cpu, memory; the policy decides on a share of that cpu"},
		{"prometheus", "fail", "cannot read 1 of 2 targets in namespace " + l.namespace + ": job web at 10.0.0.2:8080"},
	} {
		if !found.has(want.check, want.status, want.message) {
			t.Errorf("%s: %s %q is not told: %+v", want.check, want.status, want.message, found[want.check])
		}
	}
	if rights := found["rights"]; len(rights) != 2 {
		t.Errorf("two rights are lacking, and told is %+v", rights)
	}

	beside := l.write(strings.Replace(document, "  replicas:", "  mode: Recommend\n  replicas:", 1))
	if found := l.doctor("-f", beside, "--kubeconfig", account); !found.has("target", "note", "scales it") || found.has("rights", "fail", "update") {
		t.Errorf("who only recommends needs no right to scale, and may do so beside an HPA: %+v", found)
	}

	up[1] = "1"
	file = l.write(document)
	l.cluster.Apply(t, l.namespace, scaler("'Off'"))
	l.cluster.Kubectl(t, "delete", "hpa", "web", "--namespace", l.namespace)
	l.cluster.Kubectl(t, "set", "resources", "--namespace", l.namespace, "deployment/web", "--requests=cpu=100m")
	l.cluster.Ready(t, patience, l.namespace, "web", 2)
	rest := append(nearly, rule("apps", "deployments/scale", "update"), rule("metrics.k8s.io", "pods", "list"))
	account = l.cluster.Account(t, l.namespace, "enough", rest...)
	found = l.doctor("-f", file, "--kubeconfig", account)
	for _, check := range []string{"cluster", "target", "rights", "usage", "prometheus"} {
		for _, r := range found[check] {
			if r.Status == doctor.Fail {
				t.Errorf("mended, and still: %+v", r)
			}
		}
	}
	if !found.has("rights", "ok", ":enough has all ") || !found.has("usage", "ok", "no VerticalPodAutoscaler changes what the pods request") || !found.has("usage", "ok", "all containers request cpu") {
		t.Errorf("told %+v", found)
	}

	// Without a document, and of a cluster that is not there.
	if found := l.doctor("--namespace", l.namespace); !found.has("rights", "ok", "has all ") || !found.has("usage", "ok", "metrics.k8s.io answers") {
		t.Errorf("without a document: %+v", found)
	}
	if found := l.doctor("--context", "none"); !found.has("cluster", "fail", `context "none" does not exist`) {
		t.Errorf("a context that is not there: %+v", found)
	}
}

// diagnosis is what doctor found, by check.
type diagnosis map[string][]doctor.Result

func (d diagnosis) has(check, status, message string) bool {
	for _, r := range d[check] {
		if string(r.Status) == status && strings.Contains(r.Message, message) && (status != "fail" || r.Fix != "") {
			return true
		}
	}
	return false
}

func (l *lab) doctor(args ...string) diagnosis {
	l.t.Helper()
	cmd := l.command(l.t.Context(), append([]string{"doctor", "--json", "--state-dir", "state"}, args...)...)
	var says bytes.Buffer
	cmd.Stderr = &says
	out, _ := cmd.Output() // it ends with 1 where something is to be mended
	var told struct{ Checks []doctor.Result }
	if err := json.Unmarshal(out, &told); err != nil {
		l.t.Fatalf("doctor %v: %v: %s%s", args, err, out, says.String())
	}
	found := diagnosis{}
	for _, r := range told.Checks {
		found[r.Check] = append(found[r.Check], r)
	}
	return found
}

// applies an object of a kind that was defined a moment ago.
func (l *lab) applies(manifest string) {
	l.t.Helper()
	clustertest.Eventually(l.t, patience, func(ctx context.Context) error {
		command := l.cluster.KubectlCommand(ctx, l.cluster.Kubeconfig, "apply", "--namespace", l.namespace, "-f", "-")
		command.Stdin = strings.NewReader(manifest)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}
