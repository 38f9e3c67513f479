package exporter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/source/reading"
)

// family is a metric and what of a reading it is.
type family struct {
	desc *prometheus.Desc
	// Exactly one is named.
	value    string
	count    string
	duration string
	rate     reading.Count // growth per second
	// kinds says that the counter has a label for its kinds.
	kinds bool
}

// group is the metrics of a kind of server.
type group struct {
	kind     string   // of the configuration
	labels   []string // of every metric; the last is the name of the part
	up       *prometheus.Desc
	families []family
}

func gauge(name, help, value string, labels []string) family {
	return family{desc: prometheus.NewDesc(name, help, labels, nil), value: value}
}

func counter(name, help, count, kind string, labels []string) family {
	if kind != "" {
		labels = append(append([]string{}, labels...), kind)
	}
	return family{desc: prometheus.NewDesc(name, help, labels, nil), count: count, kinds: kind != ""}
}

func histogram(name, help, duration string, labels []string) family {
	return family{desc: prometheus.NewDesc(name, help, labels, nil), duration: duration}
}

// inferenceGroup is what inference servers tell.
func inferenceGroup() group {
	l := []string{"service", "endpoint", "model"}
	return group{kind: "inference", labels: l,
		up: prometheus.NewDesc("flyball_inference_up", "1 while the inference server can be read, else 0: then it has no other metric.", l[:2], nil),
		families: []family{
			gauge("flyball_inference_queue_depth", "Requests that wait to be answered.", reading.QueueDepth, l),
			gauge("flyball_inference_running_requests", "Requests that are being answered.", reading.RunningRequests, l),
			gauge("flyball_inference_kv_cache_usage_ratio", "Share of the key-value cache that is in use, 0 to 1.", reading.KVCacheUsage, l),
			gauge("flyball_inference_model_load_seconds", "Time that it took to load the model last.", reading.ModelLoad, l),
			gauge("flyball_inference_model_loaded", "1 while the model is in memory, 0 while it is on disk alone.", reading.ModelLoaded, l),
			gauge("flyball_inference_model_memory_bytes", "Memory that the loaded model takes.", reading.ModelBytes, l),
			gauge("flyball_inference_model_accelerator_bytes", "Memory of accelerators that the loaded model takes.", reading.ModelAcceleratorBytes, l),
			counter("flyball_inference_requests_total", "Requests that ended, by how they did.", reading.Requests, "status", l),
			counter("flyball_inference_tokens_total", "Tokens of prompts and tokens generated.", reading.Tokens, "direction", l),
			{desc: prometheus.NewDesc("flyball_inference_tokens_per_second", "Tokens generated per second, over half a minute or the last two readings.", l, nil),
				rate: reading.Count{Name: reading.Tokens, Kind: reading.Generated}},
			histogram("flyball_inference_duration_seconds", "Time from the arrival of a request to the end of its answer.", reading.RequestDuration, l),
			histogram("flyball_inference_time_to_first_token_seconds", "Time from the arrival of a request to the first token of its answer.", reading.TimeToFirstToken, l),
		}}
}

// queueGroup is what queues tell.
func queueGroup() group {
	l := []string{"service", "queue"}
	return group{kind: "queue", labels: l,
		up: prometheus.NewDesc("flyball_queue_up", "1 while the queue can be read, else 0: then it has no other metric.", l, nil),
		families: []family{
			gauge("flyball_queue_depth", "Tasks that wait.", reading.QueueDepth, l),
			gauge("flyball_queue_in_progress", "Tasks that somebody works on.", reading.InProgress, l),
			gauge("flyball_queue_oldest_age_seconds", "Time since the oldest task that is not done was queued.", reading.OldestAge, l),
			counter("flyball_queue_completed_total", "Tasks that were done.", reading.Completed, "", l),
			counter("flyball_queue_arrived_total", "Tasks that were queued.", reading.Arrived, "", l),
		}}
}

// vectorGroup is what vector databases tell.
func vectorGroup() group {
	l := []string{"service", "endpoint", "collection"}
	return group{kind: "vector", labels: l,
		up: prometheus.NewDesc("flyball_vector_up", "1 while the vector database can be read, else 0: then it has no other metric.", l[:2], nil),
		families: []family{
			gauge("flyball_vector_collection_points", "Vectors of the collection.", reading.Points, l),
			gauge("flyball_vector_index_bytes", "Bytes of the index of the collection.", reading.IndexBytes, l),
			histogram("flyball_vector_search_duration_seconds", "Time that a search takes.", reading.SearchDuration, l),
		}}
}
