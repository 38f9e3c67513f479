package season_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/flyball-io/flyball/forecast/season"
	"github.com/flyball-io/flyball/scale"
)

func Example() {
	f := season.New(season.Config{Step: 5 * time.Minute})
	for step := range int64(4 * 288) {
		f.Update(step, 100+50*math.Sin(2*math.Pi*float64(step)/288))
	}
	fmt.Println(time.Duration(f.Period()) * 5 * time.Minute)
	// Output: 24h0m0s
}

// wave is a season with noise of a tenth.
func wave(rng *rand.Rand, step int64, period float64) float64 {
	return max(0, (100+50*math.Sin(2*math.Pi*float64(step)/period))*(1+0.1*rng.NormFloat64()))
}

func TestADayIsFoundAtEveryStep(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 10 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute} {
		f, rng := season.New(season.Config{Step: step}), rand.New(rand.NewPCG(1, 1))
		day := int64(24 * time.Hour / step)
		for i := range 4 * day {
			f.Update(i, wave(rng, i, float64(day)))
		}
		if got := f.Period(); got != day {
			t.Errorf("steps of %v: got a season of %d steps, want %d", step, got, day)
		}
	}
}

func TestALengthThatNoCalendarHasIsFound(t *testing.T) {
	for _, period := range []int64{7, 40, 133} {
		f, rng := season.New(season.Config{Step: time.Minute}), rand.New(rand.NewPCG(2, 2))
		for i := range int64(3000) {
			f.Update(i, wave(rng, i, float64(period)))
		}
		if got := f.Period(); 30*max(got-period, period-got) > period {
			t.Errorf("got %d steps, want %d", got, period)
		}
	}
}

func TestPulsesOfAnHourAreFoundBesideNoDay(t *testing.T) {
	f, rng := season.New(season.Config{Step: 5 * time.Minute}), rand.New(rand.NewPCG(3, 3))
	for i := range int64(3 * 288) {
		load := 50 + 5*rng.NormFloat64()
		if i%12 < 2 {
			load += 60
		}
		f.Update(i, load)
	}
	if got := f.Period(); got != 12 {
		t.Errorf("got %d steps, want 12", got)
	}
}

func TestAWeekIsFoundWhereDaysDiffer(t *testing.T) {
	f, rng := season.New(season.Config{Step: 10 * time.Minute}), rand.New(rand.NewPCG(4, 4))
	for i := range int64(144 * 7 * 5) {
		load := 30 + 5*rng.NormFloat64() // the weekend is quiet
		if day := i / 144 % 7; day < 5 {
			load = 200 + 5*rng.NormFloat64()
		}
		f.Update(i, load)
	}
	if got := f.Period(); got != 7*144 {
		t.Errorf("got %d steps, want %d", got, 7*144)
	}
}

func TestDaysThatDifferByTheWeekAreStillDays(t *testing.T) {
	f, rng := season.New(season.Config{Step: 10 * time.Minute}), rand.New(rand.NewPCG(4, 4))
	for i := range int64(144 * 7 * 5) {
		load := wave(rng, i, 144)
		if day := i / 144 % 7; day >= 5 {
			load *= 0.4
		}
		f.Update(i, load)
	}
	if got := f.Period(); got != 144 {
		t.Errorf("got %d steps, want 144", got)
	}
}

func TestNoiseHasNoSeason(t *testing.T) {
	found := 0
	for seed := range uint64(20) {
		f, rng := season.New(season.Config{Step: 5 * time.Minute}), rand.New(rand.NewPCG(seed, 5))
		for i := range int64(288 * 7) {
			f.Update(i, 100*math.Exp(0.3*rng.NormFloat64()))
		}
		if f.Period() != 0 {
			found++
		}
	}
	if found > 2 {
		t.Errorf("got a season in %d of 20 series of noise", found)
	}
}

func TestAWanderingLoadSeldomHasASeason(t *testing.T) {
	found := 0
	for seed := range uint64(20) {
		f, rng, at := season.New(season.Config{Step: 5 * time.Minute}), rand.New(rand.NewPCG(seed, 6)), 0.0
		for i := range int64(288 * 14) {
			at = 0.999*at + 0.02*rng.NormFloat64()
			f.Update(i, 100*math.Exp(at))
		}
		if f.Period() != 0 {
			found++
		}
	}
	if found > 7 {
		t.Errorf("got a season in %d of 20 random walks", found)
	}
}

