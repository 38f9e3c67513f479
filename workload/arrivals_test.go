package workload_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// collect returns the arrivals before limit.
func collect(shape workload.Shape, kind workload.Kind, seed uint64, limit time.Duration) []time.Duration {
	arrivals := workload.NewArrivals(shape, kind, seed)
	all := []time.Duration{}
	for {
		at, ok := arrivals.Next()
		if !ok || at >= limit {
			return all
		}
		all = append(all, at)
	}
}

func TestArrivalsFollowTheShape(t *testing.T) {
	for name, shape := range allShapes(t) {
		for _, kind := range []workload.Kind{workload.Poisson, workload.Uniform} {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				checkArrivals(t, workload.Speed(shape, 10), kind)
			})
		}
	}
}

// checkArrivals compares counts with the integral at 100 instants. Evenly
// spaced arrivals may be off by one, Poisson ones by six standard deviations.
func checkArrivals(t *testing.T, shape workload.Shape, kind workload.Kind) {
	t.Helper()
	length := shape.Duration()
	if length == 0 {
		length = time.Minute
	}
	all := collect(shape, kind, 7, length)
	for i := 1; i < len(all); i++ {
		if all[i] < all[i-1] {
			t.Fatalf("arrival %d at %v comes before %v", i, all[i], all[i-1])
		}
	}
	next := 0
	for i := 1; i <= 100; i++ {
		until := length * time.Duration(i) / 100
		for next < len(all) && all[next] < until {
			next++
		}
		want := shape.Expected(until)
		slack := 0.51
		if kind == workload.Poisson {
			slack = 6*math.Sqrt(want) + 6
		}
		if math.Abs(float64(next)-want) > slack {
			t.Fatalf("arrivals before %v: got %d, want %.2f ± %.2f", until, next, want, slack)
		}
	}
}

func TestSameSeedSameArrivals(t *testing.T) {
	shape := workload.DiurnalFlash()
	first := collect(shape, workload.Poisson, 3, time.Hour)
	// Two at once, read in turns, do not disturb each other.
	a, b := workload.NewArrivals(shape, workload.Poisson, 3), workload.NewArrivals(shape, workload.Poisson, 4)
	differ := false
	for i, want := range first {
		got, ok := a.Next()
		if !ok || got != want {
			t.Fatalf("arrival %d: got %v, %v, want %v as before", i, got, ok, want)
		}
		other, _ := b.Next()
		differ = differ || other != want
	}
	if at, ok := a.Next(); ok {
		t.Errorf("got one more arrival at %v", at)
	}
	if at, ok := a.Next(); ok {
		t.Errorf("after the end: got an arrival at %v", at)
	}
	if !differ {
		t.Error("another seed gave the same arrivals")
	}
}

// Of a Poisson process the counts per second have a variance equal to their
// mean, and the gaps a standard deviation equal to theirs.
func TestPoissonArrivalsAreIndependent(t *testing.T) {
	const rps, seconds = 50, 4000
	all := collect(workload.Constant{RPS: rps, For: seconds * time.Second}, workload.Poisson, 11, seconds*time.Second)
	counts := make([]float64, seconds)
	gaps := []float64{}
	for i, at := range all {
		counts[int(at.Seconds())]++
		if i > 0 {
			gaps = append(gaps, (at - all[i-1]).Seconds())
		}
	}
	mean, variance := moments(counts)
	// Six standard deviations of either figure.
	if math.Abs(mean/rps-1) > 6/math.Sqrt(rps*seconds) || math.Abs(variance/rps-1) > 6*math.Sqrt(2./seconds) {
		t.Errorf("counts per second: got mean %v, variance %v, want both near %v", mean, variance, rps)
	}
	mean, variance = moments(gaps)
	if math.Abs(math.Sqrt(variance)/mean-1) > 0.03 {
		t.Errorf("gaps: got mean %v, deviation %v, want them near each other", mean, math.Sqrt(variance))
	}
}

func moments(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, variance
}

func TestUniformArrivalsAreEvenlySpaced(t *testing.T) {
	got := collect(workload.Constant{RPS: 4, For: 2 * time.Second}, workload.Uniform, 0, time.Hour)
	if len(got) != 8 {
		t.Fatalf("got %d arrivals, want 8", len(got))
	}
	for i, at := range got {
		want := 125*time.Millisecond + time.Duration(i)*250*time.Millisecond
		if (at - want).Abs() > time.Microsecond {
			t.Errorf("arrival %d: got %v, want %v", i, at, want)
		}
	}
}

func TestSilenceEnds(t *testing.T) {
	for name, shape := range map[string]workload.Shape{
		"endless silence": workload.Constant{},
		"silent hour":     workload.Constant{For: time.Hour},
		"empty":           workload.Steps{},
	} {
		if at, ok := workload.NewArrivals(shape, workload.Poisson, 1).Next(); ok {
			t.Errorf("%s: got an arrival at %v", name, at)
		}
	}
}

func TestArrivalsWaitThroughSilence(t *testing.T) {
	shape := workload.Steps{{RPS: 0, For: 100 * 24 * time.Hour}, {RPS: 1, For: 10 * time.Second}}
	got := collect(shape, workload.Uniform, 0, 1000*24*time.Hour)
	if len(got) != 10 || (got[0]-100*24*time.Hour-time.Second/2).Abs() > time.Microsecond {
		t.Errorf("got %v, want 10 arrivals from half a second after day 100", got)
	}
}

func BenchmarkArrivals(b *testing.B) {
	bins := "t_seconds,requests_per_second\n"
	for i := range 1000 {
		bins += fmt.Sprintf("%d,%d\n", 60*i, 50+i%100)
	}
	trace, err := workload.Read("bench.csv", strings.NewReader(bins))
	if err != nil {
		b.Fatal(err)
	}
	for name, shape := range map[string]workload.Shape{
		"constant":      workload.Constant{RPS: 100},
		"diurnal-flash": workload.Repeat(workload.DiurnalFlash()),
		"trace":         workload.Repeat(trace),
		"interpolated":  workload.Repeat(trace.(*workload.Trace).Interpolated()),
	} {
		b.Run(name, func(b *testing.B) {
			arrivals := workload.NewArrivals(shape, workload.Poisson, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := arrivals.Next(); !ok {
					b.Fatal("no arrivals left")
				}
			}
		})
	}
}
