package capacity

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Of 150 answers in 10 s, 50 were to requests that came 40 s ago, when fewer were
// ready than since 30 s. They are left out where each replica has a line of its own
// and no service takes so long; in all that was answered they count.
func TestWhatIsLeftOutOfASample(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		topology queueing.Topology
		mean     time.Duration
		since    time.Duration
		left     float64
	}{
		"a line for each replica":   {queueing.LeastConn, 80 * time.Millisecond, 30 * time.Second, 50},
		"one line for all":          {queueing.Central, 80 * time.Millisecond, 30 * time.Second, 0},
		"services that take long":   {queueing.LeastConn, 20 * time.Second, 30 * time.Second, 0},
		"as many since before that": {queueing.LeastConn, 80 * time.Millisecond, time.Minute, 0},
	} {
		hints := Config{ServiceMean: scale.Duration(c.mean), ServiceCV: 0.5, Concurrency: 4}
		l := NewLearner(hints, scale.Objective{Threshold: scale.Duration(time.Minute), Target: 0.99}, c.topology, 100, nil)
		l.memory.Steady = at.Add(-c.since)
		var answers series.Histogram
		answers.AddN(0.1, 100)
		answers.AddN(40, 50)
		s := sample{at: at, window: 10 * time.Second, ready: 10, rate: 15, concurrency: 1000, answered: 150,
			mean: answers.Mean(), variance: answers.Variance(), latency: &answers}
		if !l.present(&s) {
			t.Errorf("%s: nothing is learned of 100 answers", name)
		}
		if s.others != c.left || s.answered != 150-c.left || s.throughput() != 15 {
			t.Errorf("%s: left out %v of %v, %v/s; want %v, and 15/s", name, s.others, s.answered, s.throughput(), c.left)
		}
		if l.saturated(&s) != (c.left == 0) {
			t.Errorf("%s: 1,000 requests at 40 slots, of which some wait in lines of before: saturated is %v", name, l.saturated(&s))
		}
	}
}
