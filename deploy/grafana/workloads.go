package grafana

import "strings"

// workloads are AI workloads, as flyball exporter tells of them.
func workloads() Dashboard {
	return Dashboard{Name: "ai", UID: "flyball-ai", Title: "Flyball: AI workloads",
		Description: "Inference servers, task queues and vector databases, from flyball exporter.",
		Variables:   []Variable{{Name: "service", Label: "Service", Query: `label_values({__name__=~"flyball_(inference|queue|vector)_up"}, service)`, Several: true}},
		Rows:        []Row{{"Inference", inference()}, {"Queues", queues()}, {"Vector databases", vectors()}}}
}

// of is a question about the chosen services, {@} as in ask.
func of(expr, legend string) Query {
	return Query{strings.ReplaceAll(expr, "{@", `{service=~"$service"`), "{{service}} " + legend}
}

func inference() []Panel {
	const quantile = `histogram_quantile(0.95, sum by (le, service, model) (rate(`
	return []Panel{
		{Title: "Servers that can be read", Kind: Stat, Unit: "percentunit", Width: 6, Queries: []Query{of(`avg by (service) (flyball_inference_up{@})`, "")}},
		{Title: "Requests per second", Kind: Lines, Unit: "reqps", Width: 9, Queries: []Query{of(`sum by (service, model, status) (rate(flyball_inference_requests_total{@}[$__rate_interval]))`, "{{model}} {{status}}")}},
		{Title: "Waiting and running requests", Kind: Lines, Unit: "short", Width: 9, Queries: []Query{
			of(`sum by (service, model) (flyball_inference_queue_depth{@})`, "{{model}} waiting"), of(`sum by (service, model) (flyball_inference_running_requests{@})`, "{{model}} running")}},
		{Title: "Time to first token, 95th percentile", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{of(quantile+`flyball_inference_time_to_first_token_seconds_bucket{@}[$__rate_interval])))`, "{{model}}")}},
		{Title: "Time of a request, 95th percentile", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{of(quantile+`flyball_inference_duration_seconds_bucket{@}[$__rate_interval])))`, "{{model}}")}},
		{Title: "Tokens per second", Kind: Lines, Unit: "short", Width: 8, Queries: []Query{
			of(`sum by (service, model, direction) (rate(flyball_inference_tokens_total{@}[$__rate_interval]))`, "{{model}} {{direction}}"), of(`sum by (service, model) (flyball_inference_tokens_per_second{@})`, "{{model}} as measured")}},
		{Title: "Key-value cache in use", Kind: Lines, Unit: "percentunit", Width: 8, Queries: []Query{of(`max by (service, model) (flyball_inference_kv_cache_usage_ratio{@})`, "{{model}}")}},
		{Title: "Time to load a model", Kind: Lines, Unit: "s", Width: 8, Queries: []Query{of(`max by (service, model) (flyball_inference_model_load_seconds{@})`, "{{model}}")}},
	}
}

func queues() []Panel {
	return []Panel{
		{Title: "Queues that can be read", Kind: Stat, Unit: "percentunit", Width: 6, Queries: []Query{of(`avg by (service) (flyball_queue_up{@})`, "")}},
		{Title: "Waiting and in progress", Kind: Lines, Unit: "short", Width: 6, Queries: []Query{of(`flyball_queue_depth{@}`, "{{queue}} waiting"), of(`flyball_queue_in_progress{@}`, "{{queue}} in progress")}},
		{Title: "Age of the oldest task", Kind: Lines, Unit: "s", Width: 6, Queries: []Query{of(`flyball_queue_oldest_age_seconds{@}`, "{{queue}}")}},
		{Title: "Tasks done per second", Kind: Lines, Unit: "short", Width: 6, Queries: []Query{of(`rate(flyball_queue_completed_total{@}[$__rate_interval])`, "{{queue}}")}},
	}
}

func vectors() []Panel {
	return []Panel{
		{Title: "Databases that can be read", Kind: Stat, Unit: "percentunit", Width: 6, Queries: []Query{of(`avg by (service) (flyball_vector_up{@})`, "")}},
		{Title: "Time of a search, 95th percentile", Kind: Lines, Unit: "s", Width: 6, Queries: []Query{
			of(`histogram_quantile(0.95, sum by (le, service, collection) (rate(flyball_vector_search_duration_seconds_bucket{@}[$__rate_interval])))`, "{{collection}}")}},
		{Title: "Points", Kind: Lines, Unit: "short", Width: 6, Queries: []Query{of(`flyball_vector_collection_points{@}`, "{{collection}}")}},
		{Title: "Memory of the index", Kind: Lines, Unit: "bytes", Width: 6, Queries: []Query{of(`flyball_vector_index_bytes{@}`, "{{collection}}")}},
	}
}
