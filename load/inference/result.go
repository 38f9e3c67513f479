package inference

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/scale"
)

// Result is what a run found. Times are seconds from when a request was meant to
// be sent; those of tokens are of requests that were answered well.
type Result struct {
	Model     string `json:"model"`
	Requests  int64  `json:"requests"` // that were due and had an outcome: answered, failed or dropped
	Answered  int64  `json:"answered_requests"`
	Failed    int64  `json:"failed_requests"`    // of these, dropped ones included
	Dropped   int64  `json:"dropped_requests"`   // never sent: too many under way
	Abandoned int64  `json:"abandoned_requests"` // cut off when the run was interrupted; not in Requests
	// Good is the share of Requests that were answered within both limits.
	Good            float64 `json:"good_ratio"`
	MaxFirstSeconds float64 `json:"max_ttft_seconds"` // 0: none
	MaxTokenSeconds float64 `json:"max_tpot_seconds"` // 0: none

	FirstToken   load.Quantiles `json:"time_to_first_token_seconds"`
	PerToken     load.Quantiles `json:"time_per_output_token_seconds"` // of each request, without the first
	BetweenParts load.Quantiles `json:"between_chunks_seconds"`        // from one piece of an answer to the next
	Latency      load.Quantiles `json:"latency_seconds"`               // until the end of the answer, or the time-out
	Lag          load.Quantiles `json:"lag_seconds"`                   // how late the load generator itself was; part of the others

	PromptTokens       int64   `json:"prompt_tokens"`
	GeneratedTokens    int64   `json:"generated_tokens"`
	RequestsPerSecond  float64 `json:"answered_requests_per_second"`
	PromptPerSecond    float64 `json:"prompt_tokens_per_second"`
	GeneratedPerSecond float64 `json:"generated_tokens_per_second"`
	DurationSeconds    float64 `json:"duration_seconds"`

	Errors      map[string]int64 `json:"errors"`
	FirstError  string           `json:"first_error,omitempty"` // what the server said about the first failure
	Interrupted bool             `json:"interrupted"`
	Warnings    []string         `json:"warnings"` // reasons to doubt the figures
}

// Snapshot is how a run is doing.
type Snapshot struct {
	Elapsed  time.Duration
	Begun    int64 // sent
	InFlight int64
	Answered int64
	Failed   int64
	Tokens   float64 // generated per second since the last snapshot, of answers that ended
	First    load.Quantiles
}

// recorder gathers what becomes of requests.
type recorder struct {
	options Options

	mu  sync.Mutex // guards what follows
	out Result

	first, perToken, between, latency, lag *load.Distribution

	started, inFlight, good int64
	asked, guessed          int64 // tokens asked for; answers whose tokens were not told
	lastTokens              int64 // of the last snapshot
	lastAt                  time.Duration
}

func newRecorder(o Options) *recorder {
	return &recorder{options: o, out: Result{Model: o.Model, Errors: map[string]int64{}, Warnings: []string{}},
		first: load.NewDistribution(), perToken: load.NewDistribution(), between: load.NewDistribution(), latency: load.NewDistribution(), lag: load.NewDistribution()}
}

func (r *recorder) sent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight++
	r.started++
}

func (r *recorder) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Dropped++
	r.fail(&outcome{failure: load.Dropped})
}

func (r *recorder) fail(o *outcome) {
	r.out.Requests++
	r.out.Failed++
	r.out.Errors[o.failure]++
	if r.out.FirstError == "" && o.said != "" {
		r.out.FirstError = o.failure + ": " + o.said
	}
}

func (r *recorder) done(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	r.lag.Add(o.lag)
	switch o.failure {
	case load.Abandoned:
		r.out.Abandoned++
		return
	case "timeout":
		r.latency.Add(o.latency)
	}
	if o.failure != "" {
		r.fail(&o)
		return
	}
	r.out.Requests++
	r.out.Answered++
	r.latency.Add(o.latency)
	r.first.Add(o.first)
	if o.perToken > 0 {
		r.perToken.Add(o.perToken)
	}
	for _, d := range o.between {
		r.between.Add(d)
	}
	if within(o.first, r.options.MaxFirst) && within(o.perToken, r.options.MaxPerToken) {
		r.good++
	}
	r.out.PromptTokens += o.prompt
	r.out.GeneratedTokens += o.generated
	r.asked += int64(o.asked)
	if !o.counted {
		r.guessed++
	}
}

func within(d, limit time.Duration) bool { return limit == 0 || d <= limit }

func (r *recorder) snapshot(elapsed time.Duration) Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{Elapsed: elapsed, Begun: r.started, InFlight: r.inFlight, Answered: r.out.Answered, Failed: r.out.Failed, First: r.first.Quantiles()}
	if seconds := (elapsed - r.lastAt).Seconds(); seconds > 0 {
		s.Tokens = float64(r.out.GeneratedTokens-r.lastTokens) / seconds
	}
	r.lastTokens, r.lastAt = r.out.GeneratedTokens, elapsed
	return s
}

func (r *recorder) result(took time.Duration, interrupted bool) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.out
	out.Errors, out.Interrupted = maps.Clone(r.out.Errors), interrupted
	out.MaxFirstSeconds, out.MaxTokenSeconds = r.options.MaxFirst.Seconds(), r.options.MaxPerToken.Seconds()
	out.FirstToken, out.PerToken, out.BetweenParts = r.first.Quantiles(), r.perToken.Quantiles(), r.between.Quantiles()
	out.Latency, out.Lag, out.DurationSeconds = r.latency.Quantiles(), r.lag.Quantiles(), took.Seconds()
	if out.Requests > 0 {
		out.Good = float64(r.good) / float64(out.Requests)
	}
	if seconds := took.Seconds(); seconds > 0 {
		out.RequestsPerSecond = float64(out.Answered) / seconds
		out.PromptPerSecond, out.GeneratedPerSecond = float64(out.PromptTokens)/seconds, float64(out.GeneratedTokens)/seconds
	}
	out.Warnings = r.doubts(&out)
	return out
}

// doubts are reasons not to trust the figures.
func (r *recorder) doubts(out *Result) []string {
	doubts := []string{}
	if out.Lag.P99 > 0.010 {
		doubts = append(doubts, fmt.Sprintf("the load generator itself was up to %.0f ms late (p99), which is part of the times: use a lower rate or a freer machine", out.Lag.P99*1000))
	}
	if out.Dropped > 0 {
		doubts = append(doubts, fmt.Sprintf("%s never sent, with %d already under way: counted as failed", scale.Count(out.Dropped, "request"), r.options.Pace.MaxInFlight))
	}
	if r.guessed > 0 {
		doubts = append(doubts, fmt.Sprintf("the server does not tell the tokens of %s: the pieces of their streams were counted, which may hold several each", scale.Count(r.guessed, "request")))
	}
	if out.GeneratedTokens*10 < r.asked*9 {
		doubts = append(doubts, fmt.Sprintf("answers were shorter than asked for, %d of %d tokens: with --ignore-eos servers that know it go on", out.GeneratedTokens, r.asked))
	}
	return doubts
}
