package workload_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/workload"
)

func TestNothingIsPlayedInAGap(t *testing.T) {
	for _, trace := range []*workload.Trace{
		readTrace(t, "0,5\n60,5\n240,5\n300,5\n"),
		readTrace(t, "0,5\n60,5\n240,5\n300,5\n").Interpolated(),
	} {
		if got := trace.Rate(3 * time.Minute); got != 0 {
			t.Errorf("rate in the gap: got %v, want 0", got)
		}
		for _, at := range collect(trace, workload.Poisson, 1, time.Hour) {
			if at > 2*time.Minute && at < 4*time.Minute {
				t.Fatalf("arrival at %v, in the gap from 2 to 4 min", at)
			}
		}
	}
}

func TestInterpolatedRunsFromCentreToCentre(t *testing.T) {
	trace := readTrace(t, "0,10\n60,30\n120,30\n300,90\n").Interpolated()
	checkShape(t, trace)
	for _, tt := range []struct {
		at   time.Duration
		want float64
	}{
		{10 * time.Second, 10},  // before the first centre
		{30 * time.Second, 10},  // the first centre
		{60 * time.Second, 20},  // halfway between two
		{75 * time.Second, 25},  // three quarters
		{90 * time.Second, 30},  // the second centre
		{170 * time.Second, 30}, // beside the gap the bin's own rate holds
		{200 * time.Second, 0},  // in the gap
		{301 * time.Second, 90}, // after it
	} {
		if got := trace.Rate(tt.at); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("rate at %v: got %v, want %v", tt.at, got, tt.want)
		}
	}
}

func TestRecordedRequestsArriveWhenTheyDid(t *testing.T) {
	const file = "t_seconds,input_tokens,output_tokens\n0.5,10,1\n0.75,20,2\n0.75,30,3\n2.125,40,4\n"
	s, err := workload.Read("r.csv", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	checkCount(t, s)
	at := func(seconds ...float64) []time.Duration {
		all := []time.Duration{}
		for _, s := range seconds {
			all = append(all, time.Duration(s*float64(time.Second)))
		}
		return all
	}
	near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= time.Microsecond })
	if diff := cmp.Diff(at(0.5, 0.75, 0.75, 2.125), collect(s, workload.Uniform, 1, time.Hour), near); diff != "" {
		t.Errorf("arrivals (-recorded +got):\n%s", diff)
	}
	// At twice the speed every second one is left, at the same rate.
	if got := collect(workload.Speed(s, 2), workload.Uniform, 1, time.Hour); len(got) != 2 {
		t.Errorf("at speed 2: got %v, want 2 arrivals", got)
	}
	if got := collect(workload.Scale(s, 3), workload.Uniform, 1, time.Hour); len(got) != 12 {
		t.Errorf("scaled by 3: got %d arrivals, want 12", len(got))
	}
	records := s.(*workload.Requests).Records()
	if last := records[3]; last.InputTokens != 40 || last.OutputTokens != 4 {
		t.Errorf("tokens of the last request: got %+v, want 40 and 4", last)
	}
	bins := s.(*workload.Requests).Binned(time.Second).Bins()
	got := []float64{}
	for _, b := range bins {
		got = append(got, b.RPS)
	}
	if diff := cmp.Diff([]float64{3, 0, 1}, got); diff != "" {
		t.Errorf("counted per second (-want +got):\n%s", diff)
	}
}

// checkCount checks what checkShape does for a count that jumps.
func checkCount(t *testing.T, s workload.Shape) {
	t.Helper()
	previous := 0.0
	for at := time.Duration(0); at <= s.Duration()+time.Second; at += time.Millisecond {
		n := s.Expected(at)
		if n < previous || n > 1e9 {
			t.Fatalf("expected before %v: got %v after %v", at, n, previous)
		}
		previous = n
	}
}

