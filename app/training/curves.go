package training

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"

	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl/scaling"
)

// draw writes the pictures of a training. One that cannot be drawn is told, and costs
// nothing else.
func (job Job) draw(r *Result) {
	note := func(name string, err error) {
		if err != nil {
			r.Undrawn = append(r.Undrawn, fmt.Sprintf("%s: %v", name, err))
			return
		}
		r.Pictures = append(r.Pictures, name)
	}
	note("reward", drawPicture(job.Dir, "reward", "steps", job.rewards(*r)))
	if job.Config.Environment != onScaling {
		return
	}
	note("cost", drawPicture(job.Dir, "cost", "steps", job.costs(*r), job.judgedCosts(*r)))
	note("violations", drawPicture(job.Dir, "violations", "steps", job.violations(*r), job.judgedViolations(*r)))
	note("latency", job.latency(*r))
}

// rewards are the means of episodes, smoothed.
func (job Job) rewards(r Result) panel {
	p := panel{title: "Reward of an episode while it learns: the more the better", y: "sum of rewards"}
	p.lines = job.curves(r, func(point *Point) float64 { return point.Return })
	return p
}

func (job Job) costs(r Result) panel {
	p := panel{title: "Cost over the oracle's while it explores (1 is the oracle's)", y: "cost / oracle", log: true}
	p.lines = job.curves(r, func(point *Point) float64 { return 1 + point.figure("regret") })
	return p
}

func (job Job) judgedCosts(r Result) panel {
	p := panel{title: "Cost over the base policy's, best actions, loads not trained on (below 1 it helps)", y: "cost / base"}
	p.lines = job.judged(r, func(v *Verdict) float64 { return v.OverBase })
	return p.with("the base policy", func(*Verdict) float64 { return 1 }, r)
}

func (job Job) violations(r Result) panel {
	p := panel{title: "Avoidable violations while it explores, over what the objective allows", y: "violations / allowed", log: true}
	p.lines = job.curves(r, func(point *Point) float64 { return point.figure("violations") })
	return p
}

func (job Job) judgedViolations(r Result) panel {
	p := panel{title: "The same with best actions, loads not trained on", y: "violations / allowed", zero: true}
	p.lines = job.judged(r, func(v *Verdict) float64 { return v.Violations })
	return p.with("the base policy", func(v *Verdict) float64 { return v.BaseViolations }, r)
}

// bySeed are the points of each seed.
func bySeed(points []Point) [][]Point {
	var all [][]Point
	for i, p := range points {
		if i == 0 || p.Seed != points[i-1].Seed {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], p)
	}
	return all
}

// curves are a number of the points of each seed, mean of as many neighbours as
// make 150 places along the axis.
func (job Job) curves(r Result, of func(*Point) float64) []line {
	var lines []line
	for i, points := range bySeed(r.Points) {
		l := line{name: job.nameOf(points[0].Seed), color: seedColor(i)}
		each := max(1, len(points)/150)
		for at := 0; at < len(points); at += each {
			sum, n := 0.0, 0.0
			for _, p := range points[at:min(at+each, len(points))] {
				if v := of(&p); !math.IsNaN(v) {
					sum, n = sum+v, n+1
				}
			}
			if n > 0 {
				l.points = append(l.points, plotter.XY{X: float64(points[min(at+each, len(points))-1].Steps), Y: sum / n})
			}
		}
		lines = append(lines, l)
	}
	return lines
}

func (job Job) nameOf(seed uint64) string {
	if job.Config.Seeds == 1 {
		return job.Config.Algorithm
	}
	return fmt.Sprintf("%s, seed %d", job.Config.Algorithm, seed)
}

// judged are a number of the verdicts of each seed.
func (job Job) judged(r Result, of func(*Verdict) float64) []line {
	var lines []line
	for i, points := range bySeed(r.Points) {
		l := line{name: job.nameOf(points[0].Seed), color: seedColor(i), dots: true}
		for _, p := range points {
			if p.Verdict != nil {
				l.points = append(l.points, plotter.XY{X: float64(p.Steps), Y: of(p.Verdict)})
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// with adds what the base comes to.
func (p panel) with(name string, of func(*Verdict) float64, r Result) panel {
	var at plotter.XYs
	for _, point := range r.Points {
		if point.Verdict != nil && point.Seed == r.Points[0].Seed {
			at = append(at, plotter.XY{X: float64(point.Steps), Y: of(point.Verdict)})
		}
	}
	if len(at) > 0 {
		at = append(plotter.XYs{{X: 0, Y: at[0].Y}}, at...)
		p.lines = append(p.lines, line{name: name, points: at, color: grey(), dashed: true})
	}
	return p
}

// latency draws what the model's requests wait beside the base's, on loads of
// families that no training sees.
func (job Job) latency(r Result) error {
	tasks, err := scaling.Draw(scaling.Families(true), 2, job.Config.Workloads.Seed^judged)
	if err != nil {
		return err
	}
	var panels []panel
	for _, task := range tasks {
		w, err := scaling.Prepare(context.Background(), []scaling.Task{task})
		if err != nil {
			return err
		}
		panels = append(panels, latencies(w[0], r.Model))
	}
	return drawPicture(job.Dir, "latency", "minutes", panels...)
}

func latencies(w *scaling.Workload, m *learned.Model) panel {
	_, mine := scaling.Play(w, m.Actions, m.Net)
	_, base := scaling.Play(w, m.Actions, nil)
	of := func(moments []scaling.Moment) plotter.XYs {
		var at plotter.XYs
		for _, m := range moments {
			at = append(at, plotter.XY{X: m.Seconds / 60, Y: 1000 * m.Latency})
		}
		return at
	}
	threshold := 1000 * w.Scenario.Objective.Threshold.Std().Seconds()
	last := of(mine)[len(mine)-1].X
	return panel{
		title: fmt.Sprintf("Latency in the end, load %q (held out): 95 %% of the requests within", w.Family), y: "ms", log: true,
		lines: []line{
			{name: "predictive", points: of(base), color: grey()},
			{name: "learned", points: of(mine), color: blue(), thin: true},
			{name: "objective", points: plotter.XYs{{X: 0, Y: threshold}, {X: last, Y: threshold}}, color: red(), dashed: true},
		},
	}
}
