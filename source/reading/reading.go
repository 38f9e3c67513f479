// Package reading is what the sources of servers for AI workloads have in
// common: inference servers, task queues and vector databases. Each is read
// whole, by one piece of code, as a [Reading]; an Autoscaler makes signals of
// it ([Source]) and flyball exporter makes metrics of it, so both see the same.
package reading

import (
	"context"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// Reading is what a server told at one moment. What it does not tell is not
// there: absent is never zero.
type Reading struct {
	At time.Time
	// Parts are what the server tells apart, sorted by name: its models, its
	// collections; of a queue, the queue itself.
	Parts []Part
	// LeftOut counts parts that were too many to be kept.
	LeftOut int
}

// Part is one model, queue or collection.
type Part struct {
	Name string
	// Values are those of the moment, by the names below.
	Values map[string]float64
	// Counts never fall but when the server begins anew.
	Counts map[Count]float64
	// Durations are histograms, counted like Counts.
	Durations map[string]Histogram
}

// Count names a counter: what it counts, and which kind of it ("stop" of the
// requests, "prompt" of the tokens; "" where there is one kind).
type Count struct{ Name, Kind string }

// Histogram counts durations by their upper bounds in seconds, each bucket with
// all that is below it, as Prometheus has it.
type Histogram struct {
	Buckets map[float64]uint64 // without the infinite bound
	Count   uint64
	Sum     float64 // seconds
}

// Names of values. Those that a document may name are signals.
const (
	QueueDepth      = "queueDepth"      // requests or tasks that wait
	RunningRequests = "runningRequests" // requests that are being answered
	KVCacheUsage    = "kvCacheUsage"    // share of the key-value cache that is in use, 0 to 1
	ModelLoad       = "modelLoad"       // seconds that it took to load the model last
	InProgress      = "inProgress"      // tasks that somebody works on
	OldestAge       = "oldestAge"       // seconds since the oldest task that is not done was queued
	Points          = "points"          // vectors of a collection
	IndexBytes      = "indexBytes"      // bytes of its index

	ModelLoaded           = "modelLoaded"           // 1 while the model is in memory
	ModelBytes            = "modelBytes"            // bytes that it takes there
	ModelAcceleratorBytes = "modelAcceleratorBytes" // bytes of these that are an accelerator's
)

// Names of counts and durations.
const (
	Requests  = "requests"  // requests that ended, by how they did
	Tokens    = "tokens"    // by direction: Prompt, Generated
	Completed = "completed" // tasks that were done
	Arrived   = "arrived"   // tasks that were queued

	Prompt    = "prompt"
	Generated = "generated"

	RequestDuration  = "requestDuration"
	TimeToFirstToken = "timeToFirstToken"
	SearchDuration   = "searchDuration"
)

// Names of signals that are made of counts.
const (
	TokensPerSecond = "tokensPerSecond" // tokens generated per second
	RequestRate     = "requestRate"     // requests that ended per second
	CompletionRate  = "completionRate"  // tasks done per second
	ArrivalRate     = "arrivalRate"     // tasks queued per second
	SearchLatency   = "searchLatency"   // p95 of searches in seconds
	Latency         = "latency"         // p95 of requests in seconds
)

// Reader asks one server. It may be used by several goroutines. A server that
// does not answer, or that answers something else, is an error and no reading.
type Reader interface {
	Read(ctx context.Context) (Reading, error)
	// Close gives back what is kept between two readings.
	Close()
}

const (
	maxParts = 100 // of a server
	maxName  = 128 // bytes of the name of a part
	maxWord  = 32  // bytes of a kind
	maxKinds = 16  // of all counters of a part together
	other    = "other"
)

// Bounded makes a reading of parts. What a server tells apart becomes labels of
// metrics, so it is bounded: parts beyond the first 100, by their names, and
// those with names of more than 128 bytes are left out and counted.
func Bounded(at time.Time, parts map[string]Part) Reading {
	r := Reading{At: at}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if len(r.Parts) == maxParts || len(name) > maxName || !utf8.ValidString(name) {
			r.LeftOut++
			continue
		}
		r.Parts = append(r.Parts, parts[name])
	}
	return r
}

// Add adds to a counter. Kinds become labels too: what is no short word of
// letters, digits, _ and -, and what would be one of too many, is "other".
func (p Part) Add(c Count, number float64) {
	c.Kind = word(c.Kind)
	if _, there := p.Counts[c]; !there && len(p.Counts) >= maxKinds {
		c.Kind = other
	}
	p.Counts[c] += number
}

func word(kind string) string {
	for _, c := range kind {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return other
		}
	}
	if kind == "" || len(kind) > maxWord {
		return other
	}
	return kind
}

// NewPart returns a part with nothing in it.
func NewPart(name string) Part {
	return Part{Name: name, Values: map[string]float64{}, Counts: map[Count]float64{}, Durations: map[string]Histogram{}}
}
