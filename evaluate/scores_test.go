package evaluate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

func nearly() cmp.Option { return cmpopts.EquateApprox(0, 1e-9) }

func demandOf(step time.Duration, replicas ...int) *Demand {
	d := &Demand{Step: step}
	d.setReplicas(replicas)
	return d
}

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

func span(from, to float64) workload.Span {
	return workload.Span{From: minutes(from), To: minutes(to)}
}

// Five minutes: a peak of two for which the replicas come late, one by one, and
// from which they go late.
//
//	minute   0     1     2     3     4     5
//	demand   2     2     4     4     2
//	ready    2     2     2 3   4     4 3
//	paid     2     2     4     4     4 3
func latePeak() (*Demand, []sim.Change) {
	return demandOf(time.Minute, 2, 2, 4, 4, 2), []sim.Change{
		{At: 0, Desired: 2, Ready: 2, Billed: 2},
		{At: minutes(2), Desired: 4, Ready: 2, Billed: 4},
		{At: minutes(2.5), Desired: 4, Ready: 3, Billed: 4},
		{At: minutes(3), Desired: 4, Ready: 4, Billed: 4},
		{At: minutes(4.5), Desired: 3, Ready: 3, Billed: 3},
	}
}

func TestScoresOfALatePeak(t *testing.T) {
	var got Run
	d, changes := latePeak()
	got.score([]workload.Span{span(0, 5)}, d, changes)
	want := Run{
		HoursScored:              5.0 / 60,
		UndershootReplicaSeconds: 2*30 + 1*30,
		ThetaU:                   100 * (30*2.0/4 + 30*1.0/4) / 300, // 7.5 %
		ThetaO:                   100 * (30*2.0/2 + 30*1.0/2) / 300, // 15 %
		TauU:                     100 * 60.0 / 300,
		TauO:                     100 * 60.0 / 300,
		AccuracyWithinOne:        240.0 / 300,                         // all but two half minutes with two too few or too many
		MeanReplicas:             (2*120 + 4*150 + 3*30) / 300.0,      // 3.1
		ReplicaVariance:          (4*120+16*150+9*30)/300.0 - 3.1*3.1, // 0.89
		DemandReplicaHours:       (2*120 + 4*120 + 2*60) / 3600.0,     // paid by who is always right at once
		ScalingActions:           2,                                   // to 4, to 3
		DirectionChanges:         1,                                   // up, then down
		ReactionSeconds:          new(60.0),                           // from minute 2, when 4 are demanded, to minute 3, when they are ready
		DemandSteps:              1,                                   // 2 → 4
		JitterPerMinute:          (3 - 2) / 5.0,                       // ready changed 3 times, the demand twice
		Instability:              100 * 5.0 / 19,                      // in five of 19 quarters of a minute one moves alone: ready thrice, the demand twice

		OvershootRatio: 0, // never more than 4
	}
	if diff := cmp.Diff(want, got, nearly()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

// The warm-up and gaps are as if they had never been.
func TestNothingCountsOutsideOfTheScoredTime(t *testing.T) {
	var got Run
	d, changes := latePeak()
	got.score([]workload.Span{span(0.5, 1), span(3, 4)}, d, changes)
	want := Run{HoursScored: 1.5 / 60, AccuracyWithinOne: 1, DemandReplicaHours: (2*30 + 4*60) / 3600.0,
		MeanReplicas: (2*30 + 4*60) / 90.0, ReplicaVariance: (4*30+16*60)/90.0 - (300.0*300)/(90*90)}
	if diff := cmp.Diff(want, got, nearly()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	s := sim.Default()
	s.Load = workload.Constant{RPS: 10, For: minutes(10)}
	s.Warmup = minutes(1)
	s.Gaps = []workload.Span{span(0.5, 2), span(4, 5), span(9, 10)}
	if diff := cmp.Diff([]workload.Span{span(2, 4), span(5, 9)}, scoredSpans(&s)); diff != "" {
		t.Errorf("scored (-want +got):\n%s", diff)
	}
	total := time.Duration(0)
	for _, s := range scoredSpans(&s) {
		total += s.To - s.From
	}
	if total != minutes(6) {
		t.Errorf("scored: got %v, want 6 m", total)
	}
	if got := expectedRequests(&s); math.Abs(got-3600) > 1e-6 {
		t.Errorf("expected requests: got %v, want 10/s over 6 minutes", got)
	}
}

// BUNGEE's own example: 17 changes of the supply and 9 of the demand in 20
// units of time are 0.4 more per unit.
func TestJitterIsBungees(t *testing.T) {
	if got := jitter(17, 9, 20); got != 0.4 {
		t.Errorf("got %v, want 0.4", got)
	}
	replicas := make([]int, 20)
	for i := range replicas {
		replicas[i] = 5 + min(i, 9)%2 // changes at the end of minutes 1 to 9
	}
	d := demandOf(time.Minute, replicas...)
	changes := []sim.Change{{Ready: 5}}
	for i := range 17 {
		changes = append(changes, sim.Change{At: minutes(1.5 + float64(i)), Ready: 6 - i%2})
	}
	var r Run
	r.score([]workload.Span{span(0, 20)}, d, changes)
	if r.JitterPerMinute != 0.4 {
		t.Errorf("of step functions: got %v, want 0.4 per minute", r.JitterPerMinute)
	}
}

func TestStepsAreRisesByAFifthWithinAMinute(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		demand []int // each 15 s
		want   []float64
	}{
		{"constant", []int{10, 10, 10, 10}, nil},
		{"less than a fifth", []int{10, 11, 11, 11}, nil},
		{"a fifth at once", []int{10, 12, 12, 12}, []float64{15}},
		{"a fifth in three parts, and another from there", []int{10, 10, 11, 12, 13, 14, 15, 15}, []float64{45, 90}},
		{"a fifth in more than a minute is none", []int{10, 10, 11, 11, 11, 11, 11, 12, 12}, nil},
		{"a fall is none, coming back is one", []int{10, 5, 5, 10}, []float64{45}},
		{"from nothing", []int{0, 0, 1}, []float64{30}},
	} {
		d := demandOf(15*time.Second, tc.demand...)
		var got []float64
		for _, at := range d.steps(workload.Span{To: time.Duration(len(tc.demand)) * d.Step}) {
			got = append(got, at.Seconds())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.rule, diff)
		}
	}
}

// Three steps: one found ready, one answered after 40 s, one never (the scoring
// ends 30 s after it). The median is the middle one.
func TestReactionIsTheMedianOverSteps(t *testing.T) {
	d := demandOf(30*time.Second, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16)
	changes := []sim.Change{{Ready: 4}, {At: 190 * time.Second, Ready: 10}}
	var r Run
	r.score([]workload.Span{{To: 5 * time.Minute}}, d, changes)
	if r.DemandSteps != 3 || r.ReactionSeconds == nil || *r.ReactionSeconds != 30 {
		t.Errorf("got %d steps and %v, want the median of 0, 40 and 30 s", r.DemandSteps, r.ReactionSeconds)
	}
	// Overshoots: 4 for 4, 10 for 8, 10 for 16.
	if want := 0.0; r.OvershootRatio != want {
		t.Errorf("overshoot: got %v, want the median of 0, 0.25 and 0", r.OvershootRatio)
	}
	var one Run
	one.score([]workload.Span{{From: 150 * time.Second, To: 270 * time.Second}}, d, changes)
	if one.ReactionSeconds != nil || one.DemandSteps != 0 {
		t.Errorf("a span that begins with the step has no step before it: got %d", one.DemandSteps)
	}
	one = Run{}
	one.score([]workload.Span{{From: 120 * time.Second, To: 270 * time.Second}}, d, changes)
	if math.Abs(one.OvershootRatio-0.25) > 1e-12 || *one.ReactionSeconds != 40 {
		t.Errorf("got overshoot %v and reaction %v, want 10 ready for 8 and 40 s", one.OvershootRatio, *one.ReactionSeconds)
	}
}
