package workload_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/workload"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestRebinnedSumsRequests(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		rule, rows string
		width      time.Duration
		want       []workload.Bin
	}{
		{"two bins become one", "0,1\n10,3\n20,5\n30,7\n", 20 * s, []workload.Bin{{0, 20 * s, 2}, {20 * s, 20 * s, 6}}},
		{"the last may be narrower", "0,1\n10,3\n20,5\n", 20 * s, []workload.Bin{{0, 20 * s, 2}, {20 * s, 10 * s, 5}}},
		{"a bin across an edge is divided", "0,1\n10,4\n20,7\n", 15 * s, []workload.Bin{{0, 15 * s, 2}, {15 * s, 15 * s, 6}}},
		{
			"a gap stays a gap, with the mean of what was recorded around it", "0,1\n10,2\n40,6\n50,6\n", 60 * s,
			[]workload.Bin{{0, 20 * s, 3.75}, {40 * s, 20 * s, 3.75}},
		},
		{"a gap of several wide bins", "0,1\n10,3\n20,5\n90,2\n", 20 * s, []workload.Bin{{0, 20 * s, 2}, {20 * s, 10 * s, 5}, {90 * s, 10 * s, 2}}},
		{"a width of 0 changes nothing", "0,1\n10,3\n", 0, []workload.Bin{{0, 10 * s, 1}, {10 * s, 10 * s, 3}}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			recorded := readTrace(t, tc.rows)
			got, err := recorded.Rebinned(tc.width)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Bins(), cmp.Comparer(near)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if end := recorded.Duration(); !near(got.Expected(end), recorded.Expected(end)) || got.Duration() != end {
				t.Errorf("got %v requests in %v, want %v in %v as recorded", got.Expected(end), got.Duration(), recorded.Expected(end), end)
			}
		})
	}
	if _, err := readTrace(t, "0,1\n60,3\n").Rebinned(time.Second); err == nil || !strings.Contains(err.Error(), "bins of 1s: must be at least as wide as those of test.csv, 1m0s") {
		t.Errorf("narrower bins than recorded: got %v, want an error", err)
	}
}

