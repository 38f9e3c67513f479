package ensemble_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/lastvalue"
	"github.com/flyball-io/flyball/scale"
)

const minute = time.Minute

func at(step int) time.Time { return time.Unix(0, 0).Add(time.Duration(step) * minute) }

func standard(t testing.TB, cfg ensemble.Config) *ensemble.Ensemble {
	t.Helper()
	return of(t, cfg, ensemble.Models(cfg)...)
}

func of(t testing.TB, cfg ensemble.Config, models ...ensemble.NamedModel) *ensemble.Ensemble {
	t.Helper()
	e, err := ensemble.New(cfg, models...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// always is a model that expects one value, whatever comes, and remembers the
// season it was told.
type always struct {
	lastvalue.Model
	value  float64
	period int64
}

func (a *always) SetPeriod(steps int64) { a.period = steps }

func (a *always) Predict(out []float64) {
	for i := range out {
		out[i] = a.value
	}
}

func constant(name string, value float64) ensemble.NamedModel {
	return ensemble.NamedModel{Name: name, New: func() forecast.Model { return &always{value: value} }}
}

func TestConformance(t *testing.T) {
	forecasttest.Forecaster(t, func(t *testing.T) forecast.Forecaster {
		return standard(t, ensemble.Default(forecasttest.Step, forecasttest.Horizons()...))
	})
}

func TestConformanceOfOneModel(t *testing.T) {
	forecasttest.Forecaster(t, func(t *testing.T) forecast.Forecaster {
		cfg := ensemble.Default(forecasttest.Step, forecasttest.Horizons()...)
		return of(t, cfg, ensemble.NamedModel{Name: "last value", New: func() forecast.Model { return lastvalue.New() }})
	})
}

func TestTheModelThatIsRightLeadsAndLosesTheLeadSoon(t *testing.T) {
	e := of(t, ensemble.Default(minute, 1, 3), constant("says 10", 10), constant("says 20", 20))
	rng := rand.New(rand.NewPCG(1, 1))
	step := 0
	play := func(n int, around float64) {
		for range n {
			step++
			e.Update(at(step), around+rng.NormFloat64())
		}
	}
	play(2000, 10)
	if name, weight := e.Leader(3); name != "says 10" || weight < 0.8 {
		t.Errorf("after 2000 steps around 10 %q leads with %v", name, weight)
	}
	play(150, 20)
	if name, weight := e.Leader(3); name != "says 20" || weight < 0.9 {
		t.Errorf("150 steps after a move to 20 %q leads with %v", name, weight)
	}
	all := e.Experts(3)
	if all[0].Name != "says 20" || all[0].Weight+all[1].Weight-1 > 1e-9 || !(all[0].Error < all[1].Error) {
		t.Errorf("the standings are %v", all)
	}
}

// Around 15 the best is neither of two models but their mean.
func TestTheBestMixtureIsFound(t *testing.T) {
	e := of(t, ensemble.Default(minute, 1), constant("says 10", 10), constant("says 30", 30))
	rng := rand.New(rand.NewPCG(2, 1))
	for i := range 5000 {
		e.Update(at(i), 15+rng.NormFloat64())
	}
	if share := e.Experts(1)[0].Weight; math.Abs(share-0.75) > 0.1 {
		t.Errorf("around 15 the weights are %v, want 3/4 for 10 and 1/4 for 30", e.Experts(1))
	}
}

// wild is a series with days, hours that are ten times as noisy as others,
// heavy tails and a jump of its level in the middle.
func wild(n int) []float64 {
	rng := rand.New(rand.NewPCG(3, 1))
	values := make([]float64, n)
	noise := 0.0
	for i := range values {
		size := 3.0
		if i/60%3 == 0 {
			size = 30
		}
		noise = 0.5*noise + size*rng.NormFloat64()/math.Sqrt(0.2+rng.Float64()) // correlated, heavy
		level := 300 + 150*math.Sin(2*math.Pi*float64(i)/1440)
		if i > n/2 {
			level *= 2
		}
		values[i] = math.Max(0, level+noise)
	}
	return values
}

func TestTheRiskAskedForIsTheRiskObtained(t *testing.T) {
	cfg := ensemble.Default(minute, 1, 5, 20)
	e := standard(t, cfg)
	for i, v := range wild(20_000) {
		e.Update(at(i), v)
	}
	for _, h := range cfg.Horizons {
		values, n := e.Coverage(h)
		peaks, _ := e.PeakCoverage(h)
		if n != 20_000-h {
			t.Errorf("%d steps ahead %d truths are counted", h, n)
		}
		for l, level := range cfg.Levels {
			for what, share := range map[string]float64{"value": values[l], "peak": peaks[l]} {
				if math.Abs(share-level) > 0.005 {
					t.Errorf("%d steps ahead the %s was at most the quantile of level %v in %.2f %% of cases", h, what, level, 100*share)
				}
			}
		}
	}
}

// The corrections alone make what is asked for: here the model is off by a
// different amount all the time.
func TestCoverageHoldsWhateverTheModel(t *testing.T) {
	cfg := ensemble.Default(minute, 3)
	e := of(t, cfg, constant("says 100", 100))
	for i, v := range wild(20_000) {
		e.Update(at(i), v)
	}
	shares, _ := e.Coverage(3)
	for l, level := range cfg.Levels {
		if math.Abs(shares[l]-level) > 0.01 {
			t.Errorf("level %v: %.2f %%", level, 100*shares[l])
		}
	}
}

func TestTheTailGrowsBeyondEverythingSeen(t *testing.T) {
	cfg := ensemble.Default(minute, 1)
	e := standard(t, cfg)
	out, missed := make([]float64, len(cfg.Levels)), 0
	value := 100.0
	for i := range 60 {
		e.Quantiles(1, out)
		if i >= 40 && value > out[len(out)-1] {
			missed++
		}
		e.Update(at(i), value)
		value *= 1.2 // each error is larger than all before it
	}
	if missed > 0 {
		t.Errorf("growing by 20 %% a step, %d of 20 values are above the highest quantile", missed)
	}
}

// A crowd comes to a service that was calm for a day. What experts learn from a
// miss three steps ahead shows three steps later: too late for the first of it.
func TestAJumpIsBelievedAtOnce(t *testing.T) {
	cfg := ensemble.Default(minute, 1, 3)
	e := standard(t, cfg)
	rng := rand.New(rand.NewPCG(5, 1))
	high, q := slices.Index(cfg.Levels, 0.9), make([]float64, len(cfg.Levels))
	for i := range 1440 {
		e.Update(at(i), 100+5*rng.NormFloat64())
	}
	for i := range 10 {
		value := 1000 + 50*rng.NormFloat64()
		e.Update(at(1440+i), value)
		for _, h := range cfg.Horizons {
			if e.Peak(h, q); q[high] < 850 || q[len(q)-1] > 4000 {
				t.Errorf("after %.0f, %d steps after a jump from 100 to 1000, the quantiles of the peak %d steps ahead are %.0f", value, i, h, q)
			}
		}
	}
}

func TestNothingIsLearnedFromStepsThatWereNotMeasured(t *testing.T) {
	cfg := ensemble.Default(minute, 1, 3)
	e := of(t, cfg, constant("says 10", 10), constant("says 20", 20))
	for i := range 500 {
		if i%4 == 0 {
			continue
		}
		e.Update(at(i), 10)
	}
	// Of four steps in a row one is missing. A value is scored where it and what
	// was said h steps before are there, a peak where the whole window is too.
	for h, want := range map[int][2]int{1: {250, 250}, 3: {248, 0}} {
		_, values := e.Coverage(h)
		_, peaks := e.PeakCoverage(h)
		if got := [2]int{values, peaks}; got != want {
			t.Errorf("%d steps ahead values and peaks are scored %v times, want %v", h, got, want)
		}
	}
}

func TestALoopThatIsNotOnTimeLosesNoStep(t *testing.T) {
	cfg := ensemble.Default(minute, 1)
	e := of(t, cfg, constant("says 10", 10))
	rng := rand.New(rand.NewPCG(4, 1))
	start := time.Date(2026, 5, 1, 12, 0, 59, 0, time.UTC)
	const n = 1000
	for i := range n {
		late := time.Duration(25 * rng.Float64() * float64(time.Second))
		e.Update(start.Add(time.Duration(i)*minute+late), 10)
		if i == n/2 {
			e = restored(t, e, of(t, cfg, constant("says 10", 10)))
		}
	}
	if _, scored := e.Coverage(1); scored != n-1 {
		t.Errorf("of %d values %d are scored", n, scored)
	}
}

func restored(t *testing.T, from, to *ensemble.Ensemble) *ensemble.Ensemble {
	t.Helper()
	data, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Restore(data); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestASnapshotWithPartsMissingIsRefused(t *testing.T) {
	e := standard(t, ensemble.Default(minute, 1, 3))
	e.Update(at(1), 10)
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Models", "Seasons", "Channels", "Recent", "Experts", "Promises", "Theta", "Kept", "Shape", "Points", "Own"} {
		without := strings.ReplaceAll(string(data), `"`+part+`":`, `"Other":`)
		if err := e.Restore([]byte(without)); !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("without %s: got %v, want ErrSnapshot", part, err)
		}
	}
}

func TestAnInstantThatCannotBeCountedIsLeftOut(t *testing.T) {
	e := of(t, ensemble.Default(minute, 1), constant("says 10", 10))
	for _, year := range []int{-5, 1, 1600, 2300, 9999, 100_000} {
		if e.Update(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), 10); e.Known() {
			t.Fatalf("a value of the year %d is taken", year)
		}
	}
}

