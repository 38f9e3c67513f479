package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

const mi = 1 << 20

var machine = cgroups.Machine{Cores: 4, Memory: 1024 * mi}

// use reads a container each second: from now on it has so many cores in use
// and so much memory, and moves a thousand bytes each second.
func use(m *Meter, container string, seconds int, cores, memory float64, change func(second int, r *Reading)) {
	var used time.Duration
	for second := range seconds {
		now := clock.System.Now()
		moved := uint64(1000 * second)
		r := Reading{At: now, Tick: now.Add(time.Hour), Usage: cgroups.Usage{
			CPU: used, CPULimit: 0.5, Memory: memory, MemoryLimit: 100 * mi, Processes: 3,
			Network: &cgroups.Traffic{In: moved, Out: 2 * moved},
		}}
		if change != nil {
			change(second, &r)
		}
		m.add(container, r, machine)
		used += time.Duration(cores * float64(time.Second))
		<-clock.System.After(time.Second)
	}
}

// values are what a meter says of a replica; "" is the target.
func values(t *testing.T, m *Meter, replica string) (map[string]float64, error) {
	t.Helper()
	samples, err := m.Collect(t.Context())
	all := map[string]float64{}
	for _, s := range samples {
		if s.Replica == replica {
			all[s.Signal] = math.Round(s.Value*1e6) / 1e6
		}
	}
	return all, err
}

func expect(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for signal, value := range want {
		if v, there := got[signal]; there != !math.IsNaN(value) || (there && v != value) {
			t.Errorf("%s: got %v (there: %v), want %v", signal, v, there, value)
		}
	}
}

var absent = math.NaN()

func TestUtilizationIsAShareOfWhatIsRequestedElseTheLimitElseTheMachine(t *testing.T) {
	for name, tc := range map[string]struct {
		requested Requested
		change    func(int, *Reading)
		vitals    docker.Vitals
		cpu, mem  float64
		says      int
	}{
		"the limit":             {Requested{}, nil, docker.Vitals{}, 0.5, 0.5, 0},
		"what is requested":     {Requested{Cores: 1, Bytes: 500 * mi}, nil, docker.Vitals{}, 0.25, 0.1, 0},
		"the limit of vitals":   {Requested{}, unlimited, docker.Vitals{CPULimit: 2, MemoryLimit: 200 * mi}, 0.125, 0.25, 0},
		"the machine":           {Requested{}, unlimited, docker.Vitals{}, 0.0625, 50.0 / 1024, 2},
		"requested, no limit":   {Requested{Cores: 1, Bytes: 500 * mi}, unlimited, docker.Vitals{}, 0.25, 0.1, 0},
		"cores alone requested": {Requested{Cores: 1}, unlimited, docker.Vitals{}, 0.25, 50.0 / 1024, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				m := NewMeter(tc.requested, clock.System, slog.New(slog.NewTextHandler(&log, nil)))
				m.Follow(map[string]Subject{"a": {Container: "1", Since: clock.System.Now()}})
				m.learn("1", tc.vitals, clock.System.Now(), time.Time{})
				use(m, "1", 5, 0.25, 50*mi, tc.change)
				for range 3 {
					got, err := values(t, m, "")
					if err != nil {
						t.Error(err)
					}
					expect(t, got, map[string]float64{scale.CPUUtilization: tc.cpu, scale.MemoryUtilization: math.Round(tc.mem*1e6) / 1e6, CPUCores: 0.25, MemoryBytes: 50 * mi})
				}
				if said := strings.Count(log.String(), "what the machine has"); said != tc.says {
					t.Errorf("said %d times, want %d:\n%s", said, tc.says, log.String())
				}
			})
		})
	}
}

func unlimited(_ int, r *Reading) { r.CPULimit, r.MemoryLimit = 0, 0 }

