package scaling

import (
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/rl"
)

// How many steps a core takes, by its own time: as the base decides, and with
// actions at random, which keep lines and starts busy all the time.
func BenchmarkEnvironment(b *testing.B) {
	b.Run("as base", func(b *testing.B) { benchmark(b, false) })
	b.Run("at random", func(b *testing.B) { benchmark(b, true) })
}

func benchmark(b *testing.B, atRandom bool) {
	env, err := New(several(b, 0.7), Default())
	if err != nil {
		b.Fatal(err)
	}
	step, random := rl.NewStep(env), rand.New(rand.NewPCG(1, 1))
	var actions [97][]int // drawn beforehand: whoever chooses is not what is measured
	for k := range actions {
		actions[k] = make([]int, env.Copies())
		for i := range actions[k] {
			actions[k][i] = env.neutral
			if atRandom {
				actions[k][i] = random.IntN(env.Actions())
			}
		}
	}
	env.Reset(step)
	k := 0
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := used(b)
	for b.Loop() {
		env.Act(actions[k%len(actions)], step)
		k++
	}
	steps := float64(b.N) * float64(env.Copies())
	b.ReportMetric(steps/(used(b)-before).Seconds()/1e6, "Msteps/s-of-a-core")
}

// used is the processor time of this thread.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
