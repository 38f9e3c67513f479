package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/kubernetes/metricstest"
)

const printedHPA = `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop"},
"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"maxReplicas":7,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":60}}}]}}`

const addressOfHPAs = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"

func TestImportHPAFromFileAndCluster(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "hpa.json")
	if err := os.WriteFile(file, []byte(printedHPA), 0o600); err != nil {
		t.Fatal(err)
	}
	s := metricstest.New(t)
	s.Set(addressOfHPAs+"/web", printedHPA)
	s.Set(addressOfHPAs, `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscalerList","metadata":{},"items":[`+printedHPA+`,`+strings.ReplaceAll(printedHPA, `"web"`, `"mail"`)+`]}`)
	s.Fail(addressOfHPAs+"/gone", 404, "NotFound", `horizontalpodautoscalers.autoscaling "gone" not found`)
	kubeconfig := s.Kubeconfig(t, "shop")
	for name, tc := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"a file":                {[]string{"-f", file}, 0, []string{"name: web, namespace: shop", "mode: Recommend", "{type: Resource, signal: cpu, averageUtilization: 60}", "{min: 1, max: 7}"}},
		"one of a cluster":      {[]string{"web", "--kubeconfig", kubeconfig}, 0, []string{"name: web, namespace: shop", "kubeconfig: " + kubeconfig}},
		"all of a namespace":    {[]string{"--kubeconfig", kubeconfig, "-n", "shop"}, 0, []string{"name: web, namespace: shop", "---\n", "name: mail, namespace: shop"}},
		"none of a name":        {[]string{"gone", "--kubeconfig", kubeconfig}, 1, []string{"HorizontalPodAutoscaler shop/gone: not found"}},
		"no file":               {[]string{"-f", file + "x"}, 2, []string{"--file", "no such file"}},
		"a file and a name":     {[]string{"web", "-f", file}, 2, []string{"NAME and --namespace ask a cluster"}},
		"written":               {[]string{"-f", file, "-o", filepath.Join(folder, "made.yaml")}, 0, []string{"What comes next", "flyball plan -f"}},
		"what is there already": {[]string{"-f", file, "-o", file}, 2, []string{"is there already"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := execute(t.Context(), append([]string{"import", "hpa"}, tc.args...)...)
			for _, part := range tc.says {
				if !strings.Contains(out+errs, part) {
					t.Errorf("want %q in\n%s%s", part, out, errs)
				}
			}
			if code != tc.code {
				t.Errorf("exit status %d, want %d\n%s", code, tc.code, errs)
			}
		})
	}
}

func TestImportVPA(t *testing.T) {
	s := metricstest.New(t)
	s.Set("/apis/autoscaling.k8s.io/v1/namespaces/shop/verticalpodautoscalers/web", `{"apiVersion":"autoscaling.k8s.io/v1","kind":"VerticalPodAutoscaler","metadata":{"name":"web","namespace":"shop"},
"spec":{"targetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"updatePolicy":{"updateMode":"Off"}}}`)
	kubeconfig := s.Kubeconfig(t, "shop")
	out, errs, code := execute(t.Context(), "import", "vpa", "web", "--kubeconfig", kubeconfig)
	if code != 0 || !strings.Contains(out, "updateMode: Off") || !strings.Contains(out, "NOT TAKEN OVER") {
		t.Errorf("exit status %d\n%s%s", code, out, errs)
	}
	_, errs, code = execute(t.Context(), "import", "vpa", "--kubeconfig", kubeconfig)
	if code != 1 || !strings.Contains(errs, "are VerticalPodAutoscalers installed?") {
		t.Errorf("exit status %d\n%s", code, errs)
	}
}
