package queueing_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/queueing"
)

func blendOf(t interface{ Fatal(...any) }, l *queueing.Library, traits queueing.Traits, threshold float64) *queueing.Blend {
	b, err := l.Blend(traits, threshold)
	if err != nil {
		t.Fatal(err)
	}
	return &b
}

// Services between the nodes of the grid need what their own formulas say, but
// for 1 % or one replica.
func TestBlendsAnswerAsTheService(t *testing.T) {
	library := queueing.NewLibrary(queueing.DefaultLibrary)
	for _, tc := range []struct {
		traits    queueing.Traits
		threshold float64
	}{
		{queueing.Traits{Mean: 0.08, CV: 0.5, Slots: 4}, 0.5},
		{queueing.Traits{Mean: 0.08, CV: 0.62, Slots: 4, Topology: queueing.Central}, 0.46},
		{queueing.Traits{Mean: 0.8, CV: 0.9, Slots: 4}, 12},
		{queueing.Traits{Mean: 0.08, CV: 0.1, Slots: 1}, 0.3},
		{queueing.Traits{Mean: 0.08, CV: 1.2, Slots: 2, Topology: queueing.PowerOfTwo}, 1.7},
		{queueing.Traits{Mean: 0.08, CV: 0.35, Slots: 10, Topology: queueing.RoundRobin}, 0.37},
		{queueing.Traits{Mean: 0.08, CV: 2.5, Slots: 3, Topology: queueing.Random}, 5},
		{queueing.Traits{Mean: 0.08, CV: 0.6, Slots: 3, Sharing: true}, 0.9},
	} {
		law := queueing.Service{Law: queueing.Lognormal(tc.traits.Mean, tc.traits.CV), Slots: tc.traits.Slots, Sharing: tc.traits.Sharing, Topology: tc.traits.Topology}
		blend := blendOf(t, library, tc.traits, tc.threshold)
		for _, replicas := range []float64{1, 6, 30, 120} {
			rate := 0.8 * replicas * law.CapacityPerReplica()
			for _, share := range []float64{0.001, 0.01} {
				want, err := law.Demand(rate, tc.threshold, share)
				if err != nil {
					continue
				}
				got, err := blend.Demand(rate, share, 4000)
				if slack := max(1, 0.01*float64(want)); err != nil || math.Abs(float64(got-want)) > slack {
					t.Errorf("%+v, %v s, %.4g/s, share %v: needs %d (%v), the service says %d", tc.traits, tc.threshold, rate, share, got, err, want)
				}
			}
			near(t, fmt.Sprintf("mean of %+v", tc.traits), blend.MeanResponse(int(replicas), rate, 3), curveOf(t, law, tc.threshold, int(replicas)).MeanResponse(int(replicas), rate, 3), 0.05)
		}
	}
}

// A learned mean that drifts moves what is needed without a jump.
func TestBlendsHaveNoJumps(t *testing.T) {
	library := queueing.NewLibrary(queueing.DefaultLibrary)
	last := 0.0
	for mean := 0.07; mean < 0.1; mean *= 1.002 {
		// The load per replica at which 1 % violate, by halving.
		b := blendOf(t, library, queueing.Traits{Mean: mean, CV: 4 * mean, Slots: 4}, 0.5)
		low, high := 0.0, 1.0
		for range 30 {
			if middle := (low + high) / 2; b.Avoidable(40, middle*40*b.CapacityPerReplica(), 0) > 0.001 {
				high = middle
			} else {
				low = middle
			}
		}
		if last > 0 && math.Abs(low/last-1) > 0.002 {
			t.Errorf("mean %v: load of %v after %v", mean, low, last)
		}
		last = low
	}
}

// Between the loads of the table the share follows the rate.
func TestBlendsGrowWithTheRate(t *testing.T) {
	b := blendOf(t, queueing.NewLibrary(queueing.DefaultLibrary), queueing.Traits{Mean: 0.08, CV: 0.6, Slots: 4}, 0.5)
	for last, rho := b.Avoidable(5, 0.8*5*b.CapacityPerReplica(), 0), 0.81; rho < 0.99; rho += 0.01 {
		share := b.Avoidable(5, rho*5*b.CapacityPerReplica(), 0)
		if share <= last {
			t.Errorf("load %.2f: %v violate after %v", rho, share, last)
		}
		last = share
	}
}

// Whoever asks first, and for how many, changes no answer.
func TestBlendsAnswerTheSameInAnyOrder(t *testing.T) {
	traits := queueing.Traits{Mean: 0.1, CV: 0.4, Slots: 2}
	questions := []int{1, 3, 8, 9, 17, 40, 100}
	ask := func(order []int) map[int]float64 {
		b, answers := blendOf(t, queueing.NewLibrary(queueing.DefaultLibrary), traits, 0.7), map[int]float64{}
		for _, k := range order {
			n := questions[k]
			answers[n] = b.Avoidable(n, 0.8*20*float64(n), 3)
		}
		return answers
	}
	up, down := ask([]int{0, 1, 2, 3, 4, 5, 6}), ask([]int{6, 5, 4, 3, 2, 1, 0})
	for n, a := range up {
		if down[n] != a {
			t.Errorf("%d replicas: %v asked upwards, %v downwards", n, a, down[n])
		}
	}
}

