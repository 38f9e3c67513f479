package scaling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// length is how long a drawn workload is, in decisions.
const length = 960

// family is one kind of load, drawn with its peak around 1.
type family struct {
	name    string
	heldOut bool // for evaluation alone
	// replicas is the least worth of work at the peak: where a load falls far below
	// it, fewer would leave less than one there, and the lowest count would hide the jump.
	replicas float64
	draw     func(r *rand.Rand, over time.Duration) workload.Shape
}

// families are the kinds of loads. What is held out is of other formulas than
// what is trained on.
func families() []family {
	return []family{
		{"steady", false, 3, drawSteady},
		{"diurnal", false, 3, drawDiurnal},
		{"bursty", false, 3, drawBursty},
		{"flash", false, 3, drawFlash},
		{"onoff", false, 10, drawOnOff},
		{"noisy", false, 3, drawNoisy},
		{"steps", false, 10, drawSteps},
		{"ramps", true, 3, drawRamps},
		{"spikes", true, 3, drawSpikes},
	}
}

// Families are the names of the kinds of loads: those to train on, or those held
// out for evaluation.
func Families(heldOut bool) []string {
	var names []string
	for _, f := range families() {
		if f.heldOut == heldOut {
			names = append(names, f.name)
		}
	}
	return names
}

// Draw draws n tasks of the families in turn: their loads, the service, how it is
// started, measured and balanced, and its objective. The same seed draws the same.
func Draw(names []string, n int, seed uint64) ([]Task, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("families: needs at least one of %v and %v", Families(false), Families(true))
	}
	tasks := make([]Task, n)
	for i := range tasks {
		all := families()
		at := slices.IndexFunc(all, func(f family) bool { return f.name == names[i%len(names)] })
		if at < 0 {
			return nil, fmt.Errorf("families: %q is not known: must be of %v or %v", names[i%len(names)], Families(false), Families(true))
		}
		tasks[i] = drawTask(all[at], rand.New(rand.NewPCG(seed, uint64(i))), seed<<20+uint64(i))
	}
	return tasks, nil
}

// drawTask draws a task of a family.
func drawTask(f family, r *rand.Rand, seed uint64) Task {
	s := sim.Default()
	s.Name, s.Seed = fmt.Sprintf("%s-%d", f.name, seed), seed
	s.Sync = time.Duration(oneOf(r, 10, 15, 15, 15, 30)) * time.Second
	s.Start = s.Start.Add(time.Duration(r.Int64N(7*24*3600)) * time.Second)
	drawService(&s, r)
	s.Replicas.Pending = time.Duration(oneOf(r, 0, 0, 1, 3)) * time.Second
	s.Replicas.Startup = min(logBetween(r, 5, 120), 20*s.Sync)
	s.Replicas.StartupCV = []float64{0, 0, 0.1, 0.3}[r.IntN(4)]
	s.Metrics.Delay = time.Duration(oneOf(r, 0, 0, 0, 2, 5)) * time.Second
	s.Faults.MetricLoss = []float64{0, 0, 0, 0.02}[r.IntN(4)]
	over := length * s.Sync
	shape := f.draw(r, over)
	replicas := logBetween(r, f.replicas, 60).Seconds() // worth of work at the peak
	peak := replicas * s.Service.CapacityPerReplica()
	s.Load = workload.Scale(shape, peak)
	s.Replicas.Max = int(1.7*replicas) + 6
	return Task{Family: f.name, Scenario: s}
}

// drawService draws a service and an objective that it can keep.
func drawService(s *sim.Scenario, r *rand.Rand) {
	mean, cv := logBetween(r, 0.02, 0.4).Seconds(), 0.3+1.2*r.Float64()
	s.Service = queueing.Service{
		Law: queueing.Lognormal(mean, cv), Slots: oneOf(r, 1, 2, 4, 4, 8, 16),
		// Behind one line for all nobody learns a service, because some always wait there;
		// the simulators do not agree about two choices (fluid_test.go).
		Topology: []queueing.Topology{queueing.LeastConn, queueing.LeastConn, queueing.LeastConn, queueing.Random, queueing.RoundRobin}[r.IntN(5)],
	}
	s.Objective.Target = []float64{0.99, 0.995, 0.999, 0.999}[r.IntN(4)]
	alone := s.Service.Law.Quantile(1 - (1-s.Objective.Target)/10)
	threshold := max((4+6*r.Float64())*mean, 1.1*alone)
	s.Objective.Threshold = scale.Duration(time.Duration(threshold * float64(time.Second)).Round(time.Millisecond))
}

func oneOf(r *rand.Rand, of ...int) int { return of[r.IntN(len(of))] }

// logBetween is a time between two in seconds, each doubling as likely.
func logBetween(r *rand.Rand, least, most float64) time.Duration {
	return time.Duration(least * math.Pow(most/least, r.Float64()) * float64(time.Second))
}

// fraction is a part of the peak, each halving as likely.
func fraction(r *rand.Rand, least, most float64) float64 { return logBetween(r, least, most).Seconds() }

func between(r *rand.Rand, least, most float64) float64 { return least + (most-least)*r.Float64() }

func drawSteady(r *rand.Rand, over time.Duration) workload.Shape {
	return waves(r, over, 0.95, 0.05)
}