func TestASeasonIsKeptOverAnOutageAndDroppedWhenItEnds(t *testing.T) {
	f, rng := season.New(season.Config{Step: 5 * time.Minute}), rand.New(rand.NewPCG(7, 7))
	step := int64(0)
	run := func(days int64, load func(step int64) float64) {
		for range days * 288 {
			f.Update(step, load(step))
			step++
		}
	}
	run(7, func(step int64) float64 { return wave(rng, step, 288) })
	run(1, func(int64) float64 { return 0 })
	if got := f.Period(); got != 288 {
		t.Errorf("after a day of zeros: got %d steps, want 288", got)
	}
	run(7, func(step int64) float64 { return 10 * wave(rng, step, 288) })
	step += 288 * 5 / 2 // not measured
	run(5, func(step int64) float64 { return 10 * wave(rng, step, 288) })
	if got := f.Period(); got != 288 {
		t.Errorf("at ten times the level, after a gap: got %d steps, want 288", got)
	}
	if all := f.Seasons(); len(all) == 0 || all[0].Explained < 0.7 {
		t.Errorf("after a gap of two days and a half: got %+v, want a day that explains nearly all", all)
	}
	run(40, func(int64) float64 { return 100 * math.Exp(0.3*rng.NormFloat64()) })
	if got := f.Period(); got != 0 {
		t.Errorf("after forty days of noise: got %d steps, want none", got)
	}
}

func TestWhateverComesItStaysFinite(t *testing.T) {
	values := []float64{0, math.NaN(), math.Inf(1), -1, 1e300, 5e-324, 7, 1e15}
	f := season.New(season.Config{Step: time.Minute})
	for i := range int64(20000) {
		step := i
		if i%1000 == 999 {
			step += 1_000_000 // a gap, and then steps that are in the past
		}
		f.Update(step, values[i*i%8])
	}
	if _, err := f.Snapshot(); err != nil { // JSON has no NaN
		t.Errorf("snapshot: %v", err)
	}
}

func TestRestoredInTheMiddleItGoesOnAsIfNeverStopped(t *testing.T) {
	cfg := season.Config{Step: 5 * time.Minute}
	a, b, rng := season.New(cfg), season.New(cfg), rand.New(rand.NewPCG(8, 8))
	for i := range int64(288 * 5) {
		if i%97 == 0 {
			data, err := b.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			b = season.New(cfg)
			if err := b.Restore(data); err != nil {
				t.Fatal(err)
			}
		}
		v := wave(rng, i, 288)
		a.Update(i, v)
		b.Update(i, v)
	}
	left, _ := a.Snapshot()
	right, _ := b.Snapshot()
	if !bytes.Equal(left, right) {
		t.Errorf("never stopped: %s, restored: %s", left, right)
	}
	if len(left) > 64<<10 {
		t.Errorf("a snapshot of %d bytes, want at most 64 KiB", len(left))
	}
	outside := regexp.MustCompile(`"Next":[1-9][0-9]*`).ReplaceAll(left, []byte(`"Next":512`))
	if err := b.Restore(outside); !errors.Is(err, scale.ErrSnapshot) {
		t.Errorf("the oldest mean is none of 512: got %v, want ErrSnapshot", err)
	}
	other := season.New(season.Config{Step: time.Minute})
	if err := other.Restore(left); !errors.Is(err, scale.ErrSnapshot) {
		t.Errorf("for another step: got %v, want ErrSnapshot", err)
	}
}

func TestNoAllocationInSteadyState(t *testing.T) {
	f, rng, step := season.New(season.Config{Step: 5 * time.Minute}), rand.New(rand.NewPCG(9, 9)), int64(0)
	for range 288 * 30 {
		step++
		f.Update(step, wave(rng, step, 288))
	}
	if n := testing.AllocsPerRun(1000, func() { step++; f.Update(step, wave(rng, step, 288)) }); n != 0 {
		t.Errorf("got %v allocations per step, want none", n)
	}
}

func TestBinsOfADayOfFineSteps(t *testing.T) {
	b := season.NewBins(5760, 288)
	for _, tc := range []struct{ step, slot int64 }{{0, 0}, {19, 0}, {20, 1}, {5759, 287}, {5760, 288}, {-1, -1}, {-5760, -288}} {
		if got := b.Slot(tc.step); got != tc.slot {
			t.Errorf("step %d: got slot %d, want %d", tc.step, got, tc.slot)
		}
	}
	if got := b.Index(-1); got != 287 {
		t.Errorf("slot -1: got bin %d, want 287", got)
	}
	if short := season.NewBins(7, 288); short.Count != 7 || short.Slot(9) != 9 {
		t.Errorf("a season of seven steps: got %d bins and slot %d, want 7 and 9", short.Count, short.Slot(9))
	}
	values := make([]float64, 288)
	values[1] = 1
	if got := b.At(values, 29); math.Abs(got-0.975) > 1e-9 { // half a step from the middle of bin 1
		t.Errorf("at step 29: got %v, want 0.975", got)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, step := range []time.Duration{time.Second, 15 * time.Second, 5 * time.Minute} {
		b.Run(step.String(), func(b *testing.B) {
			f, i := season.New(season.Config{Step: step}), int64(0)
			for range 100_000 {
				i++
				f.Update(i, float64(i%288))
			}
			for b.Loop() {
				i++
				f.Update(i, float64(i%288))
			}
		})
	}
}
