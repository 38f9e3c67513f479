package sizing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/evaluate/sizing"
	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/workload"
)

const day = 24 * time.Hour

// given asks for what it is told, and remembers what it saw.
type given struct {
	size func(now sizing.State) vertical.Amount
	used []vertical.Amount
	outs int
}

func (g *given) Size(now sizing.State) vertical.Amount        { return g.size(now) }
func (g *given) Used(_ time.Time, amount vertical.Amount)     { g.used = append(g.used, amount) }
func (g *given) OutOfMemory(_ time.Time, had vertical.Amount) { g.outs++ }
func (g *given) contestant(name string) sizing.Contestant {
	return sizing.Contestant{Name: name, New: func(sizing.Workload) sizing.Sizer { return g }}
}

// Two days of one core, the last hour of which wants three; asked for is two.
func TestWhatIsAskedForIsSlackThrottledAndLost(t *testing.T) {
	w := sizing.Workload{Name: "step", Resource: vertical.CPU, Length: 2 * day, Demand: func(at, _ time.Duration) float64 {
		if at >= 47*time.Hour {
			return 3
		}
		return 1
	}}
	g := &given{size: func(sizing.State) vertical.Amount { return 2000 }}
	s := sizing.Play(w, g.contestant("two"))
	for what, pair := range map[string][2]float64{
		"mean": {s.Mean, 2}, "days": {s.Days, 1}, "slack": {s.Slack, 23.0 / 48}, "throttled": {s.Throttled, 1.0 / 24}, "lost": {s.Lost, 1.0 / 26},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
	if last := g.used[len(g.used)-1]; last != 2000 || s.OOMs != 0 {
		t.Errorf("the sizer saw a use of %d and %d times out of memory, want the limit of 2000 and none", last, s.OOMs)
	}
}

// Who asks for nothing has no slack: a share of nothing would be no number.
func TestNothingAskedForIsNoSlack(t *testing.T) {
	w := sizing.Workload{Name: "idle", Resource: vertical.CPU, Length: 2 * day, Demand: func(_, _ time.Duration) float64 { return 0 }}
	g := &given{size: func(sizing.State) vertical.Amount { return 0 }}
	if s := sizing.Play(w, g.contestant("none")); s.Slack != 0 {
		t.Errorf("slack of %v, want 0", s.Slack)
	}
}

// A leak that doubles the first size within two hours of a start: the container
// ends, and is back with nothing used.
func TestMemoryAboveWhatIsAskedForEndsTheContainer(t *testing.T) {
	w := sizing.Workload{Name: "leak", Resource: vertical.Memory, Length: 2 * day, Demand: func(_, age time.Duration) float64 {
		return 100e6 * (1 + age.Hours())
	}}
	var oldest time.Duration
	g := &given{}
	g.size = func(now sizing.State) vertical.Amount {
		oldest = max(oldest, now.At.Sub(now.StartedAt))
		if !now.OOMAt.IsZero() && !now.StartedAt.After(now.OOMAt) {
			t.Fatalf("started at %v, out of memory at %v: want a start after it", now.StartedAt, now.OOMAt)
		}
		return 300e6
	}
	s := sizing.Play(w, g.contestant("three"))
	// Above 300 MB after 120 minutes, and back a minute later: 122 minutes a life.
	if want := 1440 / 122; s.OOMs < want || s.OOMs > want+1 || g.outs <= s.OOMs {
		t.Errorf("%d times out of memory in the second day, %d in all; want %d and twice as often", s.OOMs, g.outs, want)
	}
	if oldest > 122*time.Minute {
		t.Errorf("a container of %v, want an end after two hours", oldest)
	}
	if s.Throttled != 0 || s.Slack < 0.3 || s.Slack > 0.4 {
		t.Errorf("slack %v, throttled %v; want a third and none", s.Slack, s.Throttled)
	}
}

func TestWhatWasNotRecordedIsNotScored(t *testing.T) {
	w := sizing.Workload{Name: "gap", Resource: vertical.CPU, Length: 2 * day, Demand: func(at, _ time.Duration) float64 {
		if at >= 36*time.Hour {
			return math.NaN()
		}
		return 1
	}}
	s := sizing.Play(w, sizing.StaticPeak())
	if s.Days != 0.5 || s.Mean != 1 || s.Slack != 0 {
		t.Errorf("got %+v, want half a day of one core without slack", s)
	}
}

// A trace with a line every five minutes for so many days.
func trace(t *testing.T, quantity string, days int) *workload.Trace {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "t_seconds,%s\n", quantity)
	for i := range days * 288 {
		fmt.Fprintf(&text, "%d,%d\n", 300*i, 10+i%3)
	}
	shape, err := workload.Read("x.csv", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return shape.(*workload.Trace)
}

func TestTracesOfCPUAloneAreWorkloads(t *testing.T) {
	for quantity, want := range map[string]float64{"cpu_percent": 0.44, "busy_cores": 0.0011} {
		w, err := sizing.FromTrace("x", trace(t, quantity, 2))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Demand(5*time.Minute, 0); math.Abs(got-want) > 1e-9 || w.Length != 2*day || w.Resource != vertical.CPU {
			t.Errorf("%s: %v cores for %v, want %v for two days", quantity, got, w.Length, want)
		}
		if got := w.Demand(10*time.Minute-1, 0); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: at the end of the step %v cores, want %v", quantity, got, want)
		}
	}
	for why, tr := range map[string]*workload.Trace{"must hold cpu_percent or busy_cores": trace(t, "requests_per_second", 2), "must be more than the first day": trace(t, "cpu_percent", 1)} {
		if _, err := sizing.FromTrace("x", tr); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
}

// The same twice, to the last byte; and each contestant on each workload.
func TestJudgedTwiceItIsTheSame(t *testing.T) {
	judge := func() string {
		workloads := sizing.Generated()[:2]
		for i := range workloads {
			workloads[i].Length = 3 * day
		}
		scores, err := sizing.Judge(context.Background(), workloads, sizing.Contestants(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(scores) != 2*len(sizing.Contestants()) {
			t.Fatalf("%d scores", len(scores))
		}
		var text bytes.Buffer
		r := sizing.Summed(scores, sizing.Contestants())
		if err := errors.Join(r.WriteJSON(&text), r.WriteCSV(&text)); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	if a, b := judge(), judge(); a != b {
		t.Errorf("first\n%s\nthen\n%s", a, b)
	}
}

func TestJudgingEndsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sizing.Judge(ctx, sizing.Generated(), sizing.Contestants(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// What the Vertical Pod Autoscaler is known for, by this judge: it follows what
// grows without an end for want of memory, where a guess ends all the time.
func TestTheVerticalPodAutoscalerFollowsGrowth(t *testing.T) {
	growth := sizing.Generated()[0]
	vpa, guess := sizing.Play(growth, sizing.VPA()), sizing.Play(growth, sizing.StaticGuess())
	if vpa.OOMs != 0 || vpa.Slack > 0.2 || vpa.Changes < 5 || guess.OOMs < 1000 {
		t.Errorf("vpa %+v\nguess %+v\nwant none out of memory, at a slack below a fifth, and a guess that is", vpa, guess)
	}
}

// A target that moves a little is not followed before half a day has gone by.
func TestSizesWithinTheBoundsAreKept(t *testing.T) {
	w := sizing.Workload{Name: "drift", Resource: vertical.CPU, Length: 6 * day, Demand: func(at, _ time.Duration) float64 { return 1 + at.Hours()/400 }}
	s := sizing.Play(w, sizing.VPA())
	if s.Changes < 3 || s.Changes > 5 || s.Throttled > 0 {
		t.Errorf("resized %d times, throttled %v of the time; want 3 to 5 times and never", s.Changes, s.Throttled)
	}
}

func TestSummariesAreMeansOfSharesAndSumsOfCounts(t *testing.T) {
	score := func(resource vertical.Resource, contestant string, slack float64, ooms int) sizing.Score {
		return sizing.Score{Resource: resource, Contestant: contestant, Slack: slack, Lost: slack / 10, Throttled: slack / 2, OOMs: ooms, Changes: 2 * ooms}
	}
	r := sizing.Summed([]sizing.Score{score(vertical.Memory, "vpa", 0.2, 1), score(vertical.Memory, "vpa", 0.4, 2), score(vertical.CPU, "vpa", 1, 9)},
		[]sizing.Contestant{sizing.VPA(), sizing.StaticPeak()})
	i := slices.IndexFunc(r.Summaries, func(s sizing.Summary) bool { return s.Resource == vertical.Memory })
	got := r.Summaries[i]
	if len(r.Summaries) != 2 || got.Workloads != 2 || math.Abs(got.Slack-0.3) > 1e-9 || math.Abs(got.Lost-0.03) > 1e-9 ||
		math.Abs(got.Throttled-0.15) > 1e-9 || got.OOMs != 3 || got.Changes != 6 {
		t.Errorf("got %+v, want one for each resource, and 0.3, 3 and 6 of memory", r.Summaries)
	}
}
