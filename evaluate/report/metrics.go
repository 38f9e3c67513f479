package report

import (
	"math"
	"slices"
)

// Group is what a metric tells about; the table has one block for each.
type Group string

// The five groups, in the order of the table.
const (
	Latency        Group = "Latency"
	Stability      Group = "Stability"
	Cost           Group = "Cost"
	Responsiveness Group = "Responsiveness"
	SLA            Group = "SLA"
)

// Unit is how a metric's values are written.
type Unit int

// The units.
const (
	Number Unit = iota
	Seconds
	Share      // 0..1, written as a percentage
	Percentage // 0..100
	ReplicaHours
	Replicas
	ReplicaSeconds
	Money
	Multiple // "1.42 ×"
)

// Metric is what the page knows about a field of results.json.
type Metric struct {
	Key, Name string
	Group     Group
	Unit      Unit
	// MoreIsBetter is rare.
	MoreIsBetter bool
	// Text explains it in a line; the formulas are in docs/evaluation.md.
	Text string
}

// Metrics lists those that the page has words for, in the order of the table.
func Metrics() []Metric {
	return []Metric{
		{"latency_mean_seconds", "Mean latency", Latency, Seconds, false, "Average time from a request's arrival at the balancer to its answer."},
		{"latency_p50_seconds", "p50 latency", Latency, Seconds, false, "Half of the requests were answered within this time."},
		{"latency_p90_seconds", "p90 latency", Latency, Seconds, false, "Nine in ten requests were answered within this time."},
		{"latency_p95_seconds", "p95 latency", Latency, Seconds, false, "19 in 20 requests were answered within this time."},
		{"latency_p99_seconds", "p99 latency", Latency, Seconds, false, "99 in 100 requests were answered within this time."},

		{"scaling_actions", "Scaling actions", Stability, Number, false, "Decisions that changed the number of replicas asked for."},
		{"direction_changes", "Changes of direction", Stability, Number, false, "How often scaling up followed scaling down, or the reverse."},
		{"replica_variance", "Variance of replicas", Stability, Number, false, "How far the number of replicas strays from its own mean, squared; a load that varies asks for some."},

		{"replica_hours", "Replica-hours", Cost, ReplicaHours, false, "What is paid: each replica from its creation to the end of draining."},
		{"cost", "Cost", Cost, Money, false, "Replica-hours times the price of one."},
		{"cost_ratio", "Cost by the oracle's", Cost, Multiple, false, "Replica-hours by those of a clairvoyant with the same violations; 1 × is the clairvoyant itself."},
		{"mean_replicas", "Mean replicas", Cost, Replicas, false, "Average number of replicas paid for."},

		{"reaction_seconds", "Reaction time", Responsiveness, Seconds, false, "Median time from a rise of the demand by a fifth or more until enough replicas are ready."},
		{"overshoot_ratio", "Overshoot", Responsiveness, Share, false, "After such a rise: most replicas by those demanded, less one."},
		{"undershoot_replica_seconds", "Undershoot × time", Responsiveness, ReplicaSeconds, false, "Replicas missing to the demand times how long they were missing, in replica-seconds."},
		{"theta_u", "Under-provisioning θU", Responsiveness, Percentage, false, "Mean share of the demanded replicas that was missing (SPEC)."},
		{"theta_o", "Over-provisioning θO", Responsiveness, Percentage, false, "Mean share of the demanded replicas that was there in excess (SPEC)."},
		{"tau_u", "Time under-provisioned τU", Responsiveness, Percentage, false, "Share of the time with fewer replicas than demanded (SPEC)."},
		{"tau_o", "Time over-provisioned τO", Responsiveness, Percentage, false, "Share of the time with more replicas than demanded (SPEC)."},
		{"accuracy_within_one", "Within one of the demand", Responsiveness, Share, true, "Share of the time with at most one replica more or fewer than demanded."},

		{"violation_ratio", "Requests not good", SLA, Share, false, "Share of requests that failed or took longer than the objective's threshold."},
		{"avoidable_violation_ratio", "Avoidable violations", SLA, Share, false, "Those of them that enough replicas would have answered in time. Comparisons use these."},
		{"intrinsic_violation_ratio", "Intrinsic violations", SLA, Share, false, "Those whose service alone took longer than the threshold: no policy can avoid them."},
		{"failed_requests", "Failed requests", SLA, Number, false, "Requests that never got an answer."},
	}
}

// metric finds one by its key; the page shows others under their key.
func metric(key string) Metric {
	all := Metrics()
	if i := slices.IndexFunc(all, func(m Metric) bool { return m.Key == key }); i >= 0 {
		return all[i]
	}
	return Metric{Key: key, Name: key, Group: "Other", Text: "See docs/evaluation.md."}
}

// Improvement is the share by which a candidate is better than a baseline:
// 0.31 where it has 31 % less of what should be little. It is NaN where the
// baseline has nothing to improve on and the candidate has something.
func (m Metric) Improvement(baseline, candidate float64) float64 {
	if baseline == candidate {
		return 0
	}
	if baseline == 0 {
		return math.NaN()
	}
	if m.MoreIsBetter {
		return candidate/baseline - 1
	}
	return 1 - candidate/baseline
}