func TestTheTargetIsTheReplicasThatTakeWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{}, clock.System, nil)
		m.Follow(map[string]Subject{
			"a": {Container: "1", Since: clock.System.Now()}, "b": {Container: "2", Since: clock.System.Now(), Restarts: 4}, "starts": {Container: "3"},
		})
		size := int64(70)
		at := clock.System.Now()
		m.learn("1", docker.Vitals{Health: docker.Healthy, Size: &size, Restarts: 2}, at, at)
		m.learn("2", docker.Vitals{Health: docker.Unhealthy, Size: &size}, at, at)
		m.learn("2", docker.Vitals{Health: docker.Unhealthy}, at, time.Time{})
		m.learn("3", docker.Vitals{}, at, at)
		go use(m, "2", 6, 0.1, 20*mi, nil)
		go use(m, "3", 6, 0.5, 90*mi, nil)
		use(m, "1", 6, 0.3, 40*mi, nil)
		got, err := values(t, m, "")
		if err != nil {
			t.Error(err)
		}
		expect(t, got, map[string]float64{
			scale.CPUUtilization: 0.4, scale.MemoryUtilization: 0.3, CPUCores: 0.4, MemoryBytes: 60 * mi,
			scale.NetworkReceiveRate: 2000, scale.NetworkTransmitRate: 4000, scale.DiskReadRate: absent, scale.DiskWriteRate: absent,
			Processes: 6, WritableLayerBytes: 140, Restarts: 6, HealthyRatio: 0.5,
		})
		starting, _ := values(t, m, "starts")
		expect(t, starting, map[string]float64{scale.CPUUtilization: 1, HealthyRatio: absent, WritableLayerBytes: absent, Restarts: 0})
	})
}

// A sum without one of the replicas would be too small; a mean is not.
func TestWithoutOneReplicaThereIsNoSum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{}, clock.System, nil)
		m.Follow(map[string]Subject{"a": {Container: "1", Since: clock.System.Now()}, "b": {Container: "2", Since: clock.System.Now()}})
		go use(m, "2", 6, 0.1, 20*mi, func(_ int, r *Reading) { r.Network = nil })
		use(m, "1", 6, 0.3, 40*mi, nil)
		got, err := values(t, m, "")
		if err != nil {
			t.Error(err)
		}
		expect(t, got, map[string]float64{scale.NetworkReceiveRate: absent, scale.CPUUtilization: 0.4, CPUCores: 0.4})

		use(m, "1", 11, 0.3, 40*mi, func(second int, r *Reading) { r.CPU += 1800 * time.Millisecond }) // and nothing of the other
		got, err = values(t, m, "")
		if err == nil || !strings.Contains(err.Error(), "1 of 2 replicas are not measured (b): no reading of their containers for 10s") {
			t.Errorf("got %v", err)
		}
		expect(t, got, map[string]float64{CPUCores: absent, scale.CPUUtilization: 0.6})

		m.failOne("2", errors.New("the stream broke"))
		if _, err = values(t, m, ""); err == nil || !strings.Contains(err.Error(), "the stream broke") {
			t.Errorf("got %v", err)
		}
		m.Fail(errors.New("no engine"))
		if got, err = values(t, m, ""); err == nil || !strings.Contains(err.Error(), "no engine") || len(got) > 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestAReplicaCountsFromWhenItWasReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{}, clock.System, nil)
		m.Follow(map[string]Subject{"a": {Container: "1"}})
		ready := clock.System.Now().Add(4 * time.Second)
		m.Follow(map[string]Subject{"a": {Container: "1", Since: ready}})
		// It computes while it starts and idles then.
		use(m, "1", 8, 0, 20*mi, func(second int, r *Reading) { r.CPU = time.Duration(min(second, 4)) * 500 * time.Millisecond })
		own, _ := values(t, m, "a")
		total, _ := values(t, m, "")
		expect(t, own, map[string]float64{CPUCores: math.Round(2.0/7*1e6) / 1e6})
		expect(t, total, map[string]float64{CPUCores: 0})
	})
}

func TestCountsThatBeginAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(second int, r *Reading)
		want   map[string]float64
	}{
		"a container that was started again": {func(second int, r *Reading) {
			if second >= 5 {
				r.CPU = time.Duration(second-5) * 100 * time.Millisecond
			}
		}, map[string]float64{CPUCores: 0.1}},
		"an interface that was taken away": {func(second int, r *Reading) {
			if second >= 5 {
				r.Network = &cgroups.Traffic{In: uint64(1000 * (second - 5)), Out: 0}
			}
		}, map[string]float64{scale.NetworkReceiveRate: math.Round(8000.0/9*1e6) / 1e6, CPUCores: 0.25}},
		"a node whose clock was set back": {func(second int, r *Reading) {
			if second >= 5 {
				r.Tick = r.Tick.Add(-time.Hour)
				r.CPU = 1250*time.Millisecond + time.Duration(second-5)*500*time.Millisecond
			}
		}, map[string]float64{CPUCores: 0.5}},
		"what is told twice": {func(second int, r *Reading) {
			if second == 9 {
				r.Tick = r.Tick.Add(-time.Second)
				r.CPU *= 5
			}
		}, map[string]float64{CPUCores: 0.25}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMeter(Requested{}, clock.System, nil)
				m.Follow(map[string]Subject{"a": {Container: "1", Since: clock.System.Now()}})
				use(m, "1", 10, 0.25, 20*mi, tc.change)
				got, err := values(t, m, "")
				if err != nil {
					t.Error(err)
				}
				expect(t, got, tc.want)
			})
		})
	}
}

func TestTheWindowIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(Requested{Window: 5 * time.Second}, clock.System, nil)
		m.Follow(map[string]Subject{"a": {Container: "1", Since: clock.System.Now()}})
		use(m, "1", 60, 0, 20*mi, func(second int, r *Reading) { r.CPU = time.Duration(max(0, second-50)) * time.Second })
		samples, err := m.Collect(t.Context())
		if err != nil || len(m.followed["a"].readings) != 6 || samples[0].Window != 5*time.Second || samples[0].Value != 1 {
			t.Errorf("got %+v of %d readings, %v", samples, len(m.followed["a"].readings), err)
		}
		// Another container is another count.
		m.Follow(map[string]Subject{"a": {Container: "2", Since: clock.System.Now()}})
		if samples, _ := m.Collect(t.Context()); len(samples) > 0 {
			t.Errorf("of a container that was not read yet: %+v", samples)
		}
	})
}

func TestContainersOfReplicas(t *testing.T) {
	long := strings.Repeat("3f4e0a1b", 8)
	x := NewIndex([]docker.Name{
		{ID: long, Name: "web-a1"}, {ID: "2222", Name: "web.1"}, {ID: "3333", Name: "web"}, {ID: "4444", Name: "shop.1.task9", Task: "task9"},
	})
	for replica, want := range map[string]string{
		long: long, long[:12]: long, long[:20]: long, long[:11]: "", "web-a1": long, "web-a1.kx9": long,
		"web.1": "2222", "web": "3333", "web.2": "3333", "task9": "4444", "other": "", "": "", ".": "",
	} {
		if got := x.Container(replica); got != want {
			t.Errorf("%s: got %q, want %q", replica, got, want)
		}
	}
}

func ExampleMeter() {
	m := NewMeter(Requested{Cores: 2}, clock.System, nil)
	began := clock.System.Now().Add(-2 * time.Second)
	m.Follow(map[string]Subject{"web-1": {Container: "3f4e", Since: began}})
	for second := range 3 {
		at := began.Add(time.Duration(second) * time.Second)
		m.add("3f4e", Reading{At: at, Tick: at, Usage: cgroups.Usage{CPU: time.Duration(second) * time.Second}}, machine)
	}
	samples, _ := m.Collect(context.Background())
	fmt.Println(samples[1].Signal, samples[1].Value)
	// Output: cpuUtilization 0.5
}