// Six minutes with a flash in the fifth; the window is the last three.
func TestPrepareDoesOneStepAfterTheOther(t *testing.T) {
	const minute = time.Minute
	rows := "0,1\n30,3\n60,2\n90,2\n120,4\n150,4\n180,1\n210,3\n240,20\n270,20\n300,2\n330,2\n"
	window := workload.Span{From: 3 * minute, To: 6 * minute}
	for _, tc := range []struct {
		what    string
		options workload.Options
		want    []float64 // rates of the bins
		width   time.Duration
	}{
		{"nothing", workload.Options{}, []float64{1, 3, 2, 2, 4, 4, 1, 3, 20, 20, 2, 2}, minute / 2},
		{"a window", workload.Options{Window: window}, []float64{1, 3, 20, 20, 2, 2}, minute / 2},
		{"its history first", workload.Options{Window: window, Warmup: minute}, []float64{4, 4, 1, 3, 20, 20, 2, 2}, minute / 2},
		{"without a window all but the warm-up is scored", workload.Options{Warmup: 5 * minute, PeakRPS: 4}, []float64{2, 6, 4, 4, 8, 8, 2, 6, 40, 40, 4, 4}, minute / 2},
		{"rebinned before the window is cut", workload.Options{Window: window, Rebin: 2 * minute}, []float64{3, 11}, 0},
		{"scaled by the window alone", workload.Options{Window: workload.Span{To: 3 * minute}, PeakRPS: 40}, []float64{10, 30, 20, 20, 40, 40}, minute / 2},
		{"the warm-up is scaled with it, whatever its peak", workload.Options{Window: workload.Span{From: 5 * minute}, Warmup: minute, PeakRPS: 40}, []float64{400, 400, 40, 40}, minute / 2},
		{"rebinned before it is scaled", workload.Options{Rebin: 3 * minute, PeakRPS: 80}, []float64{80 * 8. / 24, 80}, 3 * minute},
		{"smoothed before it is scaled", workload.Options{Rebin: minute, Smooth: 1e6, P99RPS: 100}, []float64{100, 100, 100, 100, 100, 100}, minute},
		{"smoothed with what lies outside the window", workload.Options{Rebin: minute, Smooth: 400, Window: workload.Span{From: 5 * minute}}, []float64{11}, minute},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := workload.Prepare(readTrace(t, rows), tc.options)
			if err != nil {
				t.Fatal(err)
			}
			rates := []float64{}
			for _, b := range got.Bins() {
				rates = append(rates, b.RPS)
				if tc.width > 0 && b.Width != tc.width {
					t.Errorf("bin at %v: %v wide, want %v", b.At, b.Width, tc.width)
				}
			}
			if diff := cmp.Diff(tc.want, rates, cmp.Comparer(near)); diff != "" {
				t.Errorf("rates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrepareInterpolatesLast(t *testing.T) {
	got, err := workload.Prepare(readTrace(t, "0,1\n60,3\n120,5\n"), workload.Options{PeakRPS: 50, Interpolate: true})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]float64{10 * time.Second: 10, time.Minute: 20, 90 * time.Second: 30, 2 * time.Minute: 40, 179 * time.Second: 50} {
		if rate := got.Rate(at); !near(rate, want) {
			t.Errorf("rate at %v: got %v, want %v", at, rate, want)
		}
	}
}

func TestPrepareSaysWhatIsWrong(t *testing.T) {
	const minute = time.Minute
	trace := readTrace(t, "0,1\n60,0\n120,0\n180,0\n600,2\n660,2\n")
	nobody, span := workload.Trace{}, func(from, to time.Duration) workload.Span { return workload.Span{From: from, To: to} }
	for _, tc := range []struct {
		options workload.Options
		says    string
	}{
		{workload.Options{Window: span(time.Hour, 2*time.Hour)}, "window 1h:2h of test.csv: must lie within 0 and 12m"},
		{workload.Options{Window: span(time.Hour, 0)}, "window 1h: of test.csv: must lie within 0 and 12m"},
		{workload.Options{Window: span(25*time.Hour, 26*time.Hour), Warmup: 24 * time.Hour}, "window 25h:26h of test.csv: must lie within 0 and 12m"},
		{workload.Options{Window: span(2*minute, minute)}, "window 2m:1m of test.csv: must lie within"},
		{workload.Options{Window: span(5*minute, 9*minute)}, "window 5m:9m of test.csv: nothing was recorded there"},
		{workload.Options{Window: span(-minute, minute)}, "window: must be 0 or more, got -1m0s"},
		{workload.Options{Window: span(minute, 0), Warmup: 2 * minute}, "warm-up: needs 2m of the trace before the window, which begins at 1m: must begin at 2m or later"},
		{workload.Options{Warmup: -minute}, "warm-up: must be 0 or more"},
		{workload.Options{Warmup: time.Hour}, "warm-up: 1h leaves nothing of test.csv to be scored: must be below its length, 12m"},
		{workload.Options{Warmup: 12 * minute}, "warm-up: 12m leaves nothing"},
		{workload.Options{Rebin: time.Hour}, "rebin: bins of 1h: must be at most as wide as test.csv is long, 12m"},
		{workload.Options{Rebin: time.Second}, "rebin: bins of 1s: must be at least as wide"},
		{workload.Options{Rebin: -minute}, "rebin: must be 0 or more"},
		{workload.Options{Smooth: math.NaN()}, "smooth: must be a number of 0 or more, got NaN"},
		{workload.Options{P99RPS: -5}, "p99 rate: must be a number of 0 or more, got -5"},
		{workload.Options{PeakRPS: math.Inf(1)}, "peak rate: must be a number of 0 or more, got +Inf"},
		{workload.Options{PeakRPS: 1, P99RPS: 1}, "exclude each other"},
		{workload.Options{Window: span(minute, 3*minute), PeakRPS: 100}, "trace test.csv: scale to 100 requests/s: the rate is 0 at least 100 % of the time"},
	} {
		_, err := workload.Prepare(trace, tc.options)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: got %v, want it to say %q", tc.options, err, tc.says)
		}
	}
	if _, err := workload.Prepare(trace, workload.Options{Rebin: 12 * minute}); err != nil {
		t.Errorf("one bin as long as the trace: got %v", err)
	}
	if _, err := workload.Prepare(&nobody, workload.Options{Warmup: -1}); err == nil || !strings.Contains(err.Error(), "is empty") || !strings.Contains(err.Error(), "warm-up") {
		t.Errorf("an empty trace: got %v, want both faults", err)
	}
}

func TestNewTraceTakesNoWrongBins(t *testing.T) {
	const s = time.Second
	for says, bins := range map[string][]workload.Bin{
		"is empty":                          {},
		"bin 1: begins at 5s: must not be":  {{0, 10 * s, 1}, {5 * s, 10 * s, 1}},
		"bin 0: begins at -1s":              {{-s, 10 * s, 1}},
		"bin 0: is 0s wide":                 {{0, 0, 1}},
		"bin 0: rate -1: must be 0 to":      {{0, s, -1}},
		"bin 1: rate NaN: must be 0 to":     {{0, s, 1}, {s, s, math.NaN()}},
		"bin 0: rate +Inf: must be 0":       {{0, s, math.Inf(1)}},
		"end within ten years":              {{0, 11 * 365 * 24 * time.Hour, 1}},
		"is 2562047h47m16.854775807s wide ": {{s, math.MaxInt64, 1}},
	} {
		if _, err := workload.NewTrace("t", bins); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want it to say %q", bins, err, says)
		}
	}
	bins := []workload.Bin{{0, 10 * s, 1}, {20 * s, 10 * s, 3}}
	trace, err := workload.NewTrace("t", bins)
	if err != nil {
		t.Fatal(err)
	}
	bins[0].RPS = 99 // who made them may go on using them
	if got := trace.Expected(trace.Duration()); got != 40 || len(trace.Gaps()) != 1 {
		t.Errorf("got %v requests and gaps %v, want 40 and one gap", got, trace.Gaps())
	}
}