func TestWindow(t *testing.T) {
	trace := readTrace(t, "0,1\n60,2\n240,3\n300,4\n")
	got, err := trace.Window(90*time.Second, 270*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := []workload.Bin{{0, 30 * time.Second, 2}, {150 * time.Second, 30 * time.Second, 3}}
	if diff := cmp.Diff(want, got.Bins()); diff != "" {
		t.Errorf("bins (-want +got):\n%s", diff)
	}
	if got.Duration() != 180*time.Second {
		t.Errorf("length: got %v, want 3m0s", got.Duration())
	}
	if all, err := trace.Window(0, 24*time.Hour); err != nil || all.Duration() != trace.Duration() {
		t.Errorf("a window longer than the trace: got %v, %v, want all of it", all, err)
	}
	for _, bad := range [][2]time.Duration{{time.Hour, 2 * time.Hour}, {2 * time.Minute, time.Minute}, {-1, 1}, {130 * time.Second, 200 * time.Second}} {
		if _, err := trace.Window(bad[0], bad[1]); err == nil {
			t.Errorf("window %v: want an error", bad)
		}
	}
}

func TestParseWindow(t *testing.T) {
	for text, want := range map[string][2]time.Duration{
		"0h:24h":     {0, 24 * time.Hour},
		"14d12h:15d": {14*24*time.Hour + 12*time.Hour, 15 * 24 * time.Hour},
		":90s":       {0, 90 * time.Second},
		"6h:":        {6 * time.Hour, 0},
	} {
		from, to, err := workload.ParseWindow(text)
		if err != nil || from != want[0] || to != want[1] {
			t.Errorf("%q: got %v, %v, %v, want %v", text, from, to, err, want)
		}
	}
	for _, text := range []string{"", "5h", "2h:1h", "1h:1h", "x:1h", "-1h:1h", "1h:2"} {
		if _, _, err := workload.ParseWindow(text); err == nil || !strings.Contains(err.Error(), "window") {
			t.Errorf("%q: got error %v, want one about the window", text, err)
		}
	}
}

func TestSmoothedUsesTheShortestWindowThatHoldsEnough(t *testing.T) {
	// 60 requests a minute, but 600 in the fourth and none in the fifth.
	trace := readTrace(t, "0,1\n60,1\n120,1\n180,10\n240,0\n300,1\n360,1\n")
	rates := func(trace *workload.Trace) []float64 {
		all := []float64{}
		for _, b := range trace.Bins() {
			all = append(all, b.RPS)
		}
		return all
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	// Two minutes hold 120 at either end, three do around the other bins, and
	// the fourth minute does alone.
	want := []float64{1, 1, 4, 10, 11. / 3, 2. / 3, 1}
	got := rates(trace.Smoothed(120))
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("rates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, rates(trace.Scaled(50).Smoothed(120).Scaled(0.02)), near); diff != "" {
		t.Errorf("smoothing after scaling differs (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(rates(trace), rates(trace.Smoothed(0))); diff != "" {
		t.Errorf("a count of 0 must change nothing (-want +got):\n%s", diff)
	}
	if got := rates(trace.Smoothed(1e9)); math.Abs(got[0]-15./7) > 1e-9 || math.Abs(got[6]-15./7) > 1e-9 {
		t.Errorf("more than the trace holds: got %v, want the mean 15/7 everywhere", got)
	}
}

func TestFactorReachesTheRateAskedFor(t *testing.T) {
	trace := readTrace(t, "0,1\n60,2\n120,4\n180,10\n")
	for _, tt := range []struct {
		q, rps, want float64
	}{{1, 100, 10}, {0.5, 100, 50}, {0.75, 100, 25}} {
		if got, err := workload.Factor(trace, tt.q, tt.rps); err != nil || got != tt.want {
			t.Errorf("%v-quantile to %v: got %v, %v, want %v", tt.q, tt.rps, got, err, tt.want)
		}
	}
	if got := workload.Peak(workload.DiurnalFlash()); got < 95 || got > 105 {
		t.Errorf("peak of the demo's shape: got %v, want about 100", got)
	}
	if _, err := workload.Factor(readTrace(t, "0,0\n60,0\n"), 1, 10); err == nil {
		t.Error("a silent trace cannot be scaled: want an error")
	}
}

// What is cut out of a record stays a record, so that its quantiles are those
// of its own bins.
func TestClipKeepsRecordsExact(t *testing.T) {
	rows := &strings.Builder{}
	for i := range 30_000 { // a peak one bin wide, between the slots of a shape
		fmt.Fprintf(rows, "%d,%d\n", i, 1+8*max(0, 1-max(i-12_346, 12_346-i)))
	}
	trace := readTrace(t, rows.String())
	if got := workload.Peak(workload.Scale(workload.Clip(trace, time.Hour, 0), 2)); got != 18 {
		t.Errorf("peak of the clipped and scaled trace: got %v, want 18", got)
	}
	requests, err := workload.Read("r.csv", strings.NewReader("t_seconds,input_tokens,output_tokens\n1,1,1\n2,1,1\n2.5,1,1\n9,1,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	cut := workload.Clip(requests, 1500*time.Millisecond, 5*time.Second)
	if got := collect(cut, workload.Uniform, 1, time.Hour); len(got) != 2 ||
		(got[0]-500*time.Millisecond).Abs() > time.Microsecond || (got[1]-time.Second).Abs() > time.Microsecond {
		t.Errorf("clipped requests: got %v, want 500ms and 1s", got)
	}
	if got := workload.Peak(cut); got != 1 {
		t.Errorf("peak of the clipped requests: got %v, want 1 in a second", got)
	}
	if got := workload.Clip(requests, 5*time.Second, 6*time.Second); got.Expected(time.Hour) != 0 || got.Duration() != time.Second {
		t.Errorf("a part without requests: got %v of them in %v, want 0 in 1s", got.Expected(time.Hour), got.Duration())
	}
}
