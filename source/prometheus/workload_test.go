package prometheus_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/source/prometheus"
)

// A line that names namespace and deployment is enough; what is measured is
// found by the labels that each exporter gives.
func TestPresetOfADeployment(t *testing.T) {
	for name, wants := range map[string][]string{
		"kubeCPU":                 {`container_cpu_usage_seconds_total{namespace="shop",pod=~"web-(`, `kube_pod_container_resource_requests{namespace="shop",pod=~"web-(`},
		"kubeReadyReplicas":       {`{namespace="shop",deployment="web"}`},
		"ingressNginxRequestRate": {`(sum(rate(nginx_ingress_controller_requests{exported_namespace="shop",exported_service="web"}[1m]))) or (sum(rate(nginx_ingress_controller_requests{exported_namespace="shop",exported_service="",service="web"}[1m])))`, `or (sum(rate(nginx_ingress_controller_requests{exported_namespace="",namespace="shop",service="web"}[1m])))`},
		"traefikLatency":          {`service=~"shop-web-[^-]+@kubernetes(crd)?"`},
		"istioErrorRatio":         {`destination_workload_namespace="shop",destination_workload="web"`},
	} {
		cfg := prometheus.Default()
		cfg.Server, cfg.Preset = "http://h", &prometheus.Preset{Name: name, Workload: prometheus.Workload{Namespace: "shop", Deployment: "web"}}
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range wants {
			if got := cfg.Preset.Query(); !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s in it", name, got, want)
			}
		}
	}
	service := prometheus.Preset{Name: "traefikLatency", Workload: prometheus.Workload{Namespace: "shop", Service: "front"}}
	if got := service.Query(); !strings.Contains(got, `"shop-front-[^-]+@`) {
		t.Errorf("got %s", got)
	}
}

// The pods of web are not those of web-admin.
func TestPodsOfADeployment(t *testing.T) {
	query := prometheus.Preset{Name: "cadvisorCPUCores", Workload: prometheus.Workload{Namespace: "shop", Deployment: "web"}}.Query()
	_, rest, _ := strings.Cut(query, `pod=~"`)
	pattern, _, _ := strings.Cut(rest, `"`)
	pods := regexp.MustCompile("^(?:" + pattern + ")$") // as Prometheus anchors it
	for pod, want := range map[string]bool{"web-5d4f8c7b9d-x2x4z": true, "web-0": true, "web-12": true, "web-6dfb-zxcvb": true,
		"web-admin-5d4f8c7b9d-x2x4z": false, "web-admin-0": false, "web": false, "cobweb-0": false, "web-5d4f8c7b9d-x2x4z-debug": false} {
		if got := pods.MatchString(pod); got != want {
			t.Errorf("%s: got %v, want %v", pod, got, want)
		}
	}
}

func TestWrongPresetOfADeployment(t *testing.T) {
	for says, p := range map[string]prometheus.Preset{
		"preset.namespace: must be the name":                     {Name: "kubeCPU", Workload: prometheus.Workload{Deployment: "web"}},
		"preset.deployment: must be the name":                    {Name: "kubeCPU", Workload: prometheus.Workload{Namespace: "shop", Deployment: `web"} or up`}},
		"preset.match: either match or namespace and deployment": {Name: "kubeCPU", Match: `a="b"`, Workload: prometheus.Workload{Namespace: "shop", Deployment: "web"}},
		"preset.match: must be given for envoyRequestRate":       {Name: "envoyRequestRate", Workload: prometheus.Workload{Namespace: "shop", Deployment: "web"}},
		"preset.service: must be left out for kubeCPU":           {Name: "kubeCPU", Workload: prometheus.Workload{Namespace: "shop", Deployment: "web", Service: "x"}},
		"On Kubernetes namespace and deployment will do instead": {Name: "kubeCPU"},
	} {
		cfg := prometheus.Default()
		cfg.Server, cfg.Preset = "http://h", &p
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
}