func TestLibraryIsBounded(t *testing.T) {
	const limit = 200 << 10
	library := queueing.NewLibrary(limit)
	traits := queueing.Traits{CV: 0.5, Slots: 2, Topology: queueing.Random}
	before := map[float64]float64{}
	blends := map[float64]*queueing.Blend{}
	for mean := 0.002; mean < 1; mean *= 1.3 {
		traits.Mean = mean
		blends[mean] = blendOf(t, library, traits, 0.5)
		before[mean] = blends[mean].Avoidable(8, 7.5*2/mean, 0)
		if held := library.Bytes(); held <= 0 || held > limit+64<<10 {
			t.Fatalf("mean %v: %d bytes are held, at most %d may", mean, held, limit)
		}
	}
	for mean, b := range blends {
		if a := b.Avoidable(8, 7.5*2/mean, 0); a != before[mean] {
			t.Errorf("mean %v: %v, before others were asked for %v", mean, a, before[mean])
		}
	}
}

func TestLibraryServesMany(t *testing.T) {
	library := queueing.NewLibrary(64 << 10)
	var group sync.WaitGroup
	for k := range 8 {
		group.Go(func() {
			for n := 1; n < 60; n++ {
				b, err := library.Blend(queueing.Traits{Mean: 0.1 + float64(n%3)/20, CV: 0.5, Slots: 1, Topology: queueing.Random}, 1)
				if a := b.Avoidable(n, float64(n*(k+1)), 0); err != nil || !(a >= 0 && a <= 1) {
					t.Errorf("%d replicas: %v (%v)", n, a, err)
				}
			}
		})
	}
	group.Wait()
}

// A curve that is dropped while it grows is given back once.
func TestLibraryCountsWhatItHolds(t *testing.T) {
	for range 5 {
		library := queueing.NewLibrary(queueing.DefaultLibrary)
		b := blendOf(t, library, queueing.Traits{Mean: 0.1, CV: 0, Slots: 1, Topology: queueing.Central}, 0.1)
		b.Avoidable(8, 5, 0)
		var group sync.WaitGroup
		group.Go(func() { b.Avoidable(100, 5, 0) })
		library.DropWhileGrowing(b)
		group.Wait()
		if held, counted := library.Bytes(), library.Counted(); held != counted {
			t.Errorf("%d bytes are said to be held, there are %d", held, counted)
		}
	}
}

// However many slots a replica has, its curve is there in a moment, and as
// careful as that of 64.
func TestBlendsOfManySlots(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.LeastConn, queueing.PowerOfTwo, queueing.RoundRobin} {
		library := queueing.NewLibrary(queueing.DefaultLibrary)
		at := func(slots int) float64 {
			b := blendOf(t, library, queueing.Traits{Mean: 0.1, CV: 1, Slots: slots, Topology: topology}, 0.4)
			return b.Avoidable(8, 0.995*8*b.CapacityPerReplica(), 0)
		}
		want := at(64)
		for _, slots := range []int{512, 100_000} {
			answer := make(chan float64, 1)
			go func() { answer <- at(slots) }()
			select {
			case got := <-answer:
				if math.Abs(got/want-1) > 1e-9 {
					t.Errorf("%v: of %d slots %v violate, of 64 %v", topology, slots, got, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%v: no answer for %d slots within 10 s", topology, slots)
			}
		}
	}
}

func TestBlendsOfThresholdsFarFromTheMean(t *testing.T) {
	library := queueing.NewLibrary(queueing.DefaultLibrary)
	late := blendOf(t, library, queueing.Traits{Mean: 1e-200, CV: 1, Slots: 1, Topology: queueing.Random}, 1e200)
	if a := late.Avoidable(1, 0.5*late.CapacityPerReplica(), 0); a > 1e-9 {
		t.Errorf("half loaded, %v violate a threshold that is longer than all ever takes", a)
	}
	soon := blendOf(t, library, queueing.Traits{Mean: 1e200, CV: 1, Slots: 1, Topology: queueing.Random}, 1e-200)
	if a := soon.Avoidable(1, 0.5*soon.CapacityPerReplica(), 0); !(a >= 0 && a <= 1) {
		t.Errorf("%v violate a threshold that nobody meets", a)
	}
}

func TestBlendsOfNothing(t *testing.T) {
	library := queueing.NewLibrary(queueing.DefaultLibrary)
	good := queueing.Traits{Mean: 0.1, CV: 0.5, Slots: 1}
	for _, change := range []func(*queueing.Traits){
		func(t *queueing.Traits) { t.Mean = 0 }, func(t *queueing.Traits) { t.Mean = math.NaN() }, func(t *queueing.Traits) { t.Mean = math.Inf(1) },
		func(t *queueing.Traits) { t.CV = -1 }, func(t *queueing.Traits) { t.CV = math.NaN() }, func(t *queueing.Traits) { t.Slots = 0 },
	} {
		bad := good
		change(&bad)
		if _, err := library.Blend(bad, 1); err == nil {
			t.Errorf("%+v has a blend", bad)
		}
	}
	for _, extreme := range []queueing.Traits{{Mean: 1e-9, Slots: 1}, {Mean: 1e9, CV: 1e9, Slots: 1}, {Mean: 1, CV: 0.0001, Slots: 1e6, Topology: queueing.Random}} {
		b := blendOf(t, library, extreme, 1)
		for _, n := range []int{-1, 0, 1, 100_000} {
			if a := b.Avoidable(n, 1e5, 10); !(a >= 0 && a <= 1) {
				t.Errorf("%+v with %d replicas: %v violate", extreme, n, a)
			}
		}
	}
}

func BenchmarkBlend(b *testing.B) {
	blend := blendOf(b, queueing.NewLibrary(queueing.DefaultLibrary), queueing.Traits{Mean: 0.08, CV: 0.6, Slots: 4}, 0.5)
	blend.Avoidable(100, 4000, 0)
	b.ReportAllocs()
	b.Run("avoidable", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			blend.Avoidable(93, 4321, 7)
		}
	})
	b.Run("demand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := blend.Demand(4321, 0.001, 1000); err != nil {
				b.Fatal(err)
			}
		}
	})
}
