package training

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/plotter"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Act is a decision of a model on a trace.
type Act struct {
	Seconds float64 `json:"seconds"` // since the beginning of the load
	// Base is what the base wants, Wanted what the model makes of it, Desired what the
	// rules and the envelope let through.
	Base    int     `json:"base"`
	Wanted  int     `json:"wanted"`
	Desired int     `json:"desired"`
	Factor  float64 `json:"factor"` // wanted over base; 1: as the base
	Code    string  `json:"code"`   // of its reason: Learned, AsBase, OutOfDistribution …
	Reason  string  `json:"reason"`
	SetBy   string  `json:"setBy"`
	// Because are the numbers of the observation that weigh most in the choice.
	Because []Weight `json:"because,omitempty"`
}

// Weight is how much a number of an observation spoke for a choice: the lead over
// doing as the base that is lost when the number is what it was in training in the
// mean.
type Weight struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Usual float64 `json:"usual"`
	Lead  float64 `json:"lead"`
}

// Watched is what a model did on a trace.
type Watched struct {
	Trace    string         `json:"trace"`
	Acts     []Act          `json:"acts"`
	Run      evaluate.Run   `json:"run"`
	Base     evaluate.Run   `json:"base"`
	Moments  []sim.Moment   `json:"-"`
	Others   []sim.Moment   `json:"-"` // of the base alone
	Scenario *sim.Scenario  `json:"-"`
	Model    *learned.Model `json:"-"`
}

// watcher notes what is decided.
type watcher struct {
	sim.Decider
	model *learned.Model
	seen  func() []float32 // the newest observation
	start time.Time
	acts  []Act
	think *weigher
}

// Decide implements [sim.Decider].
func (w *watcher) Decide(obs scale.Observation) scale.Decision {
	d := w.Decider.Decide(obs)
	if d.NoData {
		return d
	}
	a := Act{Seconds: obs.At.Sub(w.start).Seconds(), Wanted: d.Recommendation.Replicas, Desired: d.DesiredReplicas, SetBy: d.SetBy}
	i := slices.IndexFunc(d.Recommendation.Proposals, func(p scale.Proposal) bool { return p.Signal == "model" })
	if i < 0 {
		return d
	}
	why := d.Recommendation.Proposals[i].Reason
	a.Base, a.Factor, a.Code, a.Reason = a.Wanted, 1, why.Code, why.String()
	if a.Code == "Learned" { // its arguments: replicas, those of the base, the factor
		a.Base, a.Factor = int(why.Args[1]), why.Args[2]
		a.Because = w.think.weigh(w.seen(), a.Factor)
	}
	w.acts = append(w.acts, a)
	return d
}

// weigher asks a model what it would have done had a number been as usual.
type weigher struct {
	model  *learned.Model
	think  *neural.Inference
	scores []float32
	names  []string
}

func newWeigher(m *learned.Model) *weigher {
	return &weigher{model: m, think: m.Net.NewInference(), scores: make([]float32, len(m.Actions)), names: learned.Names()}
}

// weigh returns the three numbers that spoke most for an action.
func (w *weigher) weigh(row []float32, factor float64) []Weight {
	action := 0
	for i, f := range w.model.Actions {
		if math.Abs(float64(f)-factor) < math.Abs(float64(w.model.Actions[action])-factor) {
			action = i
		}
	}
	lead := func(row []float32) float64 {
		w.think.Infer(row, w.scores)
		return float64(w.scores[action] - w.scores[w.model.Actions.Base()])
	}
	whole := lead(row)
	other := slices.Clone(row)
	var all []Weight
	for i := range row {
		usual := w.model.Features.Mean[i]
		other[i] = usual
		all = append(all, Weight{w.names[i], float64(row[i]), float64(usual), whole - lead(other)})
		other[i] = row[i]
	}
	slices.SortStableFunc(all, func(a, b Weight) int {
		switch {
		case a.Lead > b.Lead:
			return -1
		case a.Lead < b.Lead:
			return 1
		}
		return 0
	})
	return all[:3]
}

// Watch plays a model on a case, and its base alone beside it. seen returns the
// observation that the newest decision rests on.
func Watch(c evaluate.Case, m *learned.Model, model, base evaluate.Contestant, seen func() []float32) (Watched, error) {
	out := Watched{Trace: c.Trace, Model: m, Scenario: &c.Scenario}
	var w *watcher
	watched := model
	watched.New = func(s *sim.Scenario) (sim.Decider, error) {
		d, err := model.New(s)
		w = &watcher{Decider: d, model: m, seen: seen, start: s.Start, think: newWeigher(m)}
		return w, err
	}
	run, result, err := evaluate.Play(c, watched, 1)
	if err != nil {
		return out, err
	}
	out.Run, out.Moments, out.Acts = run, result.Timeline, w.acts
	if out.Base, result, err = evaluate.Play(c, base, 1); err != nil {
		return out, err
	}
	out.Others = result.Timeline
	if len(out.Acts) == 0 {
		return out, fmt.Errorf("%s: the model was never asked: the base had no opinion in all of its %v", c.Trace, c.Scenario.Length())
	}
	return out, nil
}

// Draw writes what was done as a picture.
func (w Watched) Draw(dir, name string) error {
	unit, scaled := "minutes", 60.0
	if w.Scenario.Length() > 6*time.Hour {
		unit, scaled = "hours", 3600
	}
	at := func(moments []sim.Moment, of func(sim.Moment) float64) (xy plotter.XYs) {
		for _, m := range moments {
			xy = append(xy, plotter.XY{X: m.At.Seconds() / scaled, Y: of(m)})
		}
		return xy
	}
	acts := func(of func(Act) float64) (xy plotter.XYs) {
		for _, a := range w.Acts {
			xy = append(xy, plotter.XY{X: a.Seconds / scaled, Y: of(a)})
		}
		return xy
	}
	threshold := 1000 * w.Scenario.Objective.Threshold.Std().Seconds()
	end := w.Scenario.Length().Seconds() / scaled
	return drawPicture(dir, name, unit,
		panel{title: "Load: " + w.Trace, y: "requests/s", zero: true, lines: []line{
			{points: at(w.Moments, func(m sim.Moment) float64 { return m.RequestRate }), color: green()}}},
		panel{title: "Replicas", y: "replicas", zero: true, lines: []line{
			{name: "predictive alone, ready", points: at(w.Others, func(m sim.Moment) float64 { return float64(m.Ready) }), color: grey(), steps: true},
			{name: "base beside the model wants", points: acts(func(a Act) float64 { return float64(a.Base) }), color: orange(), steps: true, thin: true},
			{name: "with the model, ready", points: at(w.Moments, func(m sim.Moment) float64 { return float64(m.Ready) }), color: blue(), steps: true}}},
		panel{title: "Factor on what the base wants", y: "×", lines: []line{
			{points: acts(func(a Act) float64 { return a.Factor }), color: blue(), steps: true},
			{points: plotter.XYs{{X: 0, Y: 1}, {X: end, Y: 1}}, color: grey(), dashed: true, thin: true}}},
		panel{title: "Latency: 95 % of the requests within", y: "ms", log: true, lines: []line{
			{name: "predictive alone", points: at(w.Others, func(m sim.Moment) float64 { return 1000 * m.P95 }), color: grey()},
			{name: "with the model", points: at(w.Moments, func(m sim.Moment) float64 { return 1000 * m.P95 }), color: blue(), thin: true},
			{name: "objective", points: plotter.XYs{{X: 0, Y: threshold}, {X: end, Y: threshold}}, color: red(), dashed: true}}},
	)
}
