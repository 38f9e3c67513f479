package scaling

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/rl"
)

// errSolved ends a training that has come near enough.
var errSolved = errors.New("solved")

// How long PPO takes from actions at random until it is within a twentieth of the
// optimum, with all that belongs to it: preparing the load, acting, learning, and
// judging after each update. Each loop is another seed. The design asks for at most
// 60 s; processor time is what counts on a machine that others keep busy.
func BenchmarkBaseTask(b *testing.B) {
	seed, steps, before := uint64(0), 0, processorTime(b)
	for b.Loop() {
		seed++
		task := newBaseTask(b, seed)
		ctx, solved := context.WithCancelCause(b.Context())
		err := task.learner.Learn(ctx, task.env, stepsOfBaseTask, func(p rl.Progress) {
			if task.regret(task.learner.Policy()) <= nearRegret {
				steps += p.Steps
				solved(errSolved)
			}
		})
		was := context.Cause(ctx)
		solved(nil)
		if !errors.Is(was, errSolved) {
			b.Fatalf("seed %d: %v, not solved in %d steps", seed, err, stepsOfBaseTask)
		}
	}
	n := float64(b.N)
	b.ReportMetric(float64(steps)/n, "steps/solved")
	b.ReportMetric((processorTime(b)-before).Seconds()/n, "processor-s/solved")
	b.ReportMetric(b.Elapsed().Seconds()/n, "s/solved")
}

// processorTime is that of all threads of this process.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
