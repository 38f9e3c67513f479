package recordtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Interval is the time between two decisions of Sample.
const Interval = 15 * time.Second

// Start is when the first sample was decided.
var Start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// Sample returns the i-th decision of a target, as large as they are in
// practice: four signals, two proposals, five guards, a shadow.
func Sample(target string, i int) record.Entry {
	at := Start.Add(time.Duration(i)*Interval + 123456*time.Nanosecond)
	r := rand.New(rand.NewPCG(uint64(i), uint64(len(target))))
	current := 3 + i/20%7
	want := current
	if i%20 == 19 {
		want++
	}
	decision := Decision(target, "hpa", at, current, want, r)
	shadow := Decision(target, "predictive", at, current, current, r)
	return record.Entry{Target: target, At: at, Decided: &record.Decided{
		Decision: decision, Shadows: []scale.Decision{shadow}, Mode: scale.Apply,
		Seen: record.Seen{Ready: current, Starting: i % 2, Signals: []record.Measured{
			{Name: "concurrency", Trust: scale.Fresh, Value: 40 * r.Float64(), At: at, Window: 30 * time.Second},
			{Name: "cpuUtilization", Trust: scale.Fresh, Value: r.Float64(), At: at.Add(-4 * time.Second), Window: 30 * time.Second},
			{Name: "latency", Trust: scale.Fresh, Value: r.Float64(), At: at, Window: 30 * time.Second,
				P50: r.Float64(), P95: r.Float64(), P99: r.Float64()},
			{Name: "requestRate", Trust: scale.Stale, Value: 200 * r.Float64(), At: at, Window: 30 * time.Second},
		}},
	}}
}

// Decision returns a decision with a trail.
func Decision(target, policy string, at time.Time, current, want int, r *rand.Rand) scale.Decision {
	use := r.Float64()
	reason := scale.Because("Target", "{n} {0%} against {1%}: {2 ready replica} need {3}", use, 0.7, float64(current), float64(want))
	within := scale.Because("WithinBounds", "{0} is within {1} to {2}", float64(want), 1, 20)
	return scale.Decision{
		Target: target, Policy: policy, At: at, CurrentReplicas: current, DesiredReplicas: want,
		Recommendation: scale.Recommendation{
			Replicas: want + int(at.Unix()/int64(Interval.Seconds()))%3/2, Reason: reason.About("cpuUtilization"), Confidence: 1,
			Proposals: []scale.Proposal{
				{Signal: "cpuUtilization", Replicas: want, Reason: reason.About("cpuUtilization")},
				{Signal: "concurrency", Replicas: current, Reason: reason.About("concurrency")},
			},
		},
		Steps: []scale.Step{
			{Guard: "data", From: want, To: want, Reason: scale.Because("Fresh", "all signals are fresh")},
			{Guard: "behavior", From: want, To: want, Reason: scale.Because("Stable", "the highest of the last {0s} is {1}", 300, float64(want))},
			{Guard: "cooldown", From: want, To: want, Reason: scale.Because("NoCooldown", "the last change was {0s} ago", 3600*r.Float64())},
			{Guard: "floor", From: want, To: want, Reason: scale.Because("AboveFloor", "{0} carry {1} requests/s within the objective", 2, 200*r.Float64())},
			{Guard: "bounds", From: want, To: want, Reason: within},
		},
		Reason: reason.About("cpuUtilization"), SetBy: "policy",
	}
}

// Applied returns the i-th change of a target.
func Applied(target string, i int) record.Entry {
	at := Start.Add(time.Duration(i) * Interval)
	return record.Entry{Target: target, At: at, Applied: &record.Applied{Target: target, At: at, From: i, To: i + 1}}
}

// Event returns the i-th event of a target.
func Event(target string, i int) record.Entry {
	at := Start.Add(time.Duration(i) * Interval)
	return record.Entry{Target: target, At: at, Event: &record.Event{
		Type: "Paused", Target: target, At: at, By: "ann", Message: fmt.Sprintf("event %d of %s", i, target)}}
}

// Advised returns the i-th exchange of a target with an advisor.
func Advised(target string, i int) record.Entry {
	e := Event(target, i)
	none, wanted := 0, 3+i
	e.Event.Type, e.Event.By = "AdviceGiven", ""
	e.Event.Advised = &record.Advised{From: "model #abc", Occasion: "violations", SeenAt: e.At.Add(-2 * time.Second), Took: 1500 * time.Millisecond,
		Expires: e.At.Add(time.Minute), Wanted: &wanted, Replicas: &none, Direction: -1, Thresholds: []record.Threshold{{Name: "latency", Value: 0.25}},
		Confidence: 0.8, Reason: "it is quiet", In: 420, Out: 60, Cost: 0.0012, Cached: i%2 == 1, Asked: "load 3\nload 4", Said: `{"replicas":0}`}
	return e
}