func drawDiurnal(r *rand.Rand, over time.Duration) workload.Shape {
	period := time.Duration(between(r, 0.4, 1.5) * float64(over))
	return workload.Diurnal{Base: between(r, 0.1, 0.5), Peak: 1, Period: period, For: over}
}

// drawBursty jumps between states, some of them high.
func drawBursty(r *rand.Rand, over time.Duration) workload.Shape {
	states := []workload.State{{RPS: between(r, 0.1, 0.4), Stay: logBetween(r, 240, 1800)}, {RPS: 1, Stay: logBetween(r, 60, 600)}}
	if r.IntN(2) == 0 {
		states = append(states, workload.State{RPS: between(r, 0.4, 0.8), Stay: logBetween(r, 120, 900)})
	}
	return workload.MMPP{States: states, Seed: r.Uint64(), For: over}.Shape()
}

// drawFlash lays crowds over a wave.
func drawFlash(r *rand.Rand, over time.Duration) workload.Shape {
	shape := waves(r, over, 0.25, 0.1)
	for range 1 + r.IntN(4) {
		shape = workload.Sum(shape, workload.FlashCrowd{
			Peak: between(r, 0.2, 0.7), At: time.Duration(between(r, 0.05, 0.9) * float64(over)),
			Rise: logBetween(r, 20, 300), Hold: logBetween(r, 60, 1200), Decay: logBetween(r, 60, 900), For: over,
		})
	}
	return shape
}

func drawOnOff(r *rand.Rand, over time.Duration) workload.Shape {
	return workload.OnOff{
		High: 1, Low: fraction(r, 1.0/30, 0.5), HighFor: stay(r, over), LowFor: logBetween(r, 180, 1800),
		Random: r.IntN(2) == 0, Seed: r.Uint64(), For: over,
	}.Shape()
}

// stay is how long a load stays high: short bursts as often as such that outlast
// the start of replicas and what waited for them.
func stay(r *rand.Rand, over time.Duration) time.Duration {
	if r.IntN(2) == 0 {
		return logBetween(r, 60, 600)
	}
	return logBetween(r, over.Seconds()/32, over.Seconds()/8)
}

// drawSteps jumps from level to level, up to thirty times as high, and stays there.
func drawSteps(r *rand.Rand, over time.Duration) workload.Shape {
	rates := make([]float64, 0, length)
	for k := r.IntN(2); len(rates) < length; k++ {
		level := fraction(r, 1.0/30, 1)
		if k%2 == 0 {
			level = fraction(r, 0.5, 1)
		}
		for range 60 + r.IntN(340) {
			rates = append(rates, level)
		}
	}
	return bars(rates[:length], over/length)
}

func drawNoisy(r *rand.Rand, over time.Duration) workload.Shape { return waves(r, over, 0.5, 0.4) }

// waves are many sines of random periods around a mean, never below a tenth of it.
func waves(r *rand.Rand, over time.Duration, mean, swing float64) workload.Shape {
	const bins = length * 3
	step := over / bins
	periods, phases := make([]float64, 12), make([]float64, 12)
	for i := range periods {
		periods[i], phases[i] = logBetween(r, 90, over.Seconds()).Seconds(), 2*math.Pi*r.Float64()
	}
	rates := make([]float64, bins)
	for k := range rates {
		sum, t := 0.0, (time.Duration(k) * step).Seconds()
		for i, period := range periods {
			sum += math.Sin(2*math.Pi*t/period + phases[i])
		}
		rates[k] = max(mean/10, mean+swing*sum/math.Sqrt(float64(len(periods))))
	}
	return bars(rates, step)
}

// bars is a rate for each step of time.
func bars(rates []float64, step time.Duration) workload.Shape {
	bins := make([]workload.Bin, len(rates))
	for i, rate := range rates {
		bins[i] = workload.Bin{At: time.Duration(i) * step, Width: step, RPS: rate}
	}
	t, err := workload.NewTrace("drawn", bins)
	if err != nil {
		panic(err) // rates of formulas, above 0
	}
	return t
}

// drawRamps goes from one height to another in straight lines.
func drawRamps(r *rand.Rand, over time.Duration) workload.Shape {
	rates := make([]float64, 0, length)
	for height := between(r, 0.2, 0.8); len(rates) < length; {
		next, n := between(r, 0.15, 1), 4+r.IntN(80)
		for k := range n {
			rates = append(rates, height+(next-height)*float64(k)/float64(n))
		}
		for range r.IntN(60) {
			rates = append(rates, next)
		}
		height = next
	}
	return bars(rates[:length], over/length)
}

// drawSpikes has short peaks of Pareto heights over a wave.
func drawSpikes(r *rand.Rand, over time.Duration) workload.Shape {
	base := waves(r, over, 0.3, 0.1)
	rates := make([]float64, length)
	for k := 0; k < length; {
		k += 1 + int(r.ExpFloat64()*60)
		height := min(0.6, 0.1*math.Pow(1-r.Float64(), -0.7))
		for n := 2 + r.IntN(16); n > 0 && k < length; n-- {
			rates[k] = height
			k++
		}
	}
	return workload.Sum(base, bars(rates, over/length))
}