// Usage is a load once it is scaled; until then it is none, and it is no count
// that could be smoothed.
func TestUsageIsALoadOnlyWhenScaled(t *testing.T) {
	s, err := workload.Read("cpu.csv", strings.NewReader("t_seconds,cpu_percent\n0,20\n300,80\n600,0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	trace := s.(*workload.Trace)
	if _, err := workload.Prepare(trace, workload.Options{Smooth: 400}); err == nil || !errors.Is(err, workload.ErrUnscaled) || !strings.Contains(err.Error(), "cpu.csv: holds cpu_percent, which is a load only when it is scaled") {
		t.Errorf("not scaled: got %v, want an error", err)
	}
	got, err := workload.Prepare(trace, workload.Options{Smooth: 400, PeakRPS: 1600})
	if err != nil {
		t.Fatal(err)
	}
	if rate := got.Rate(601 * time.Second); rate != 10 {
		t.Errorf("rate at 0.5 %%: got %v, want 10, not smoothed", rate)
	}
}

// The hours that the reference figures for HPA on these windows are made of:
// every window scaled to a p99 of 1,500 requests/s, replicas that carry 50
// when always busy.
func TestPreparedWindowsNeedTheReplicaHoursOfTheReference(t *testing.T) {
	const h, day = time.Hour, 24 * time.Hour
	for _, tc := range []struct {
		file     string
		rebin    time.Duration
		window   workload.Span
		replicas float64 // hours, all slots always busy
	}{
		{"nasa_http_1995-07-13_10s.csv", time.Minute, workload.Span{From: 6 * h, To: 14 * h}, 108.5},
		{"worldcup98_1998-06-01_to_06-26_1min.csv", 0, workload.Span{From: 14*day + 12*h, To: 15 * day}, 155.6},
		{"servegen_m-small_10min.csv", 0, workload.Span{From: 5*day + 8*h, To: 5*day + 20*h}, 198.5},
		{"azure_llm_2023_conv_1s.csv", time.Minute, workload.Span{}, 19.1},
	} {
		trace, err := workload.OpenTrace(testenv.Trace(t, tc.file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := workload.Prepare(trace, workload.Options{Rebin: tc.rebin, Window: tc.window, P99RPS: 1500})
		if err != nil {
			t.Fatal(err)
		}
		if hours := got.Expected(got.Duration()) / 50 / 3600; math.Abs(hours/tc.replicas-1) > 0.001 {
			t.Errorf("%s: got %.1f replica hours, want %v", tc.file, hours, tc.replicas)
		}
		if p99 := workload.Quantile(got, 0.99); !near(p99, 1500) {
			t.Errorf("%s: p99 %v, want 1500", tc.file, p99)
		}
	}
}

// Every trace of the folder can be played, as its index says; all but the one
// of latencies, which is no load.
func TestPrepareReadsEveryRecordedTrace(t *testing.T) {
	index, err := os.ReadFile(testenv.Trace(t, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(testenv.Trace(t, "index.csv"))
	lines := strings.Split(strings.TrimSpace(string(index)), "\n")
	for _, line := range lines[1:] {
		fields := strings.Split(line, ",")
		t.Run(fields[0], func(t *testing.T) {
			trace, err := workload.OpenTrace(filepath.Join(folder, fields[0]))
			if fields[1] == "value" {
				if err == nil {
					t.Error("latencies were taken for a load")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkIndex(t, trace, fields)
			o := workload.Options{Smooth: 400, P99RPS: 1500, Interpolate: true, Warmup: trace.Duration() / 10}
			got, err := workload.Prepare(trace, o)
			if err != nil {
				t.Fatal(err)
			}
			scored := workload.Clip(got, o.Warmup, 0)
			if requests := scored.Expected(scored.Duration()); !(requests > 0) || got.Duration() != trace.Duration() || len(got.Gaps()) != len(trace.Gaps()) {
				t.Errorf("got %v requests in %v with gaps %v", requests, got.Duration(), got.Gaps())
			}
		})
	}
}

// checkIndex compares with rows, missing rows, mean, p99 and peak of the index.
func checkIndex(t *testing.T, trace *workload.Trace, fields []string) {
	t.Helper()
	want := make([]float64, len(fields))
	for i, field := range fields {
		want[i], _ = strconv.ParseFloat(field, 64)
	}
	if fields[1] == "requests" {
		if got := trace.Expected(trace.Duration()); got != want[4] {
			t.Errorf("requests: got %v, want %v", got, want[4])
		}
		return
	}
	missing := time.Duration(0)
	for _, gap := range trace.Gaps() {
		missing += gap.To - gap.From
	}
	recorded := (trace.Duration() - missing).Seconds()
	for _, figure := range []struct {
		name      string
		got, want float64
		slack     float64
	}{
		{"rows", float64(len(trace.Bins())), want[4], 0},
		{"missing rows", missing.Seconds() / want[2], want[5], 0},
		{"mean", trace.Expected(trace.Duration()) / recorded, want[6], 1e-4},
		{"p99", workload.Quantile(trace, 0.99), want[8], 5e-3}, // of a value between two bins
		{"peak", workload.Peak(trace), want[9], 1e-4},
	} {
		if math.Abs(figure.got-figure.want) > figure.slack*figure.want {
			t.Errorf("%s: got %v, want %v", figure.name, figure.got, figure.want)
		}
	}
}

// On recorded traces, against the definition written down plainly: of all
// windows around a bin, one bin more on either side each time, the first that
// holds 400 requests, or all of the trace.
func TestSmoothedIsTheDefinitionOnRecordedTraces(t *testing.T) {
	for _, file := range []string{"nab_elb_request_count_8c0756_5min.csv", "azure_llm_2023_code_1s.csv"} {
		trace, err := workload.OpenTrace(testenv.Trace(t, file))
		if err != nil {
			t.Fatal(err)
		}
		bins, smooth, changed := trace.Bins(), trace.Smoothed(400).Bins(), 0
		for i, b := range bins {
			want := b.RPS
			if b.RPS*b.Width.Seconds() < 400 {
				requests, seconds := 0.0, 0.0
				for k := 0; requests < 400*(1-1e-9) && k < len(bins); k++ {
					requests, seconds = 0, 0
					for _, around := range bins[max(0, i-k):min(len(bins), i+k+1)] {
						requests += around.RPS * around.Width.Seconds()
						seconds += around.Width.Seconds()
					}
				}
				want = requests / seconds
				changed++
			}
			if math.Abs(smooth[i].RPS-want) > 1e-6 {
				t.Fatalf("%s at %v: got %v, want %v", file, b.At, smooth[i].RPS, want)
			}
		}
		if changed < len(bins)/2 {
			t.Errorf("%s: only %d of %d bins hold fewer than 400: the test shows little", file, changed, len(bins))
		}
	}
}

func ExamplePrepare() {
	s, err := workload.Read("shop.csv", strings.NewReader("t_seconds,requests_per_second\n0,1\n60,2\n120,4\n180,3\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	load, err := workload.Prepare(s.(*workload.Trace), workload.Options{
		Window: workload.Span{From: 2 * time.Minute}, Warmup: time.Minute, PeakRPS: 200,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range load.Bins() {
		fmt.Printf("%v %v/s\n", b.At, b.RPS)
	}
	// Output:
	// 0s 100/s
	// 1m0s 200/s
	// 2m0s 150/s
}
