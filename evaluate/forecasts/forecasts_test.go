package forecasts_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/forecasts"
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/workload"
)

// fixed answers what functions of the step say.
type fixed struct {
	step     time.Duration
	levels   []float64
	quantile func(step int, level float64) float64
	peak     func(step, horizon int, level float64) float64
	newest   int
	updates  int
}

func (f *fixed) Update(at time.Time, _ float64) {
	f.newest = int(at.Sub(time.Unix(0, 0))/f.step) - 1
	f.updates++
}
func (f *fixed) Known() bool       { return f.updates > 0 }
func (f *fixed) Levels() []float64 { return f.levels }
func (f *fixed) Quantiles(h int, out []float64) {
	for i, level := range f.levels {
		out[i] = f.quantile(f.newest+h, level)
	}
}
func (f *fixed) Peak(h int, out []float64) {
	for i, level := range f.levels {
		out[i] = f.peak(f.newest, h, level)
	}
}
func (f *fixed) Snapshot() ([]byte, error) { return nil, nil }
func (f *fixed) Restore([]byte) error      { return nil }

func contestant(name string, quantile func(int, float64) float64, peak func(int, int, float64) float64) forecasts.Contestant {
	return forecasts.Contestant{Name: name, New: func(s forecasts.Setting) (forecast.Forecaster, error) {
		return &fixed{step: s.Step, levels: s.Levels, quantile: quantile, peak: peak}, nil
	}}
}

// nothing says 0 of every peak.
func nothing(int, int, float64) float64 { return 0 }

func normal(level float64) float64 { return math.Sqrt2 * math.Erfinv(2*level-1) }

