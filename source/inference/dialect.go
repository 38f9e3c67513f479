package inference

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// maxCount is more than anything was ever counted.
const maxCount = 1e18

// dialect is how a kind of server names its metrics.
type dialect struct {
	path   string
	model  string // label with the name of the model; "" where there is one model
	values map[string]value
	counts map[string]count
	// durations are histograms in seconds, by their name without _bucket.
	durations map[string]string
}

// value is a number of the moment: those of several series of a model (of
// engines, of versions) are added up, or their mean is taken.
type value struct {
	name  string
	mean  bool
	share bool // 0 to 1
}

// count is a counter; its kind stands in a label where one is named.
type count struct {
	reading.Count
	kinds []string // labels that may hold the kind
}

func dialects() map[Engine]dialect {
	return map[Engine]dialect{VLLM: vllm(), TGI: tgi(), Triton: triton()}
}

// vllm is as in docs.vllm.ai (usage/metrics). gpu_cache_usage_perc became
// kv_cache_usage_perc with the engine V1; both are shares in spite of the name.
func vllm() dialect {
	kv := value{name: reading.KVCacheUsage, mean: true, share: true}
	return dialect{
		path: "/metrics", model: "model_name",
		values: map[string]value{
			"vllm:num_requests_waiting": {name: reading.QueueDepth},
			"vllm:num_requests_running": {name: reading.RunningRequests},
			"vllm:gpu_cache_usage_perc": kv,
			"vllm:kv_cache_usage_perc":  kv,
		},
		counts: map[string]count{
			"vllm:prompt_tokens_total":     {Count: reading.Count{Name: reading.Tokens, Kind: reading.Prompt}},
			"vllm:generation_tokens_total": {Count: reading.Count{Name: reading.Tokens, Kind: reading.Generated}},
			"vllm:request_success_total":   {Count: reading.Count{Name: reading.Requests}, kinds: []string{"finished_reason", "finish_reason"}},
		},
		durations: map[string]string{
			"vllm:time_to_first_token_seconds": reading.TimeToFirstToken,
			"vllm:e2e_request_latency_seconds": reading.RequestDuration,
		},
	}
}

// tgi is as in huggingface.co/docs/text-generation-inference (reference/metrics).
// It does not tell the time to the first token, nor how full its cache is.
func tgi() dialect {
	return dialect{
		path: "/metrics",
		values: map[string]value{
			"tgi_queue_size":         {name: reading.QueueDepth},
			"tgi_batch_current_size": {name: reading.RunningRequests},
		},
		counts: map[string]count{
			"tgi_request_success":              {Count: reading.Count{Name: reading.Requests, Kind: "success"}},
			"tgi_request_failure":              {Count: reading.Count{Name: reading.Requests, Kind: "failure"}},
			"tgi_request_input_length_sum":     {Count: reading.Count{Name: reading.Tokens, Kind: reading.Prompt}},
			"tgi_request_generated_tokens_sum": {Count: reading.Count{Name: reading.Tokens, Kind: reading.Generated}},
		},
		durations: map[string]string{"tgi_request_duration": reading.RequestDuration},
	}
}

// triton is as in docs.nvidia.com (Triton Inference Server, user_guide/metrics).
// It counts no tokens.
func triton() dialect {
	return dialect{
		path: "/metrics", model: "model",
		values: map[string]value{"nv_inference_pending_request_count": {name: reading.QueueDepth}},
		counts: map[string]count{
			"nv_inference_request_success": {Count: reading.Count{Name: reading.Requests, Kind: "success"}},
			"nv_inference_request_failure": {Count: reading.Count{Name: reading.Requests, Kind: "failure"}},
		},
	}
}

// text is what was read of one answer so far.
type text struct {
	dialect
	parts map[string]reading.Part
	seen  map[string]bool // series
	times map[meanOf]int  // how many numbers a mean is of
}

type meanOf struct{ metric, model, value string }

// read makes parts of a text, one for each model.
func (d dialect) read(body []byte, contentType string) (map[string]reading.Part, error) {
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain"})
	if err != nil || p == nil {
		return nil, fmt.Errorf("answered with %q, want text/plain", contentType)
	}
	t := text{dialect: d, parts: map[string]reading.Part{}, seen: map[string]bool{}, times: map[meanOf]int{}}
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			if len(t.seen) == 0 {
				return nil, errors.New("shows none of the metrics of this engine: is it another one, or are its metrics switched off?")
			}
			return t.parts, nil
		case err != nil:
			return nil, fmt.Errorf("not in the format that it claims: %w", err)
		case entry != textparse.EntrySeries:
			continue
		}
		series, _, number := p.Series()
		name, _, _ := strings.Cut(string(series), "{")
		base, bucket := strings.CutSuffix(name, "_bucket")
		if !t.known(name) {
			continue // by far the most; their labels need not be read
		}
		var l labels.Labels
		p.Labels(&l)
		if !bucket {
			base = name
		}
		if err := t.take(l, base, bucket, number); err != nil {
			return nil, err
		}
	}
}

func (t text) known(name string) bool {
	if _, ok := t.values[name]; ok {
		return true
	}
	if _, ok := t.counts[name]; ok {
		return true
	}
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, end); cut {
			if _, ok := t.durations[base]; ok {
				return true
			}
		}
	}
	return false
}

// take adds one series.
func (t text) take(l labels.Labels, name string, bucket bool, number float64) error {
	key := l.String()
	if t.seen[key] {
		return fmt.Errorf("%s is there twice", webclient.Excerpt(key, 100))
	}
	t.seen[key] = true
	if math.IsNaN(number) && !bucket {
		return nil // not told
	}
	if !(number >= 0 && number <= maxCount) {
		return fmt.Errorf("%s is %v, which is no number that it can have", webclient.Excerpt(key, 100), number)
	}
	model := ""
	if t.model != "" {
		model = l.Get(t.model)
	}
	p, there := t.parts[model]
	if !there {
		p = reading.NewPart(model)
		t.parts[model] = p
	}
	if v, ok := t.values[name]; ok {
		return t.takeValue(p, name, v, number)
	}
	if c, ok := t.counts[name]; ok {
		kind := c.Kind
		for _, label := range c.kinds {
			if kind == "" {
				kind = l.Get(label)
			}
		}
		p.Add(reading.Count{Name: c.Name, Kind: kind}, number)
		return nil
	}
	return t.takeDuration(p, l, name, bucket, number)
}

func (t text) takeValue(p reading.Part, metric string, v value, number float64) error {
	if v.share && number > 1.0001 {
		return fmt.Errorf("%s is %v, and a share is at most 1", metric, number)
	}
	if !v.mean {
		p.Values[v.name] += number
		return nil
	}
	at := meanOf{metric, p.Name, v.name}
	if t.times[at] == 0 {
		delete(p.Values, v.name) // of the metric's older name
	}
	n := float64(t.times[at])
	t.times[at]++
	p.Values[v.name] = (p.Values[v.name]*n + number) / (n + 1)
	return nil
}

func (t text) takeDuration(p reading.Part, l labels.Labels, name string, bucket bool, number float64) error {
	base, end := name, "_bucket"
	if !bucket {
		for _, end = range []string{"_sum", "_count"} {
			if cut, ok := strings.CutSuffix(name, end); ok && t.durations[cut] != "" {
				base = cut
				break
			}
		}
	}
	what := t.durations[base]
	h, err := p.Durations[what].With(end, l.Get(labels.BucketLabel), number)
	if err != nil {
		return fmt.Errorf("%s: %w", webclient.Excerpt(l.String(), 100), err)
	}
	p.Durations[what] = h
	return nil
}
