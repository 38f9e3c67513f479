package vertical_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/vertical"
)

// seen is a target of so many replicas, each of which asks for a core and
// 1000 MiB and uses so much.
func seen(now time.Duration, replicas int, cores float64, mebibytes int64) *scale.Observation {
	obs := &scale.Observation{Target: "shop", At: at(now), CurrentReplicas: replicas}
	for i := range replicas {
		sample := scale.Sample{At: at(now), Window: 15 * time.Second}
		cpu, memory := sample, sample
		cpu.Signal, cpu.Value = "cpuCores", cores
		memory.Signal, memory.Value = "memoryBytes", float64(mebibytes*mebibyte)
		obs.Replicas = append(obs.Replicas, scale.Replica{ID: fmt.Sprintf("web-%02d", i), Phase: scale.Running, StartedAt: at(0),
			Containers: []scale.Container{{Requests: map[string]int64{"cpu": 1000, "memory": 1000 * 1000 * mebibyte}}},
			Samples:    []scale.Sample{cpu, memory}})
	}
	return obs
}

// watch observes every quarter of a minute until a time, and returns the last
// answer.
func watch(s *vertical.Sizer, from, to time.Duration, of func(now time.Duration) *scale.Observation) (last vertical.Sizing) {
	for now := from; now <= to; now += 15 * time.Second {
		last = s.Observe(of(now), nil)
	}
	return last
}

func sizer(mode vertical.Mode) *vertical.Sizer {
	return vertical.NewSizer(vertical.VPA(), vertical.Config{Mode: mode, Learn: time.Hour})
}

// half a core and 400 MiB, of a core and 1000 MiB.
func half(replicas int) func(time.Duration) *scale.Observation {
	return func(now time.Duration) *scale.Observation { return seen(now, replicas, 0.5, 400) }
}

func TestTheModeSaysWhoIsGivenSizes(t *testing.T) {
	for mode, want := range map[vertical.Mode][2]int{ // sizes of containers that start, replicas that are resized
		vertical.Off: {0, 0}, vertical.Initial: {1, 0}, vertical.Recreate: {1, 1}, vertical.InPlace: {1, 1}, vertical.Auto: {1, 1},
	} {
		out := watch(sizer(mode), 0, 24*time.Hour, half(1))
		if got := [2]int{len(out.Starting), len(out.Replicas)}; got != want || out.Mode != mode || len(out.Containers) != 1 {
			t.Errorf("%s: got %v, %s and %d recommendations; want %v", mode, got, out.Mode, len(out.Containers), want)
		}
	}
}

func TestReplicasAreGivenTheTarget(t *testing.T) {
	out := watch(sizer(vertical.InPlace), 0, 24*time.Hour, half(1))
	cpu, _ := out.Containers[0].Of(vertical.CPU)
	memory, _ := out.Containers[0].Of(vertical.Memory)
	want := []vertical.Size{{CPU: cpu.Target, Memory: memory.Target}}
	if diff := cmp.Diff(want, out.Replicas[0].Sizes); diff != "" || out.Replicas[0].Replica != "web-00" || !strings.HasPrefix(out.Replicas[0].Why, "asks for 1000Mi memory, more than") {
		t.Errorf("got %+v\n%s", out.Replicas, diff)
	}
	if diff := cmp.Diff(want, out.Starting); diff != "" {
		t.Errorf("containers that start: %s", diff)
	}
}

// One sample a minute counts, however often it is looked: the bounds trust
// minutes.
func TestSamplesCountOnceAMinute(t *testing.T) {
	out := watch(sizer(vertical.Off), 0, 2*time.Hour, half(1))
	if n := out.Containers[0].Samples; n != 121 {
		t.Errorf("%d samples of two hours, want 121", n)
	}
}

func TestNothingIsSizedBeforeEnoughIsKnown(t *testing.T) {
	s := sizer(vertical.InPlace)
	// More is used than is asked for: outside the bounds, from the first sample on.
	busy := func(now time.Duration) *scale.Observation { return seen(now, 1, 4, 4000) }
	if out := watch(s, 0, 59*time.Minute, busy); len(out.Starting)+len(out.Replicas) > 0 || len(out.Containers) == 0 {
		t.Errorf("within the hour: %+v; want a recommendation that nobody is given", out)
	}
	if out := watch(s, time.Hour, 61*time.Minute, busy); len(out.Starting) != 1 || len(out.Replicas) != 1 {
		t.Errorf("after the hour: %+v", out)
	}
}

// A size that is wrong is to be seen before all have it.
func TestATenthIsResizedAtATime(t *testing.T) {
	for replicas, want := range map[int]int{1: 1, 9: 1, 25: 2} {
		s := sizer(vertical.InPlace)
		watch(s, 0, 61*time.Minute, half(replicas))
		if out := s.Observe(seen(13*time.Hour, replicas, 0.5, 400), nil); len(out.Replicas) != want {
			t.Errorf("%d of %d replicas, want %d", len(out.Replicas), replicas, want)
		}
	}
}

