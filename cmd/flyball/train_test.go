package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// littleTraining is learned in a moment.
const littleTraining = `
algorithm: a2c
steps: 3000
judgements: 2
hidden: [8]
workloads: {families: [bursty], count: 1, judged: 1}
scaling: {copies: 8, episode: 40}
`

func has(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, want a file with something in it", name, err)
		}
	}
}

// A training from the first line to the evaluation, what its model does on a trace,
// and that it goes on from where it is.
func TestTrainFromEndToEnd(t *testing.T) {
	t.Parallel()
	out, config := filepath.Join(t.TempDir(), "a, training"), writeFile(t, "little.yaml", littleTraining)
	text, errOut, status := execute(t.Context(), "train", "--config", config, "--out", out)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	wants(t, text, "a2c on scaling", "× what predictive does", "learned", "predictive", "hpa:cpuUtilization=", "oracle", "geometric mean", "flash-crowd", "report:")
	has(t, out, "model.flyball", "summary.csv", "config.yaml", "checkpoint", "reward.png", "reward.svg", "cost.png", "cost.svg",
		"violations.png", "violations.svg", "latency.png", "latency.svg", "evaluation/results.json", "evaluation/results.csv", "evaluation/report.html")

	model := filepath.Join(out, "model.flyball")
	text, errOut, status = execute(t.Context(), "train", "--visualize", model, "--out", out)
	if status != 0 {
		t.Fatalf("visualize: status %d: %s", status, errOut)
	}
	wants(t, text, "flash-crowd: 240 decisions", "base", "wants", "gets", "because", "replica-hours", "timeline-flash-crowd.png")
	has(t, out, "timeline-flash-crowd.png", "timeline-flash-crowd.svg")

	before, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	text, errOut, status = execute(t.Context(), "train", "--resume", "--out", out, "--no-evaluate", "--json")
	if status != 0 {
		t.Fatalf("resume: status %d: %s", status, errOut)
	}
	var found struct {
		Steps  int
		Model  string
		Judged training.Verdict
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil || found.Steps < 3000 || found.Model != model || found.Judged.OverBase <= 0 {
		t.Errorf("%v: got %+v", err, found)
	}
	if after, err := os.ReadFile(model); err != nil || string(after) != string(before) {
		t.Errorf("%v: a training that had ended, resumed, came to another model", err)
	}
}

func TestTrainRefuses(t *testing.T) {
	t.Parallel()
	empty, foreign := t.TempDir(), writeFile(t, "foreign.flyball", "PK and so on")
	little := writeFile(t, "little.yaml", littleTraining)
	crowded := writeFile(t, "crowded.yaml", "learner: {steps: 1, minibatches: 64}\nscaling: {copies: 8}\n")
	for _, one := range []struct {
		args string
		want string
	}{
		{"--algo sarsa", "--algo: must be one of ppo, a2c, dqn"},
		{"--env moon", "--env: must be one of scaling, cartpole"},
		{"--steps 0", "--steps: must be 1 to"},
		{"--episodes 0", "--episodes: must be at least 1"},
		{"--steps 5 --episodes 5", "exclude each other"},
		{"--seeds 0", "--seeds: must be 1 to 64"},
		{"--algo dqn --clone", "--clone: goes with ppo and a2c"},
		{"--resume", "no training was begun in"},
		{"--resume --algo a2c", "--algo: --resume goes on with what"},
		{"--config /nowhere.yaml", "no such file"},
		{"--init " + foreign, "does not begin with"},
		{"--visualize " + foreign, "does not begin with"},
		{"--visualize /nowhere", "no such file"},
		{"--visualize " + foreign + " --algo ppo", "--algo: does not go with --visualize"},
		{"--trace shape:step", "--trace: goes with --visualize"},
		{"--loads 3", "--loads: goes with --compare"},
		{"--compare " + foreign, "does not begin with"},
		{"--compare " + empty, "holds no model.flyball"},
		{"--compare general --algo ppo", "--algo: does not go with --compare"},
		{"--compare general --loads 0 --slo 100ms", "--slo: does not go with --compare"},
		{"--compare general --loads 0 --max 9 --topology random", "--topology: does not go with --compare"},
		{"--compare general --loads 0 -f " + foreign, "--file: does not go with --compare"},
		{"--compare general --loads 0 --peak-rps 9", "--peak-rps: does not go with --compare"},
		{"--compare general --visualize /nowhere", "--compare: does not go with --visualize"},
		{"--visualize /nowhere --target shop", "--target: does not go with --visualize"},
		{"--visualize /nowhere --last 7d", "--last: does not go with --visualize"},
		{"--visualize /nowhere -f " + foreign, "--file: does not go with --visualize"},
		{"--visualize /nowhere --max-lost 9", "--max-lost: does not go with --visualize"},
		{"--init general --config " + little, "--init: it has hidden layers of [64 64], hidden says [8]"},
		{"--init general --algo dqn --seeds 0", "--init: dqn on scaling cannot begin with a model"},
		{"--algo dqn --episodes 20 --seeds 0", "--episodes: must be at least 42, of 240 decisions each: dqn learns nothing in the first 10000 steps"},
		{"--algo dqn --steps 4800", "--steps: must be above 10000"},
		{"--episodes 99999999999", "--episodes: must be 1 to 8333333, of 240 decisions each"},
		{"--init general --env cartpole", "--init: ppo on cartpole cannot begin with a model"},
		{"--config " + crowded, "learner: 64 minibatches of 1 steps of 8 copies: one would be empty"},
		{"--compare general --loads 0", "--loads: must be 1 to 1000"},
		{"--target shop", "--target: goes with --history"},
		{"--history /nowhere", "/nowhere is not there"},
		{"stray", "takes flags only"},
	} {
		args := append([]string{"train"}, strings.Fields(one.args)...)
		_, errOut, status := execute(t.Context(), append(args, "--out", empty)...)
		want := 2
		if strings.HasPrefix(one.args, "--history") {
			want = 1 // what is not there is no wrong usage
		}
		if status != want || !strings.Contains(errOut, one.want) {
			t.Errorf("%s: status %d, %q; want %d and %q", one.args, status, errOut, want, one.want)
		}
	}
	if files, err := os.ReadDir(empty); err != nil || len(files) > 0 {
		t.Errorf("%v: refused, it left %v", err, files)
	}
}

// What was begun with a history goes on with one, and is not begun anew by a flag that
// was forgotten.
func TestTrainGoesOnWithWhatWasBegun(t *testing.T) {
	t.Parallel()
	c, err := training.Read([]byte(littleTraining), "", "")
	if err != nil {
		t.Fatal(err)
	}
	recorded := sim.Default()
	recorded.Load, recorded.Replicas.Max = workload.Constant{RPS: 50, For: time.Hour}, 20
	ground, err := training.NewGround(t.Context(), c, nil, scaling.Task{Family: "history", Scenario: recorded})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	job := training.Job{Config: c, Dir: out, Ground: ground, Progress: func(training.Status) { stop() }}
	if _, err := training.Train(ctx, job); !errors.Is(err, training.ErrStopped) {
		t.Fatalf("got %v, want that it was stopped", err)
	}
	for args, want := range map[string]string{
		"--resume":       "--resume: the training in " + out + " learns from a history: --history names it",
		"--algo ppo":     "--out: a training in " + out + " is not finished: --resume goes on with it",
		"--history here": "is not finished",
	} {
		_, errOut, status := execute(t.Context(), append([]string{"train", "--out", out}, strings.Fields(args)...)...)
		if status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, %q; want 2 and %q", args, status, errOut, want)
		}
	}
	f := trainFlags{out: out, historyOf: "/var/lib/fly ball", span: "2026-11-01T00:00:00Z to 2026-11-08T00:00:00Z"}
	wants(t, f.stopped(training.ErrStopped).Error(), "--resume --history '/var/lib/fly ball' --out "+shellWords([]string{out}), f.span)
	full := fmt.Errorf("%w: no space left on device", training.ErrBrokenOff)
	wants(t, (&trainFlags{out: out}).stopped(full).Error(), "no space left on device", "once that is mended, flyball train --resume --out "+shellWords([]string{out})+" goes on from there")

	// What is damaged is told before loads are prepared.
	if err := os.WriteFile(filepath.Join(out, "checkpoint"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errOut, status := execute(t.Context(), "train", "--resume", "--out", out)
	if status != 2 || !strings.Contains(errOut, "nothing can go on from it") || strings.Contains(errOut, "preparing") {
		t.Errorf("damaged: status %d, %q; want 2 and that nothing can go on from it", status, errOut)
	}
}

// Another training is at work in the folder: who, is told at once.
func TestTrainRefusesAFolderInUse(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	claim, err := training.NewClaim(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"--algo ppo", "--resume", "--history /nowhere"} {
		_, errOut, status := execute(t.Context(), append([]string{"train", "--out", out}, strings.Fields(args)...)...)
		if want := fmt.Sprintf("another training or comparison is at work there: process %d since ", os.Getpid()); status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, %q; want 2 and %q", args, status, errOut, want)
		}
	}
	claim.Release()
	if _, errOut, status := execute(t.Context(), "train", "--out", out, "--resume"); status != 2 || !strings.Contains(errOut, "no training was begun in") {
		t.Errorf("after its end: status %d, %q; want that none was begun there", status, errOut)
	}
}

// A model that is done is shown also where its evaluation is interrupted.
func TestAModelIsToldThoughItsEvaluationIsInterrupted(t *testing.T) {
	m, err := training.ReadModel("general")
	if err != nil {
		t.Fatal(err)
	}
	c, err := training.Default("ppo", "scaling")
	if err != nil {
		t.Fatal(err)
	}
	f := &trainFlags{contestants: app.Contestants{Plugins: builtin.New()}}
	f.add(&cobra.Command{Use: "train"})
	f.out = t.TempDir()
	one := trained{flags: f, result: training.Result{Config: c, Model: m, Verdict: training.Verdict{OverBase: 0.97}}}
	if err := training.WriteModel(one.model(), m); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var text strings.Builder
	err = one.finish(ctx, &text, true)
	if err == nil {
		t.Fatal("it ended as if nothing had been interrupted")
	}
	wants(t, err.Error(), "evaluate the model: interrupted; it is whole, in "+one.model()+": flyball train --resume --out "+shellWords([]string{f.out})+" evaluates it later")
	wants(t, text.String(), "costs 0.970 × what predictive does", "model:   "+one.model())
}

// Of several seeds each has a row, and of a model that is no better than predictive is
// told what to do.
func TestTrainTellsEachSeedAndWhatIsNoBetter(t *testing.T) {
	c, err := training.Default("ppo", "scaling")
	if err != nil {
		t.Fatal(err)
	}
	c.Seeds = 3
	verdict := func(cost float64) training.Verdict {
		return training.Verdict{OverBase: cost, Replicas: 1.01, Violations: 2.5, BaseViolations: 3}
	}
	one := trained{flags: &trainFlags{out: "there"}, result: training.Result{
		Config: c, Model: &learned.Model{}, Seed: 2, Verdict: verdict(0.96), Failed: []training.Failure{{Seed: 3, Error: "diverged"}}, Pictures: []string{"cost", "latency"},
		Undrawn: []string{"reward: nothing to draw"},
		Seeds:   []training.Seed{{Seed: 1, Steps: 500_000, BestAfter: 40_000, Judged: verdict(0.98)}, {Seed: 2, Steps: 500_000, BestAfter: 200_000, Judged: verdict(0.96), Kept: true}, {Seed: 3, Judged: verdict(1)}},
	}}
	var text strings.Builder
	one.print(&text, 200)
	lines := strings.Split(text.String(), "\n")
	for _, want := range [][]string{{"1", "0.980", "40k steps"}, {"2", "0.960", "1.010", "2.50", "3.00", "200k steps", "kept"}, {"3", "1.000", "nothing", "failed"}} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			fields := strings.Fields(line)
			return len(fields) > 0 && fields[0] == want[0] && !slices.ContainsFunc(want[1:], func(w string) bool { return !strings.Contains(line, w) })
		}) {
			t.Errorf("no row of seed %s with %q in\n%s", want[0], want[1:], text.String())
		}
	}
	wants(t, text.String(), "Kept is seed 2: of all it costs least", filepath.Join("there", "cost.png")+", latency.png (and .svg)", "no picture of reward: nothing to draw")
	if strings.Contains(text.String(), "no better than predictive") {
		t.Errorf("it is cheaper by 4 %%, and told to be no better:\n%s", text.String())
	}
	for steps, want := range map[int]string{3000: "3000 steps are few", 600_000: "Other seeds (--seeds 5)"} {
		one.result.Verdict, one.result.Points = verdict(1), []training.Point{{Progress: rl.Progress{Steps: steps}}}
		text.Reset()
		one.print(&text, 400)
		wants(t, text.String(), "It is no better than predictive there", want)
	}
}

