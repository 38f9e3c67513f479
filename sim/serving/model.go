// Package serving is one server of a language model, iteration by iteration:
// sequences join and leave the batch between two iterations (continuous
// batching: Orca, OSDI 2022), the keys and values of their tokens are kept in a
// memory that is given out as they grow (vLLM, SOSP 2023), prompts are worked on
// in chunks beside the sequences that generate (Sarathi-Serve, OSDI 2024). It
// knows no replicas, arrivals or clocks: package sim has those.
//
//	line ─► prompt, in chunks ─► first token ─► a token an iteration ─► done
//	  ▲            └──────── memory full ────────────┘
//	  └──────────── the last to come goes back, its tokens are computed again
package serving

import (
	"errors"
	"fmt"
	"time"
)

// Model is a language model on its hardware. One iteration takes
//
//	Iteration + PerSequence·(sequences that generate) + PerCached·(tokens they have) + PerPrompt·(prompt tokens)
//
// which is linear in what is read from memory and in what is computed. That
// reading the weights and computing prompts overlap in part is left out, and so
// is that the attention of a prompt grows with its square: below some thousand
// tokens both are small.
type Model struct {
	Name string
	// MaxBatch is how many sequences are worked on at once at most (vLLM's
	// max_num_seqs).
	MaxBatch int
	// Budget is how many tokens an iteration takes: one for each sequence that
	// generates, the rest for prompts (max_num_batched_tokens).
	Budget int
	// Cache is for how many tokens there is memory. Nobody is let in who would
	// leave less than the share Watermark of it free.
	Cache     int
	Watermark float64

	Iteration, PerSequence, PerCached, PerPrompt time.Duration

	// CPUPerIteration and CPUPerSequence are what a core does for an iteration and
	// for each sequence in it: it schedules, samples, and streams the tokens.
	CPUPerIteration, CPUPerSequence time.Duration
}

// Default is a model of 13 billion parameters in 16 bits on one A100 with 40 GB,
// the first row of table 1 of the paper on vLLM (Kwon and others, SOSP 2023): 26
// GB of weights, and 12 GB for 15,700 tokens of cache, 0.82 MB each (2·40
// layers·5,120·2 bytes). From the data sheet (1,555 GB/s, 312 TFLOP/s) at 80 % of
// the bandwidth and half of the operations, which Splitwise (ISCA 2024) and
// Sarathi-Serve report for large transfers and chunks:
//
//	weights    26 GB / 1,244 GB/s               = 20.9 ms an iteration
//	cache      0.82 MB / 1,244 GB/s             = 658 ns a token
//	prompt     2·13 GFLOP / 156 TFLOP/s         = 167 µs a token: 6,000 tokens/s
//	generate   2·13 GFLOP / 312 TFLOP/s         = 83 µs a sequence
//
// The watermark is vLLM's. The CPU is of the order that its authors report in
// September 2024 (a third of the time each in server and scheduler), and matters
// to those alone who scale on it.
func Default() Model {
	return Model{
		Name: "13B on A100 40 GB", MaxBatch: 256, Budget: 512, Cache: 15_700, Watermark: 0.01,
		Iteration: 20_900 * time.Microsecond, PerSequence: 83 * time.Microsecond, PerCached: 658 * time.Nanosecond, PerPrompt: 167 * time.Microsecond,
		CPUPerIteration: 4 * time.Millisecond, CPUPerSequence: 200 * time.Microsecond,
	}
}

// Validate reports every fault.
func (m Model) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(m.MaxBatch >= 1, "maxBatch: must be at least 1, got %d", m.MaxBatch)
	must(m.Budget > m.MaxBatch, "budget: must be above maxBatch, or prompts may wait for ever: got %d and %d", m.Budget, m.MaxBatch)
	must(m.Cache >= 1, "cache: must be at least 1 token, got %d", m.Cache)
	must(m.Watermark >= 0 && m.Watermark < 1, "watermark: must be at least 0 and below 1, got %v", m.Watermark)
	must(m.Iteration > 0, "iteration: must be above 0, got %v", m.Iteration)
	must(m.PerSequence >= 0 && m.PerCached >= 0 && m.PerPrompt >= 0, "perSequence, perCached, perPrompt: must not be negative")
	must(m.CPUPerIteration >= 0 && m.CPUPerSequence >= 0, "cpuPerIteration, cpuPerSequence: must not be negative")
	return errors.Join(errs...)
}

// Takes is how long an iteration takes.
func (m *Model) Takes(generating, cached, prompt int) time.Duration {
	return m.Iteration + time.Duration(generating)*m.PerSequence + time.Duration(cached)*m.PerCached + time.Duration(prompt)*m.PerPrompt
}

// Alone is the time to the first token of a prompt on a server without other work.
func (m *Model) Alone(prompt int) time.Duration {
	iterations := max(1, (prompt+m.Budget-1)/m.Budget)
	return time.Duration(iterations)*m.Iteration + time.Duration(prompt)*m.PerPrompt
}

// Fits reports whether a request can ever be served: prompt and answer must fit
// into the memory together.
func (m *Model) Fits(prompt, output int) bool { return prompt+output <= m.Cache }