func TestMemoryIsNotTakenFromWhatUsesIt(t *testing.T) {
	for name, tc := range map[string]struct {
		mebibytes int64
		unknown   bool
		want      vertical.Amount
	}{
		"uses what it did":      {mebibytes: 400, want: 488 * mebibyte},
		"uses more now":         {mebibytes: 700, want: 805 * mebibyte},
		"uses almost all":       {mebibytes: 950, want: 0},
		"nobody knows its use":  {unknown: true, want: 0},
		"uses more than it has": {mebibytes: 1100, want: 0},
	} {
		s := sizer(vertical.InPlace)
		watch(s, 0, 12*time.Hour, half(1))
		obs := seen(12*time.Hour+30*time.Second, 1, 0.5, tc.mebibytes)
		if tc.unknown {
			obs.Replicas[0].Samples = nil
		}
		out := s.Observe(obs, nil)
		if len(out.Replicas) != 1 {
			t.Fatalf("%s: %+v", name, out.Replicas)
		}
		if got := out.Replicas[0].Sizes[0].Memory; max(got-tc.want, tc.want-got) > mebibyte {
			t.Errorf("%s: given %s, want %s", name, vertical.Memory.Words(got), vertical.Memory.Words(tc.want))
		}
	}
}

func TestOnlyReplicasThatRunAndStayAreResized(t *testing.T) {
	s := sizer(vertical.InPlace)
	watch(s, 0, 13*time.Hour, half(1))
	for name, change := range map[string]func(r *scale.Replica){
		"on its way out": func(r *scale.Replica) { r.DeletedAt = at(12 * time.Hour) },
		"not started":    func(r *scale.Replica) { r.Phase = scale.Pending },
		"as recommended": func(r *scale.Replica) {
			r.Containers[0].Requests = map[string]int64{"cpu": 589, "memory": 512 * 1000 * mebibyte}
		},
	} {
		obs := seen(13*time.Hour, 1, 0.5, 400)
		change(&obs.Replicas[0])
		if out := s.Observe(obs, nil); len(out.Replicas) != 0 {
			t.Errorf("%s: %+v", name, out.Replicas)
		}
	}
}

// An end is told with each look for a while, also across the end of the
// interval of the peak and of the controller, and counts once.
func TestAnEndForWantOfMemoryCountsOnce(t *testing.T) {
	last := 24*time.Hour - 10*time.Minute
	ended := []vertical.Ended{{OOM: vertical.OOM{Replica: "web-00", At: at(last), Requested: 1000 * mebibyte}, StartedAt: at(last - 5*time.Minute)}}
	once, often := sizer(vertical.InPlace), sizer(vertical.InPlace)
	for _, s := range []*vertical.Sizer{once, often} {
		watch(s, 0, last, half(1))
		out := s.Observe(seen(last+time.Minute, 1, 0.5, 400), ended)
		if e, _ := out.Containers[0].Of(vertical.Memory); e.Reason.Code != vertical.ByOutOfMemory || out.Replicas[0].Sizes[0].Memory <= 1000*mebibyte {
			t.Fatalf("got %+v, want more than the 1000Mi that were too little", out)
		}
	}
	snapshot, err := often.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	often = sizer(vertical.InPlace)
	if err := often.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Duration{24*time.Hour + time.Minute, 24*time.Hour + 2*time.Minute, 24*time.Hour + 4*time.Minute} {
		want, got := once.Observe(seen(now, 1, 0.5, 400), nil), often.Observe(seen(now, 1, 0.5, 400), ended)
		if diff := cmp.Diff(want.Containers, got.Containers); diff != "" {
			t.Errorf("told again at %v: %s", now, diff)
		}
	}
}

// Where nobody measures memory none is given.
func TestWhatIsNotMeasuredIsNotSized(t *testing.T) {
	out := watch(sizer(vertical.InPlace), 0, 2*time.Hour, func(now time.Duration) *scale.Observation {
		obs := seen(now, 1, 4, 0)
		obs.Replicas[0].Samples = obs.Replicas[0].Samples[:1]
		return obs
	})
	if len(out.Starting) != 1 || out.Starting[0].CPU == 0 || out.Starting[0].Memory != 0 || out.Replicas[0].Sizes[0].Memory != 0 {
		t.Errorf("got %+v and %+v, want CPU alone", out.Starting, out.Replicas)
	}
}

func TestAMemoryThatDoesNotFitIsRefused(t *testing.T) {
	for _, snapshot := range []string{"{", `{"recommender":"e30="}`} {
		s := sizer(vertical.Off)
		before := watch(s, 0, time.Hour, half(1))
		if err := s.Restore([]byte(snapshot)); !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("%s: got %v, want %v", snapshot, err, scale.ErrSnapshot)
		}
		if diff := cmp.Diff(before, s.Observe(seen(time.Hour, 1, 0.5, 400), nil)); diff != "" {
			t.Errorf("%s: the memory changed: %s", snapshot, diff)
		}
	}
}
