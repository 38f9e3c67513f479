package training

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// small is a configuration that is learned in a moment.
func small(t testing.TB, algorithm string) Config {
	t.Helper()
	text := "steps: 6000\njudgements: 4\nhidden: [8]\nscaling: {copies: 8, episode: 40}\n"
	if algorithm == "dqn" {
		text += "learner: {start: 500, buffer: 2000, batch: 32, every: 8, targetEvery: 400}\n"
	}
	c, err := Read([]byte(text), algorithm, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ground is a few loads over a base that is quick to prepare.
func ground(t testing.TB, c Config) *Ground {
	t.Helper()
	var sets [2][]*scaling.Workload
	for i := range sets {
		tasks, err := scaling.Draw([]string{"bursty", "flash"}, 2, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		for k := range tasks {
			tasks[k].RateBased = 0.6
		}
		if sets[i], err = scaling.Prepare(t.Context(), tasks); err != nil {
			t.Fatal(err)
		}
	}
	return newGround(c, sets[0], sets[1])
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// train trains to the end, and returns the bytes of the model and of the summary.
func train(t testing.TB, job Job) (model, summary []byte) {
	t.Helper()
	r, err := Train(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if model, err = r.Model.Bytes(); err != nil {
		t.Fatal(err)
	}
	return model, read(t, job.Dir, SummaryFile)
}

func TestTheSameSeedGivesTheSameModel(t *testing.T) {
	testenv.Long(t)
	c := small(t, "ppo")
	g := ground(t, c)
	model, summary := train(t, Job{Config: c, Dir: t.TempDir(), Ground: g})
	again, againSummary := train(t, Job{Config: c, Dir: t.TempDir(), Ground: g})
	if !bytes.Equal(model, again) || !bytes.Equal(summary, againSummary) {
		t.Error("the same seed gave another model or summary")
	}
	first, err := newLearner(c, 1, mustEnvironment(t, c, 1, g))
	second, otherErr := newLearner(c, 2, mustEnvironment(t, c, 1, g))
	if err != nil || otherErr != nil || cmp.Equal(first.Policy().Parameters(), second.Policy().Parameters()) {
		t.Errorf("%v, %v: learners of two seeds begin with the same net", err, otherErr)
	}
	c.Seed = 2
	if other, _ := train(t, Job{Config: c, Dir: t.TempDir(), Ground: g}); bytes.Equal(model, other) {
		t.Error("another seed gave the same model")
	}
}

func mustEnvironment(t testing.TB, c Config, seed uint64, g *Ground) rl.Environment {
	t.Helper()
	env, err := environment(c, seed, g)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// Stopped and resumed, whenever that is, a training comes to the same bytes.
func TestAStoppedTrainingGoesOn(t *testing.T) {
	testenv.Long(t)
	for _, algorithm := range Algorithms() {
		c := small(t, algorithm)
		g := ground(t, c)
		model, summary := train(t, Job{Config: c, Dir: t.TempDir(), Ground: g})

		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		stopped := Job{Config: c, Dir: dir, Ground: g, Progress: func(s Status) {
			if s.Steps >= c.Steps/3 {
				stop()
			}
		}}
		if _, err := Train(ctx, stopped); !errors.Is(err, ErrStopped) {
			t.Fatalf("%s: got %v, want that it was stopped", algorithm, err)
		}
		if n := bytes.Count(read(t, dir, SummaryFile), []byte("\n")); n < 2 || n >= bytes.Count(summary, []byte("\n")) {
			t.Errorf("%s: %d lines of the summary when it was stopped, want some and not all %d", algorithm, n, bytes.Count(summary, []byte("\n")))
		}
		known, err := Resumed(dir)
		if err != nil {
			t.Fatal(err)
		}
		gotModel, gotSummary := train(t, Job{Config: known, Dir: dir, Ground: g, Resume: true})
		if !bytes.Equal(gotModel, model) {
			t.Errorf("%s: resumed, the model is another one", algorithm)
		}
		if diff := cmp.Diff(string(summary), string(gotSummary)); diff != "" {
			t.Errorf("%s: summary (-in one go +resumed):\n%s", algorithm, diff)
		}
	}
}

func TestCheckpointsThatAreRefused(t *testing.T) {
	testenv.Long(t)
	c := small(t, "a2c")
	g, dir := ground(t, c), t.TempDir()
	train(t, Job{Config: c, Dir: dir, Ground: g})
	path := filepath.Join(dir, checkpointFile)
	whole := read(t, dir, checkpointFile)
	other := c
	other.Steps++
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for _, one := range []struct {
		name string
		data []byte
		cfg  Config
		want string
	}{
		{"cut off", whole[:len(whole)/2], c, "checksum does not fit"},
		{"changed", flipped, c, "checksum does not fit"},
		{"of another program", []byte("PK\x03\x04 and so on"), c, "no checkpoint of this version"},
		{"of another configuration", whole, other, "another configuration"},
	} {
		if err := os.WriteFile(path, one.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(t.Context(), Job{Config: one.cfg, Dir: dir, Ground: g, Resume: true}); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: got %v, want %q in it", one.name, err, one.want)
		}
	}
}

// Several seeds have folders of their own, and the best of them is the result.
func TestTheBestOfSeveralSeedsIsKept(t *testing.T) {
	c := small(t, "a2c")
	c.Seeds, c.Ahead = 3, 0 // begun as the base, all would come to about the same
	g, dir := ground(t, c), t.TempDir()
	model, summary := train(t, Job{Config: c, Dir: dir, Ground: g})
	found := ""
	for _, seed := range []string{"seed-1", "seed-2", "seed-3"} {
		m, err := ReadModel(filepath.Join(dir, seed, ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		own, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(own, model) {
			found = seed
		}
		if own := read(t, filepath.Join(dir, seed), SummaryFile); !bytes.Contains(summary, own[bytes.IndexByte(own, '\n')+1:]) {
			t.Errorf("the summary of %s is not in that of all", seed)
		}
	}
	if found == "" {
		t.Error("the model is none of the seeds'")
	}
	one, err := ReadModel(filepath.Join(dir, found, ModelFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []string{"seed-1", "seed-2", "seed-3"} {
		m, err := ReadModel(filepath.Join(dir, seed, ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		if m.Origin.Training["cost over base"] < one.Origin.Training["cost over base"] {
			t.Errorf("%s costs less than %s, which was kept", seed, found)
		}
	}
}

// All that is promised lies in the folder, and pictures show something.
func TestWhatIsWritten(t *testing.T) {
	c := small(t, "ppo")
	c.Clone = &Clone{Rounds: 2, Rows: 500, Epochs: 1}
	dir := t.TempDir()
	_, summary := train(t, Job{Config: c, Dir: dir, Ground: ground(t, c)})
	for _, name := range []string{"reward", "cost", "violations", "latency"} {
		image, err := png.Decode(bytes.NewReader(read(t, dir, name+".png")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		colors := map[[3]uint32]bool{}
		for x := range image.Bounds().Dx() {
			for y := range image.Bounds().Dy() {
				r, g, b, _ := image.At(x, y).RGBA()
				colors[[3]uint32{r, g, b}] = true
			}
		}
		if len(colors) < 10 {
			t.Errorf("%s.png has %d colours, want lines and words", name, len(colors))
		}
		if svg := read(t, dir, name+".svg"); !bytes.Contains(svg, []byte("<svg")) || !bytes.Contains(svg, []byte("<path")) {
			t.Errorf("%s.svg shows no lines", name)
		}
	}
	header, _, _ := strings.Cut(string(summary), "\n")
	for _, column := range []string{"steps", "return", "regret", "violations", "judged_cost_over_base"} {
		if !strings.Contains(","+header+",", ","+column+",") {
			t.Errorf("summary.csv has no column %s: %s", column, header)
		}
	}
	if back, err := Resumed(dir); err != nil || cmp.Diff(back, c) != "" {
		t.Errorf("config.yaml (-was run +reads as), %v:\n%s", err, cmp.Diff(c, back))
	}
}

// Too short for a point of the curves, a training is judged and drawn all the same.
func TestAShortTrainingOfDQNIsJudged(t *testing.T) {
	c, dir := small(t, "dqn"), t.TempDir()
	c.Steps = 600 // 12 updates from step 500 on; a point is made of 100
	r, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: ground(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	if !(r.Verdict.OverBase > 0) || len(r.Points) != 1 || r.Points[0].Steps < 600 || r.Points[0].Verdict == nil {
		t.Errorf("got %+v and points %+v, want what it comes to after 600 steps", r.Verdict, r.Points)
	}
	for _, name := range []string{"cost.png", "violations.svg", "latency.svg"} {
		read(t, dir, name)
	}
	if _, err := os.Stat(filepath.Join(dir, "reward.png")); !errors.Is(err, os.ErrNotExist) || len(r.Undrawn) != 1 || !strings.HasPrefix(r.Undrawn[0], "reward: nothing to draw") {
		t.Errorf("%v, %q; want no picture of rewards, of which there are none, and that it says so", err, r.Undrawn)
	}
}

// Doing nearly as the base is the first that is kept, whatever learns.
func TestNearlyTheBaseIsTheFirstThatIsKept(t *testing.T) {
	for _, algorithm := range Algorithms() {
		c := small(t, algorithm)
		s, err := newSession(c, 1, ground(t, c))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.begin(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if s.best == nil || math.Abs(s.verdict.OverBase-1) > 0.05 {
			t.Errorf("%s: kept before anything is learned: %v, %+v; want nearly the base", algorithm, s.best != nil, s.verdict)
		}
	}
}

// A model that others begin with, and that a candidate is held against later, stays
// what it was.
func TestAModelThatIsBegunWithStaysAsItWas(t *testing.T) {
	c := small(t, "ppo")
	c.Clone = &Clone{Rounds: 1, Rows: 500, Epochs: 1}
	g := ground(t, c)
	lent, err := newLearner(c, 7, mustEnvironment(t, c, 7, g))
	if err != nil {
		t.Fatal(err)
	}
	from := &learned.Model{Net: lent.Policy(), Actions: c.Scaling.Actions}
	before := slices.Clone(from.Net.Parameters())
	s, err := newSession(c, 1, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.begin(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(from.Net.Parameters(), before) {
		t.Error("its parameters are others than before")
	}
}

// CartPole is learned without a model of scaling: a curve, and what it comes to.
func TestCartPoleIsLearned(t *testing.T) {
	c, err := Default("ppo", "cartpole")
	if err != nil {
		t.Fatal(err)
	}
	c.Steps = 40_000
	g, err := NewGround(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: g})
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != nil || len(r.Returns) != 1 || r.Returns[0] < 100 {
		t.Errorf("got model %v and returns %v, want none and one above 100, where chance comes to 22", r.Model != nil, r.Returns)
	}
}

// So many episodes end a training, though steps were left.
func TestEpisodesEndATraining(t *testing.T) {
	testenv.Long(t)
	c := small(t, "a2c")
	c.SetEpisodes(24)
	c.Steps *= 10
	r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: ground(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	episodes := 0
	for _, p := range r.Points {
		episodes += p.Episodes
	}
	if episodes < 24 || episodes > 40 {
		t.Errorf("got %d episodes, want 24 and those that ended with the last", episodes)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"steps: 0":                       "steps: must be 1 to",
		"care: 0":                        "care: must be between 1",
		"seeds: 100":                     "seeds: must be 1 to 64",
		"hidden: []":                     "hidden: must be 1 to",
		"hidden: [0]":                    "hidden[0]: must be 1 to 512",
		"stepz: 5":                       `unknown field "stepz"`,
		"steps: many":                    "steps: must be a whole number",
		"learner: {rate: -1}":            "Rate: must be above 0",
		"learner: {seed: 3}":             "learner.seed: is said outside",
		"learner: {buffer: 3}":           `unknown field "buffer"`,
		"workloads: {count: 0}":          "workloads.count: must be 1 to",
		"workloads: {families: [sunny]}": `"sunny" is not known`,
		"scaling: {copies: 0}":           "scaling.copies: must be 1 to",
		"scaling: {seed: 3}":             "scaling.seed: comes from seed",
		"scaling: {actions: [0.5, 2]}":   "must hold the factor 1",
		"algorithm: sarsa":               `must be one of ppo, a2c, dqn, got "sarsa"`,
		"environment: moon":              `must be one of scaling, cartpole, got "moon"`,
		"algorithm: dqn\nclone: {rounds: 1, rows: 1, epochs: 1}": "goes with ppo and a2c",
		"environment: cartpole\nclone: {rounds: 1}":              "goes with environment scaling",
		"algorithm: dqn\nsteps: 4800":                            "steps: must be above 10000",
		"- a\n- list":                                            "must hold fields",
		"a: b: c":                                                "mapping values",
	} {
		c, err := Read([]byte(text), "", "")
		if err == nil {
			err = c.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// A flag's algorithm holds over the file's, and then its hyper-parameters are its own.
func TestAnotherAlgorithmThanTheFiles(t *testing.T) {
	c, err := Read([]byte("algorithm: ppo\nsteps: 7000\nlearner: {clip: 0.1}"), "dqn", "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Algorithm != "dqn" || c.Steps != 7000 || !bytes.Contains(c.Learner, []byte("buffer")) || bytes.Contains(c.Learner, []byte("clip\"")) {
		t.Errorf("got %s, %d steps and %s", c.Algorithm, c.Steps, c.Learner)
	}
}

// Where the file does not say otherwise, a training has the layers and the actions of
// the model that it begins with.
func TestBeginningWithAModel(t *testing.T) {
	m, err := ReadModel("general")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ algorithm, text, want string }{
		{"ppo", "", ""},
		{"a2c", "steps: 7000\nscaling: {copies: 8}", ""},
		{"ppo", "hidden: [64, 64]", ""},
		{"ppo", "hidden: [32]", "hidden layers of [64 64], hidden says [32]"},
		{"ppo", "scaling: {actions: [0.5, 1, 2]}", "scaling.actions says [0.5 1 2]"},
		{"dqn", "", "dqn on scaling cannot begin with a model"},
	} {
		c, err := Read([]byte(one.text), one.algorithm, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err = c.BeginWith(m, []byte(one.text))
		if one.want != "" {
			if err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("%s: %q: got %v, want %q in it", one.algorithm, one.text, err, one.want)
			}
			continue
		}
		if err != nil || !slices.Equal(c.Scaling.Actions, m.Actions) || !slices.Equal(c.Hidden, []int{64, 64}) {
			t.Errorf("%s: %q: got %v, %v, %v; want those of the model", one.algorithm, one.text, err, c.Hidden, c.Scaling.Actions)
		}
	}
	c, err := Read(nil, "", "cartpole")
	if err == nil {
		_, err = c.BeginWith(m, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "on cartpole cannot") {
		t.Errorf("got %v, want that cartpole has no use for it", err)
	}
}

func TestWhoWins(t *testing.T) {
	base := Rival{"predictive", Outcome{Cost: 100, Violations: 0.002}}
	model := Rival{"the model that is there", Outcome{Cost: 95, Violations: 0.0005}}
	for _, one := range []struct {
		name      string
		candidate Outcome
		rivals    []Rival
		wins      bool
		why       string
	}{
		{"cheaper than all", Outcome{Cost: 90, Violations: 0.0009}, []Rival{base, model}, true, "0.9000 × what predictive does"},
		{"cheaper than predictive alone", Outcome{Cost: 97, Violations: 0.0004}, []Rival{base, model}, false, "the model that is there"},
		{"as cheap", Outcome{Cost: 100, Violations: 0.0004}, []Rival{base}, false, "1.0000 × what predictive does"},
		{"cheaper by violating more than it may", Outcome{Cost: 90, Violations: 0.003}, []Rival{base}, false, "0.2 % may"},
		{"violating as predictive does", Outcome{Cost: 90, Violations: 0.002}, []Rival{base}, true, "keeps what they keep"},
		{"on half of what was held out", Outcome{Cost: 90, Scored: 0.5}, []Rival{base}, true, "keeps what they keep"},
		{"on less of it", Outcome{Cost: 90, Scored: 0.49}, []Rival{base}, false, "only 49 % of what was held out"},
		{"costing what is no number", Outcome{Cost: math.NaN()}, []Rival{base}, false, "no number"},
		{"violating what is no number", Outcome{Cost: 90, Violations: math.NaN()}, []Rival{base}, false, "no number"},
		{"where predictive costs nothing", Outcome{Cost: 0}, []Rival{{Name: "predictive"}}, false, "predictive costs 0"},
	} {
		if one.candidate.Scored == 0 {
			one.candidate.Scored = 1
		}
		wins, why := Wins(one.candidate, one.rivals, 0.001)
		if wins != one.wins || !strings.Contains(why, one.why) {
			t.Errorf("%s: got %v, %q; want %v, %q", one.name, wins, why, one.wins, one.why)
		}
	}
}

// A week is held out where three are recorded, else the last third; nothing that is
// trained on reaches into it.
func TestWhatIsHeldOut(t *testing.T) {
	c := small(t, "ppo")
	for _, one := range []struct {
		recorded, held time.Duration
		week           bool
	}{{28 * 24 * time.Hour, week, true}, {6 * time.Hour, 2 * time.Hour, false}} {
		tasks, err := scaling.Draw([]string{"diurnal"}, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := tasks[0].Scenario
		s.Load = longLoad(one.recorded)
		p, err := Split(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.To.Sub(p.From); got < one.held || got > one.held+s.Sync || p.Week != one.week {
			t.Errorf("of %v: %v is held out, a week: %v; want %v and %v", one.recorded, got, p.Week, one.held, one.week)
		}
		for _, task := range p.Tasks(c) {
			if end := task.Scenario.Start.Add(task.Scenario.Length()); end.After(p.From) {
				t.Errorf("of %v: what is trained on ends at %v, held out is from %v on", one.recorded, end, p.From)
			}
		}
	}
	s := shortScenario(t)
	if _, err := Split(s); err == nil || !strings.Contains(err.Error(), "at least 30m") {
		t.Errorf("ten minutes: got %v, want that they are too few", err)
	}
}

// Windows of a history in which nobody came say nothing, and are left out.
func TestWindowsWithoutRequestsAreLeftOut(t *testing.T) {
	c := small(t, "ppo")
	c.Workloads.Families, c.Workloads.Count, c.Workloads.Judged = []string{"steady"}, 1, 1
	window := func(rate float64) scaling.Task {
		s := sim.Default()
		s.Name, s.Load, s.Replicas.Min, s.Replicas.Max = "night", workload.Constant{RPS: rate, For: time.Hour}, 0, 20
		return scaling.Task{Family: "history", Scenario: s}
	}
	g, err := NewGround(t.Context(), c, nil, window(0), window(50), window(0))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Train) != 2 || len(g.Judge) != 1 || g.Train[1].Family != "history" {
		t.Errorf("got %d loads to train on and %d to judge on, want a drawn one and a window, and one", len(g.Train), len(g.Judge))
	}
	if _, err := NewGround(t.Context(), c, nil, window(0), window(0)); err == nil || !strings.Contains(err.Error(), "none of the 2 windows") {
		t.Errorf("nobody ever came: got %v, want that nothing can be learned", err)
	}
}

func longLoad(over time.Duration) workload.Shape {
	return workload.Diurnal{Base: 100, Peak: 300, Period: 24 * time.Hour, For: over}
}

func shortScenario(t testing.TB) sim.Scenario {
	t.Helper()
	s := sim.Default()
	s.Load = longLoad(10 * time.Minute)
	return s
}