// What failed, and what was left out for it, is told.
func TestTrainTellsWhatFailed(t *testing.T) {
	c, err := training.Default("ppo", "scaling")
	if err != nil {
		t.Fatal(err)
	}
	failed := []training.Failure{{Seed: 3, Error: "step 9: the gradient's length is NaN"}}
	one := trained{flags: &trainFlags{out: "there"}, result: training.Result{Config: c, Model: &learned.Model{}, Failed: failed}}
	var text strings.Builder
	one.print(&text, 200)
	wants(t, text.String(), "seed 3 failed: step 9: the gradient's length is NaN. What was its best")

	compared := trainComparison{Audit: &training.Audit{}, Groups: []training.Compared{{Group: "flash", Loads: 7, LeftOut: 1}, {Group: "steady", Loads: 8}}}
	text.Reset()
	compared.print(&text, 200)
	wants(t, text.String(), "flash: 1 load of 8 left out")
	if strings.Contains(text.String(), "steady: ") {
		t.Errorf("got %s, want nothing of a group that is whole", text.String())
	}
	compared.Groups = []training.Compared{{Group: "onoff", LeftOut: 8}}
	text.Reset()
	compared.print(&text, 200)
	wants(t, text.String(), "onoff: 8 loads of 8 left out")
	if strings.Contains(text.String(), "0.000 [") {
		t.Errorf("got %s, want no figures of no loads", text.String())
	}
	if got := codes(map[string]int{"Learned": 2, "Drift": 3}); got != "Learned 2, Drift 3" {
		t.Errorf("got %q, want the model's own codes", got)
	}
}

