package replay

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Queries are PromQL for what replay needs; empty ones are not asked.
type Queries struct {
	Rate        string // requests per second
	Errors      string // of them failed, per second
	Concurrency string // requests in progress
	// Latency is the mean in seconds, or the buckets of a histogram by le.
	Latency  string
	Replicas string // asked for
	Ready    string // empty: as Replicas
	Existing string // empty: as Replicas
	CPU      string // used by requested
}

// family is a set of metrics that count requests, as a well-known exporter has
// them.
type family struct {
	name     string // of the counter, for people
	requests string // series of a counter of requests, with its labels
	failed   []string
	// durations is a histogram without its suffix, labels the series of it.
	durations, labels string
	unit              string // what turns a duration into seconds
	present           string // gauge of requests in progress
}

// families are tried in this order: what the service itself counts, then what
// its mesh counts, then what comes in at the edge, which may not be all of it.
func families(namespace, deployment string) []family {
	pods := podsOf(namespace, deployment)
	own := func(counter, durations, present string, failed ...string) family {
		f := family{name: counter, requests: counter + "{" + pods + "}", durations: durations, labels: pods}
		for _, label := range failed {
			f.failed = append(f.failed, counter+"{"+pods+","+label+`=~"5.."}`)
		}
		if present != "" {
			f.present = present + "{" + pods + "}"
		}
		return f
	}
	edge := func(counter, durations, unit, labels, failed string) family {
		return family{name: counter, requests: counter + "{" + labels + "}", failed: []string{counter + "{" + labels + "," + failed + "}"}, durations: durations, labels: labels, unit: unit}
	}
	mesh := `reporter="destination",destination_workload_namespace="` + namespace + `",destination_workload="` + deployment + `"`
	envoy := `envoy_cluster_name=~"(.*[|])?` + deployment + "[.]" + namespace + "[.]svc.*|" + namespace + "[/_]" + deployment + "[/_].*|httproute/" + namespace + "/" + deployment + `/.*"`
	all := []family{
		own("http_requests_total", "http_request_duration_seconds", "http_requests_in_flight", "code", "status"),
		own("http_server_request_duration_seconds_count", "http_server_request_duration_seconds", "http_server_active_requests", "http_response_status_code"),
		own("http_request_duration_seconds_count", "http_request_duration_seconds", "http_requests_in_flight", "code", "status"),
		edge("istio_requests_total", "istio_request_duration_milliseconds", " / 1000", mesh, `response_code=~"5.."`),
		edge("nginx_ingress_controller_requests", "nginx_ingress_controller_request_duration_seconds", "", `exported_namespace="`+namespace+`",exported_service="`+deployment+`"`, `status=~"5.."`),
		edge("nginx_ingress_controller_requests", "nginx_ingress_controller_request_duration_seconds", "", `namespace="`+namespace+`",service="`+deployment+`"`, `status=~"5.."`),
		edge("traefik_service_requests_total", "traefik_service_request_duration_seconds", "", `service=~"`+namespace+"-"+deployment+`-.*"`, `code=~"5.."`),
		{name: "envoy_cluster_upstream_rq_total", requests: "envoy_cluster_upstream_rq_total{" + envoy + "}",
			failed:    []string{"envoy_cluster_upstream_rq_xx{" + envoy + `,envoy_response_code_class="5"}`},
			durations: "envoy_cluster_upstream_rq_time", labels: envoy, unit: " / 1000", present: "envoy_cluster_upstream_rq_active{" + envoy + "}"},
	}
	return all
}

// podsOf are the labels of a Deployment's pods: its name, the hash of the
// template, and five characters.
func podsOf(namespace, deployment string) string {
	return `namespace="` + namespace + `",pod=~"` + deployment + `-[a-z0-9]{1,10}-[a-z0-9]{5}"`
}

// queries are those of a family over a window.
func (f family) queries(window time.Duration) (q Queries, mean string) {
	w := "[" + model.Duration(window).String() + "]"
	q.Rate = "sum(rate(" + f.requests + w + "))"
	var failed []string
	for _, series := range f.failed {
		failed = append(failed, "sum(rate("+series+w+"))")
	}
	q.Errors = strings.Join(failed, " or ")
	q.Latency = "sum by (le) (rate(" + f.durations + "_bucket{" + f.labels + "}" + w + "))"
	mean = "sum(rate(" + f.durations + "_sum{" + f.labels + "}" + w + "))" + f.unit + " / sum(rate(" + f.durations + "_count{" + f.labels + "}" + w + "))"
	if f.present != "" {
		q.Concurrency = "sum(avg_over_time(" + f.present + w + "))"
	}
	return q, mean
}

// workload are the queries about the replicas of a Deployment: of
// kube-state-metrics and cAdvisor.
func workloadQueries(namespace, deployment string, window time.Duration) Queries {
	of, pods := `{namespace="`+namespace+`",deployment="`+deployment+`"}`, podsOf(namespace, deployment)
	return Queries{
		Replicas: "max(kube_deployment_spec_replicas" + of + ")",
		Ready:    "max(kube_deployment_status_replicas_ready" + of + ")",
		Existing: "max(kube_deployment_status_replicas" + of + ")",
		CPU: "sum(rate(container_cpu_usage_seconds_total{" + pods + `,container!="",container!="POD"}[` + model.Duration(window).String() + "]))" +
			" / sum(kube_pod_container_resource_requests{" + pods + `,resource="cpu"} and on (namespace, pod) (kube_pod_status_phase{phase="Running"} == 1))`,
	}
}
