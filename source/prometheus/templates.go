package prometheus

// templates holds the ready-made queries by name. $M stands for the labels of
// the user, $W for the window, $Q for the quantile.
//
// A counter of failures need not exist before the first failure; where
// requests are counted and failures are not, there are none: "or 0 * …".
// Nothing of the kind is done for requests: no series is a fault.
func templates() map[string]string {
	all := map[string]string{
		// cAdvisor shows containers and, above them, pods and the sandbox;
		// only the containers have an image and are not called POD.
		"cadvisorCPU": `sum(sum by (instance, id) (rate(container_cpu_usage_seconds_total{$M,image!="",container!="POD"}[$W]))` +
			` and on (instance, id) (container_spec_cpu_quota{$M,image!="",container!="POD"} > 0))` +
			` / sum((container_spec_cpu_quota{$M,image!="",container!="POD"} > 0) / container_spec_cpu_period{$M,image!="",container!="POD"})`,
		"cadvisorCPUCores": `sum(rate(container_cpu_usage_seconds_total{$M,image!="",container!="POD"}[$W]))`,
		"cadvisorMemory": `sum(container_memory_working_set_bytes{$M,image!="",container!="POD"}` +
			` and on (instance, id) (container_spec_memory_limit_bytes{$M,image!="",container!="POD"} > 0))` +
			` / sum(container_spec_memory_limit_bytes{$M,image!="",container!="POD"} > 0)`,
		"cadvisorMemoryBytes": `sum(container_memory_working_set_bytes{$M,image!="",container!="POD"})`,

		// kube-state-metrics knows what was requested. A pod that has ended
		// still has requests, so only running ones count.
		"kubeCPU": `sum(rate(container_cpu_usage_seconds_total{$M,image!="",container!="POD"}[$W]))` +
			` / sum(kube_pod_container_resource_requests{$M,resource="cpu"} and on (namespace, pod) (kube_pod_status_phase{phase="Running"} == 1))`,
		"kubeMemory": `sum(container_memory_working_set_bytes{$M,image!="",container!="POD"})` +
			` / sum(kube_pod_container_resource_requests{$M,resource="memory"} and on (namespace, pod) (kube_pod_status_phase{phase="Running"} == 1))`,
		"kubeReadyReplicas": `sum(kube_deployment_status_replicas_ready{$M})`,

		// The exporter of nginx's stub_status: neither statuses nor times.
		"nginxRequestRate": `sum(rate(nginx_http_requests_total{$M}[$W]))`,
		"nginxConcurrency": `sum(nginx_connections_active{$M} - nginx_connections_waiting{$M})`,
	}
	for _, proxy := range proxies() {
		proxy.add(all)
	}
	all["envoyConcurrency"] = `sum(envoy_cluster_upstream_rq_active{$M})`
	all["envoyQueueDepth"] = `sum(envoy_cluster_upstream_rq_pending_active{$M})`
	return all
}

// proxy is an exporter that counts requests by status and by duration.
type proxy struct {
	name     string
	requests string // counter of requests
	failed   string // counter of those answered with 5xx
	buckets  string // histogram of durations
	unit     string // what turns a duration into seconds
}

func proxies() []proxy {
	return []proxy{
		{"ingressNginx", `nginx_ingress_controller_requests{$M}`, `nginx_ingress_controller_requests{$M,status=~"5.."}`,
			`nginx_ingress_controller_request_duration_seconds_bucket{$M}`, ``},
		{"traefik", `traefik_service_requests_total{$M}`, `traefik_service_requests_total{$M,code=~"5.."}`,
			`traefik_service_request_duration_seconds_bucket{$M}`, ``},
		// Both ends of a connection report in Istio; the server's counts.
		{"istio", `istio_requests_total{$M,reporter="destination"}`, `istio_requests_total{$M,reporter="destination",response_code=~"5.."}`,
			`istio_request_duration_milliseconds_bucket{$M,reporter="destination"}`, ` / 1000`},
		{"envoy", `envoy_cluster_upstream_rq_total{$M}`, `envoy_cluster_upstream_rq_xx{$M,envoy_response_code_class="5"}`,
			`envoy_cluster_upstream_rq_time_bucket{$M}`, ` / 1000`},
	}
}

func (p proxy) add(all map[string]string) {
	requests, failed := `sum(rate(`+p.requests+`[$W]))`, `sum(rate(`+p.failed+`[$W]))`
	all[p.name+"RequestRate"] = requests
	all[p.name+"ErrorRate"] = failed + ` or 0 * ` + requests
	all[p.name+"ErrorRatio"] = `(` + failed + ` or 0 * ` + requests + `) / ` + requests
	all[p.name+"Latency"] = `histogram_quantile($Q, sum by (le) (rate(` + p.buckets + `[$W])))` + p.unit
}