// A play that failed is none that cost nothing.
func TestAFailedPlayIsNotFree(t *testing.T) {
	run := func(trace, policy string, hours float64) evaluate.Run {
		return evaluate.Run{Trace: trace, Policy: policy, ReplicaHours: hours, AvoidableViolationRatio: 0.0005, Requests: 1e6, HoursScored: 1}
	}
	results := evaluate.Results{Runs: []evaluate.Run{
		run("a", learnedName, 9), run("a", baseName, 10), run("b", baseName, 10), run("c", learnedName, 9),
	}}
	if all := equalCosts(results, evaluate.Results{}, nil); len(all) != 1 || all[0].Trace != "a" || all[0].Replicas != 0.9 {
		t.Errorf("got %+v, want what both came to on a", all)
	}
	runs := []evaluate.Run{run("a", "hpa:1", 9), run("b", "hpa:1", 9), run("a", "hpa:2", 3)}
	if best, err := bestHPA(runs, 2, 0.001); err != nil || best != "hpa:1" {
		t.Errorf("got %q, %v; want the only one that was played on both", best, err)
	}
	if best, err := bestHPA(runs, 3, 0.001); err == nil {
		t.Errorf("got %q of three loads that nobody was played on, want an error", best)
	}
}

// A history is learned from. What does not win where it was not trained is no model,
// and the exit status says so.
func TestTrainOnAHistory(t *testing.T) {
	testenv.Long(t)
	t.Parallel()
	state, document, _ := simulatedRun(t)
	out, config := t.TempDir(), writeFile(t, "little.yaml", littleTraining)
	text, errOut, status := execute(t.Context(), "train", "--history", state, "-f", document, "--config", config, "--out", out, "--json", "--no-evaluate")
	var found struct{ Promotion promotion }
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatalf("%v: status %d, %s", err, status, errOut)
	}
	p := found.Promotion
	if p.Base.ReplicaHours <= 0 || p.Candidate.ReplicaHours <= 0 || p.Week || p.Why == "" {
		t.Errorf("got %+v, want what both came to on the last third", p)
	}
	_, err := os.Stat(filepath.Join(out, "model.flyball"))
	if (err == nil) != p.Promoted || (status == 0) != p.Promoted {
		t.Errorf("promoted: %v, a model is there: %v, status %d: %s", p.Promoted, err == nil, status, errOut)
	}
	if !p.Promoted {
		wants(t, errOut, "the candidate is not promoted", "must cost at most")
	}
	has(t, out, "candidate.flyball")
}