func judge(t *testing.T, s forecasts.Series, all ...forecasts.Contestant) forecasts.Results {
	t.Helper()
	r, err := forecasts.Judge(context.Background(), []forecasts.Series{s}, all, forecasts.Default())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(t *testing.T, r forecasts.Results, contestant, horizon string) forecasts.Score {
	t.Helper()
	for _, s := range r.Scores {
		if s.Contestant == contestant && s.Horizon == horizon {
			return s
		}
	}
	t.Fatalf("no score of %s at %s", contestant, horizon)
	return forecasts.Score{}
}

// days is a wave of days with noise, 96 steps each.
func days(n int) forecasts.Series {
	random := rand.New(rand.NewPCG(1, 2))
	s := forecasts.Series{Name: "days", Group: forecasts.Report, Step: 15 * time.Minute}
	for i := range n * 96 {
		s.Values = append(s.Values, 100+50*math.Sin(2*math.Pi*float64(i)/96)+5*random.NormFloat64())
	}
	return s
}

func TestWhoKnowsTheFutureScoresNothing(t *testing.T) {
	s := days(6)
	perfect := contestant("perfect", func(i int, _ float64) float64 { return s.Values[i] },
		func(i, h int, _ float64) float64 { return slices.Max(s.Values[i+1 : i+h+1]) })
	r := judge(t, s, perfect)
	for _, horizon := range []string{"start-up", "5 steps", "20 steps"} {
		got := find(t, r, "perfect", horizon)
		if got.MAE != 0 || *got.MASE != 0 || *got.CRPS != 0 || *got.OverNaive.MASE != 0 || *got.OverLast.CRPS != 0 {
			t.Errorf("%s: MASE %v, CRPS %v, over naive %v; want 0 of all", horizon, *got.MASE, *got.CRPS, *got.OverNaive.MASE)
		}
		if got.Value[0].Share != 1 || got.Peak[2].Share != 1 {
			t.Errorf("%s: covered %v, peak %v; want 1: what comes is at most what was said", horizon, got.Value[0].Share, got.Peak[2].Share)
		}
	}
}

func TestYardsticksOverThemselvesAreOne(t *testing.T) {
	r := judge(t, days(6))
	for _, horizon := range []string{"start-up", "5 steps", "20 steps"} {
		naive, last := find(t, r, forecasts.SeasonalNaive, horizon).OverNaive, find(t, r, forecasts.LastValue, horizon).OverLast
		if *naive.MASE != 1 || *naive.CRPS != 1 || *last.MASE != 1 || *last.CRPS != 1 {
			t.Errorf("%s: %v %v %v %v, want exactly 1", horizon, *naive.MASE, *naive.CRPS, *last.MASE, *last.CRPS)
		}
	}
	for _, s := range r.Summaries {
		if s.Contestant == forecasts.SeasonalNaive && (*s.OverNaive.MASE != 1 || *s.OverNaive.CRPS != 1) {
			t.Errorf("summary at %s: %v, want exactly 1", s.Horizon, s.OverNaive)
		}
	}
}

// A wave of 6 days without noise: a day ago is right, what was last is not.
func TestSeasonalNaiveKnowsTheDay(t *testing.T) {
	s := days(6)
	for i := range s.Values {
		s.Values[i] = float64(i % 96)
	}
	r := judge(t, s)
	if got := find(t, r, forecasts.SeasonalNaive, "20 steps"); got.MAE != 0 || got.MASE != nil {
		t.Errorf("MAE %v, MASE %v; want 0 and none: nothing to divide by", got.MAE, got.MASE)
	}
	// Of the 380 origins from 191 to 570, 16 look past a midnight, where the last
	// value is 91 too high; elsewhere it is 5 too low.
	want := (16*91 + 364*5) / 380.0
	if got := find(t, r, forecasts.LastValue, "5 steps"); math.Abs(got.MAE-want) > 1e-9 {
		t.Errorf("last value: MAE %v, want %v", got.MAE, want)
	}
	if h := r.Series[0]; h.Season != 96 || h.Warmup != 192 {
		t.Errorf("season %d, warm-up %d; want a day of 96 steps and two of them", h.Season, h.Warmup)
	}
}

// Independent normal values of σ = 10: the one-season naive error is 2σ/√π, the
// mean |error| of the median σ·√(2/π), so MASE is 1/√2. The pinball loss of the
// right quantile is φ(z)·σ, so nine levels make a CRPS of 2/9·Σ φ(z)·σ.
func TestACalibratedNormalLawIsJudgedAsTheFormulaSays(t *testing.T) {
	const mean, sigma = 100, 10
	random := rand.New(rand.NewPCG(3, 4))
	s := forecasts.Series{Name: "noise", Step: time.Minute} // start-up: 1 step
	for range 60_000 {
		s.Values = append(s.Values, mean+sigma*random.NormFloat64())
	}
	// The largest of h is below x with probability Φ(x)^h.
	known := map[[2]float64]float64{}
	largest := func(h int, level float64) float64 {
		key := [2]float64{float64(h), level}
		if _, there := known[key]; !there {
			known[key] = mean + sigma*normal(math.Pow(level, 1/float64(h)))
		}
		return known[key]
	}
	right := contestant("right", func(_ int, level float64) float64 { return largest(1, level) },
		func(_, h int, level float64) float64 { return largest(h, level) })
	r := judge(t, s, right)
	density := 0.0
	for i := 1; i <= 9; i++ {
		z := normal(float64(i) / 10)
		density += math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	}
	want := 2.0 / 9 * density * sigma / mean
	for _, horizon := range []string{"start-up", "5 steps", "20 steps"} {
		got := find(t, r, "right", horizon)
		if math.Abs(*got.CRPS/want-1) > 0.01 {
			t.Errorf("%s: CRPS %v, want %v", horizon, *got.CRPS, want)
		}
		if math.Abs(*got.MASE*math.Sqrt2-1) > 0.01 {
			t.Errorf("%s: MASE %v, want 1/√2", horizon, *got.MASE)
		}
		for i, level := range []float64{0.90, 0.95, 0.99} {
			if c := got.Value[i]; c.Level != level || math.Abs(c.Share-level) > 0.002 || !c.Held {
				t.Errorf("%s: value at %v: %+v, want held", horizon, level, c)
			}
			if c := got.Peak[i]; !c.Held {
				t.Errorf("%s: peak at %v: %+v, want held", horizon, level, c)
			}
		}
	}
	// Seasonal naive has the right law too, but around one draw: σ·√2.
	if got := find(t, r, forecasts.SeasonalNaive, "20 steps"); math.Abs(*got.CRPS/want-math.Sqrt2) > 0.01*math.Sqrt2 {
		t.Errorf("seasonal naive: CRPS %v, want √2 × %v", *got.CRPS, want)
	}
	// Who always says too much covers too often, and that does not hold.
	high := contestant("high", func(_ int, level float64) float64 { return largest(1, level) + sigma/10 }, nothing)
	if c := find(t, judge(t, s, high), "high", "5 steps").Value[0]; c.Held || c.Share < 0.905 {
		t.Errorf("a tenth of σ too high: %+v, want not held", c)
	}
}

// The errors of the last value of a random walk are normal, and grow with the
// root of the steps ahead: just what the yardstick says.
func TestTheLastValueOfARandomWalkIsCalibrated(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	s := forecasts.Series{Name: "walk", Step: 7 * time.Minute}
	for at := 10_000.0; len(s.Values) < 30_000; at += random.NormFloat64() {
		s.Values = append(s.Values, at)
	}
	r := judge(t, s)
	for _, horizon := range []string{"start-up", "5 steps", "20 steps"} {
		for _, c := range find(t, r, forecasts.LastValue, horizon).Value {
			if math.Abs(c.Share-c.Level) > 0.01 {
				t.Errorf("%s: %v covered at %v", horizon, c.Share, c.Level)
			}
		}
	}
}

// On few steps coverage holds within what chance does: of 100 at 90 % the
// binomial law has 95 % between 84 and 95 (its tails below and above are 2.1 %
// and 2.4 %).
func TestFewStepsAreHeldAgainstTheBinomialLaw(t *testing.T) {
	s := forecasts.Series{Name: "few", Step: 10 * time.Minute, Values: make([]float64, 112)}
	for i := range s.Values {
		s.Values[i] = float64(i)
	}
	// 11 of 112 are the warm-up, its last the first origin: 101 are scored one ahead.
	for missed, held := range map[int]bool{3: false, 5: true, 16: true, 18: false} {
		c := contestant("misses", func(i int, _ float64) float64 {
			if i >= len(s.Values)-missed {
				return 0
			}
			return 1000
		}, nothing)
		got := find(t, judge(t, s, c), "misses", "start-up").Value[0]
		if got.Scored != 101 || got.Held != held {
			t.Errorf("%d of %d missed: held %v within %v … %v, want %v", missed, got.Scored, got.Held, got.Low, got.High, held)
		}
	}
	got := find(t, judge(t, s), forecasts.LastValue, "start-up").Value[0]
	if got.Low*101 < 84 || got.Low*101 > 86 || got.High*101 < 95 || got.High*101 > 97 {
		t.Errorf("90 %% of 101: %v to %v, want about 85 to 96", got.Low*101, got.High*101)
	}
}

// Of 20 steps ahead, 82 that overlap are as 4 that do not: 3 of 4 at 90 % is
// chance, 62 of 82 is none, and 12 of 82 is none of 4 either.
func TestStepsThatOverlapAreFew(t *testing.T) {
	s := forecasts.Series{Name: "few", Step: 10 * time.Minute, Values: make([]float64, 112)}
	for missed, apart := range map[int]bool{20: true, 70: false} {
		c := contestant("misses", func(i int, _ float64) float64 {
			if i >= len(s.Values)-missed {
				return 0
			}
			return 1000
		}, nothing)
		for i := range s.Values {
			s.Values[i] = 1
		}
		got := find(t, judge(t, s, c), "misses", "20 steps").Value[0]
		if got.Scored != 82 || got.Held || got.HeldApart != apart {
			t.Errorf("%d of %d missed: held %v, of those apart %v; want false, %v", missed, got.Scored, got.Held, got.HeldApart, apart)
		}
	}
}

func TestNothingIsScoredInGaps(t *testing.T) {
	s := days(6)
	whole := find(t, judge(t, s), forecasts.LastValue, "5 steps")
	at := 400
	for i := at; i < at+3; i++ {
		s.Values[i] = math.NaN()
	}
	var asked []int
	c := contestant("asked", func(i int, _ float64) float64 { asked = append(asked, i); return 1 }, nothing)
	r := judge(t, s, c)
	got := find(t, r, "asked", "5 steps")
	// 3 origins and 3 values fall out; the peaks of 3 origins and of the 5 before the first
	// and up to the last value of the gap.
	if want := whole.Scored - 6; got.Scored != want {
		t.Errorf("%d values scored, want %d", got.Scored, want)
	}
	if want := whole.Peak[0].Scored - 3 - 5; got.Peak[0].Scored != want {
		t.Errorf("%d peaks scored, want %d", got.Peak[0].Scored, want)
	}
	for _, i := range asked {
		if math.IsNaN(s.Values[i]) {
			t.Errorf("asked for step %d, which was not measured", i)
		}
	}
	if r.Series[0].Missing != 3 {
		t.Errorf("%d missing, want 3", r.Series[0].Missing)
	}
}

// The warm-up is a tenth or two seasons, at most half.
func TestWarmup(t *testing.T) {
	for _, tc := range []struct {
		why            string
		step           time.Duration
		steps          int
		season, warmup int
	}{
		{"a tenth is more than two days", time.Hour, 30 * 24, 24, 72},
		{"two days are more than a tenth", time.Hour, 10 * 24, 24, 48},
		{"at most half", time.Hour, 3 * 24, 24, 36},
		{"two days hold no season", time.Hour, 2 * 24 * 3, 24, 48},
		{"a day has none", 10 * time.Minute, 144, 1, 14},
		{"a day is not so many whole steps", 7 * time.Minute, 2000, 1, 200},
	} {
		r := judge(t, forecasts.Series{Name: tc.why, Step: tc.step, Values: make([]float64, tc.steps)})
		if h := r.Series[0]; h.Season != tc.season || h.Warmup != tc.warmup {
			t.Errorf("%s: season %d, warm-up %d; want %d, %d", tc.why, h.Season, h.Warmup, tc.season, tc.warmup)
		}
	}
}

// A horizon as long as the trace has nothing to be scored by.
func TestAHorizonBeyondTheTraceHasNoScore(t *testing.T) {
	s := forecasts.Series{Name: "short", Step: time.Second, Values: make([]float64, 200)}
	for i := range s.Values {
		s.Values[i] = float64(i % 7)
	}
	o := forecasts.Options{Startup: 10 * time.Minute}
	r, err := forecasts.Judge(context.Background(), []forecasts.Series{s}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, r, forecasts.LastValue, "start-up"); got.Steps != 600 || got.Scored != 0 || got.MASE != nil || got.OverNaive.MASE != nil {
		t.Errorf("%d steps ahead, %d scored, MASE %v; want 600, 0 and none", got.Steps, got.Scored, got.MASE)
	}
}

func TestHorizonsAreWholeSteps(t *testing.T) {
	for step, want := range map[time.Duration]int{time.Second: 45, 10 * time.Second: 5, time.Minute: 1, 10 * time.Minute: 1} {
		if got := forecasts.Default().Horizons(step)[0].Steps; got != want {
			t.Errorf("45 s in steps of %v: %d, want %d", step, got, want)
		}
	}
}

// At a step of 10 s the start-up is 5 steps: over all horizons it counts once.
func TestEqualHorizonsCountOnce(t *testing.T) {
	s := days(6)
	s.Step = 10 * time.Second
	r := judge(t, s)
	var all, five, twenty float64
	for _, m := range r.Summaries {
		if m.Contestant == forecasts.SeasonalNaive {
			continue
		}
		switch m.Horizon {
		case forecasts.AllHorizons:
			all = math.Log(*m.OverNaive.MASE)
			if m.Value[0].Of != 2 {
				t.Errorf("%d coverages over all, want 2", m.Value[0].Of)
			}
		case "5 steps":
			five = math.Log(*m.OverNaive.MASE)
		case "20 steps":
			twenty = math.Log(*m.OverNaive.MASE)
		}
	}
	if math.Abs(all-(five+twenty)/2) > 1e-12 {
		t.Errorf("over all %v, want the mean of %v and %v", all, five, twenty)
	}
}

func TestResultsAreTheSameByteForByte(t *testing.T) {
	write := func() string {
		var out bytes.Buffer
		r := judge(t, days(5), contestant("one", func(int, float64) float64 { return 100 }, nothing))
		if err := errors.Join(r.WriteJSON(&out), r.WriteCSV(&out)); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := write()
	if again := write(); first != again {
		t.Error("the second judgement differs")
	}
	if strings.Contains(first, "NaN") || strings.Contains(first, "Inf") {
		t.Error("a figure that is none")
	}
}

func TestWhatIsNoForecastIsRefused(t *testing.T) {
	s := days(3)
	fewer := forecasts.Contestant{Name: "fewer", New: func(forecasts.Setting) (forecast.Forecaster, error) {
		return &fixed{step: s.Step, levels: []float64{0.1, 0.5}}, nil
	}}
	for _, tc := range []struct {
		contestant forecasts.Contestant
		want       string
	}{
		{fewer, "fewer on days: answers the levels [0.1 0.5]: must have 0.2"},
		{contestant("nan", func(int, float64) float64 { return math.NaN() }, nothing), "must be finite"},
		{contestant("falls", func(_ int, l float64) float64 { return 1 - l }, nothing), "grow with the level"},
		{contestant("negative", func(int, float64) float64 { return -1 }, nothing), "0 or more"},
	} {
		_, err := forecasts.Judge(context.Background(), []forecasts.Series{s}, []forecasts.Contestant{tc.contestant}, forecasts.Default())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.contestant.Name, err, tc.want)
		}
	}
	o := forecasts.Options{Startup: 2 * time.Hour}
	if _, err := forecasts.Judge(context.Background(), []forecasts.Series{s}, nil, o); err == nil || !strings.Contains(err.Error(), "at most 1h0m0s") {
		t.Errorf("a start-up of two hours: %v, want what is allowed", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := forecasts.Judge(stopped, []forecasts.Series{s}, nil, forecasts.Default()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v, want that it was", err)
	}
}

// The split is that of the protocol.
func TestGroupsAreThoseOfTheProtocol(t *testing.T) {
	p, err := evaluate.ReadProtocol("../../bench/protocol.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(traces []evaluate.ProtocolTrace, want forecasts.Group) {
		for _, trace := range traces {
			if got := forecasts.GroupOf(trace.File); got != want {
				t.Errorf("%s is %s, want %s", trace.File, got, want)
			}
		}
	}
	check(p.Tune, forecasts.Tune)
	check(p.Report, forecasts.Report)
	if got := forecasts.GroupOf("nab_rds_cpu_utilization_cc0c53_5min.csv"); got != forecasts.Other {
		t.Errorf("CPU is %s, want other", got)
	}
}

func TestATraceKeepsItsStepAndItsGaps(t *testing.T) {
	var bins []workload.Bin
	for i := range 120 {
		if i != 50 && i != 51 {
			bins = append(bins, workload.Bin{At: time.Duration(i) * time.Minute, Width: time.Minute, RPS: float64(i)})
		}
	}
	trace, err := workload.NewTrace("x", bins)
	if err != nil {
		t.Fatal(err)
	}
	s, err := forecasts.FromTrace("nasa_x.csv", trace)
	if err != nil {
		t.Fatal(err)
	}
	if s.Step != time.Minute || len(s.Values) != 120 || s.Group != forecasts.Tune || s.Values[49] != 49 || s.Values[52] != 52 || !math.IsNaN(s.Values[50]) {
		t.Errorf("step %v, %d values, %v, around the gap %v; want minutes with NaN at 50 and 51", s.Step, len(s.Values), s.Group, s.Values[49:53])
	}
	short, err := workload.NewTrace("x", bins[:20])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forecasts.FromTrace("short.csv", short); err == nil || !strings.Contains(err.Error(), "must be 100 to") {
		t.Errorf("20 steps: %v, want how many are needed", err)
	}
}