func TestModelsAreToldTheSeasonThatWasFound(t *testing.T) {
	var told *always
	e := of(t, ensemble.Default(5*minute, 1), ensemble.NamedModel{Name: "told", New: func() forecast.Model {
		told = &always{}
		return told
	}})
	for i := range 4 * 288 {
		e.Update(time.Unix(300*int64(i), 0), 100+50*math.Sin(2*math.Pi*float64(i)/288))
	}
	if told.period != 288 {
		t.Errorf("of days in steps of five minutes the models were told a season of %d steps", told.period)
	}
}

func TestAJumpOfTheClockBackForgetsEverything(t *testing.T) {
	e := of(t, ensemble.Default(minute, 1), constant("says 10", 10))
	for i := range 100 {
		e.Update(at(1_000_000+i), 10)
	}
	e.Update(at(1_000_050), 10) // late, not set back
	if _, n := e.Coverage(1); n != 99 {
		t.Fatalf("a value that is late by 49 minutes leaves %d of 99 scores", n)
	}
	e.Update(at(900_000), 10)
	if _, n := e.Coverage(1); n != 0 || !e.Known() {
		t.Errorf("set back by weeks it still knows %d scores", n)
	}
}

func TestValidateSaysEverythingThatIsWrong(t *testing.T) {
	cfg := ensemble.Default(0, 3, 1)
	cfg.Levels, cfg.ErrorHalfLife, cfg.Memory, cfg.Prior = []float64{0.5, 1}, 0, 0, 0
	cfg.Rate, cfg.Share, cfg.Gamma = -1, 1, math.NaN()
	_, err := ensemble.Standard(cfg)
	for _, field := range []string{"step", "horizons", "levels", "errorHalfLife", "memory", "prior", "rate", "share", "gamma"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s: not among the faults %v", field, err)
		}
	}
	if _, err := ensemble.New(ensemble.Default(minute, 1)); err == nil {
		t.Error("an ensemble of no models is accepted")
	}
}

// Ten thousand targets should fit beside everything else in a gigabyte.
func TestItIsSmall(t *testing.T) {
	const n, most = 40, 50_000
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	all := make([]*ensemble.Ensemble, n)
	for i := range all {
		all[i] = standard(t, ensemble.Default(5*minute, 1, 2, 3))
		for j := range 4 * 288 {
			all[i].Update(time.Unix(300*int64(j), 0), 100+50*math.Sin(2*math.Pi*float64(j)/288))
		}
	}
	if got := (heap() - before) / n; got > most {
		t.Errorf("one target takes %.0f bytes, want at most %d", got, most)
	}
	runtime.KeepAlive(all)
}

func Example() {
	e, err := ensemble.Standard(ensemble.Default(time.Minute, 1, 5))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 600 {
		e.Update(time.Unix(60*int64(i), 0), 100+float64(i%7)) // 100 … 106 requests per second
	}
	levels, q := e.Levels(), make([]float64, len(e.Levels()))
	e.Peak(5, q)
	fmt.Printf("the largest of 5 minutes is at most %.0f in 95 %% of cases\n", q[slices.Index(levels, 0.95)])
	// Output: the largest of 5 minutes is at most 106 in 95 % of cases
}
