package scaling

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/workload"
)

// small are workloads of a rate-based base, which take no time to prepare.
func small(t testing.TB) []*Workload {
	t.Helper()
	load := workload.Scale(loadsOf("mmpp", 5), 0.2)
	s := scenario(workload.Clip(load, 0, time.Hour), queueing.LeastConn, 30)
	s.Replicas.StartupCV = 0.3
	return prepared(t, 0.7, s)
}

func environment(t testing.TB, workloads []*Workload, change func(*Config)) *Environment {
	t.Helper()
	cfg := Default()
	cfg.Copies, cfg.Episode, cfg.Price.Every = 6, 40, 600
	if change != nil {
		change(&cfg)
	}
	env, err := New(workloads, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// wild takes any allowed action.
func wild(r *rand.Rand, step *rl.Step, actions []int) {
	n := len(step.Allowed) / len(actions)
	for i := range actions {
		for actions[i] = r.IntN(n); !step.Allowed[i*n+actions[i]]; {
			actions[i] = r.IntN(n)
		}
	}
}

// Whatever is done: observations are numbers within −1 … 2, something is always
// allowed, episodes are cut off after as many steps as was said, and their last
// observation is told.
func TestTheEnvironmentKeepsItsContract(t *testing.T) {
	env := environment(t, small(t), nil)
	step, actions, r := rl.NewStep(env), make([]int, env.Copies()), rand.New(rand.NewPCG(1, 2))
	env.Reset(step)
	lengths, forbidden := make([]int, env.Copies()), 0
	for range 500 {
		wild(r, step, actions)
		clear(step.Final)
		env.Act(actions, step)
		for i, x := range step.Observations {
			if !(x >= -1.00001 && x <= 2) {
				t.Fatalf("%s of copy %d is %v", learned.Names()[i%learned.Width], i/learned.Width, x)
			}
		}
		for i := range actions {
			lengths[i]++
			if !slices.Contains(step.Allowed[i*env.Actions():][:env.Actions()], true) || !step.Allowed[i*env.Actions()+env.neutral] {
				t.Fatalf("copy %d may not do as the base", i)
			}
			if v := step.Rewards[i]; math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) || step.Terminated[i] {
				t.Fatalf("copy %d: reward %v, terminated %v", i, v, step.Terminated[i])
			}
			if step.Truncated[i] != (lengths[i] == 40) {
				t.Fatalf("copy %d: truncated %v after %d of 40 decisions", i, step.Truncated[i], lengths[i])
			}
			if told := step.Final[i*learned.Width] != 0; told != step.Truncated[i] {
				t.Fatalf("copy %d: truncated %v, its last observation told %v", i, step.Truncated[i], told)
			}
			if step.Truncated[i] {
				lengths[i] = 0
				forbidden += forbiddenIn(step.FinalAllowed[i*env.Actions():][:env.Actions()])
				if !step.FinalAllowed[i*env.Actions()+env.neutral] {
					t.Fatalf("copy %d might not do as the base where it was cut off", i)
				}
			}
		}
	}
	if forbidden == 0 {
		t.Error("nothing was forbidden in the last observation of any episode")
	}
}

func forbiddenIn(mask []bool) (n int) {
	for _, allowed := range mask {
		if !allowed {
			n++
		}
	}
	return n
}

// The same seed and the same actions give the same numbers, another seed others.
func TestTheEnvironmentIsItsSeed(t *testing.T) {
	workloads := small(t)
	run := func(seed uint64) []float32 {
		env := environment(t, workloads, func(c *Config) { c.Seed = seed })
		step, actions, r := rl.NewStep(env), make([]int, env.Copies()), rand.New(rand.NewPCG(1, 2))
		env.Reset(step)
		var all []float32
		for range 100 {
			wild(r, step, actions)
			env.Act(actions, step)
			all = append(append(all, step.Rewards...), step.Observations[:learned.Width]...)
		}
		return all
	}
	if !slices.Equal(run(1), run(1)) {
		t.Error("the same seed gives other numbers")
	}
	if slices.Equal(run(1), run(2)) {
		t.Error("another seed gives the same numbers")
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	env := environment(t, small(t), nil)
	step, actions, r := rl.NewStep(env), make([]int, env.Copies()), rand.New(rand.NewPCG(1, 2))
	env.Reset(step)
	if n := testing.AllocsPerRun(200, func() { wild(r, step, actions); env.Act(actions, step) }); n != 0 {
		t.Errorf("%v allocations in a step", n)
	}
}

// Nobody who does not know the future is cheaper than who does. Base and oracle
// are told by the same cost.
func TestTheOracleIsTheCheapest(t *testing.T) {
	for _, kind := range []string{"diurnal", "mmpp"} {
		s := scenario(workload.Scale(loadsOf(kind, 5), 0.2), queueing.LeastConn, 30)
		w := prepared(t, 0.7, s)[0]
		total := 0.0
		for i := range w.moments {
			total += float64(w.moments[i].oracle)
		}
		if math.Abs(total/w.OracleCost-1) > 1e-3 {
			t.Errorf("%s: the oracle's intervals cost %v, all of it %v", kind, total, w.OracleCost)
		}
		score := Evaluate(w, learned.StandardActions(), nil)
		if !(score.Regret > 0.02) {
			t.Errorf("%s: who keeps 70 %% busy has a regret of %v", kind, score.Regret)
		}
		// Known counts, asked for in time, come to what the oracle says.
		if got := w.playOracle(); math.Abs(got/w.OracleCost-1) > 0.05 {
			t.Errorf("%s: the oracle's schedule costs %.4f of what the oracle says", kind, got/w.OracleCost)
		}
	}
}

// playOracle plays the oracle's schedule in the lean fluid, each count asked for so
// long before that it is there in time.
func (w *Workload) playOracle() float64 {
	lead := int(math.Ceil(float64(w.startup / w.seconds)))
	var c instance
	c.begin(w, 0, 1)
	total := 0.0
	for ; int(c.at) < len(w.moments); c.at++ {
		want := w.Oracle[c.at]
		for ahead := range lead + 1 {
			want = max(want, w.Oracle[min(int(c.at)+ahead, len(w.Oracle)-1)])
		}
		m := &w.moments[c.at]
		r := c.act(int32(want), w.startup/w.seconds)
		total += float64(w.seconds)*float64(r.paid) + float64(m.price*r.avoidable)
	}
	return total
}

// What is played moment by moment is what is scored.
func TestAnEpisodeIsPlayedOut(t *testing.T) {
	w := small(t)[0]
	net, err := neural.New(learned.Width, neural.Layer{Outputs: 8})
	if err != nil {
		t.Fatal(err)
	}
	net.Initialize(rand.New(rand.NewPCG(1, 1)))
	score, moments := Play(w, learned.StandardActions(), net)
	if diff := cmp.Diff(Evaluate(w, learned.StandardActions(), net), score); diff != "" {
		t.Errorf("a timeline changes the score:\n%s", diff)
	}
	paid, late, requests, corrected := 0.0, 0.0, 0.0, 0
	for i, m := range moments {
		paid += float64(m.Desired) * float64(w.seconds) / 3600
		late, requests = late+m.Late*m.Rate, requests+m.Rate
		if m.Action != 1 {
			corrected++
		}
		if m.Ready > m.Desired || m.Base < 1 || i > 0 && m.Seconds-moments[i-1].Seconds != 15 {
			t.Fatalf("moment %d: %+v", i, m)
		}
	}
	if math.Abs(paid/score.ReplicaHours-1) > 1e-6 || math.Abs(late/requests/0.001-score.Violations) > 1e-3*score.Violations || corrected == 0 {
		t.Errorf("the timeline has %.4f replica-hours and %.4f late, the score is %+v; %d corrected", paid, late/requests/0.001, score, corrected)
	}
}

// The price rises while more violate than are wanted, and falls while fewer do.
func TestThePriceFollowsTheViolations(t *testing.T) {
	workloads := small(t)
	last := func(target float32) float64 {
		env := environment(t, workloads, func(c *Config) { c.Price.Rate, c.Price.Target = 0.1, target })
		step, actions := rl.NewStep(env), make([]int, env.Copies())
		env.Reset(step)
		for range 1000 {
			for i := range actions {
				actions[i] = env.neutral
			}
			env.Act(actions, step)
		}
		return env.Price()
	}
	if low, high := last(0), last(1e6); !(low > 1.2 && high < 0.8) {
		t.Errorf("wanting none the price goes from 1 to %v, wanting many to %v", low, high)
	}
}

func TestDrawnTasksCanBePlayed(t *testing.T) {
	all := append(Families(false), Families(true)...)
	if len(all) != 9 || slices.ContainsFunc(Families(true), func(f string) bool { return slices.Contains(Families(false), f) }) {
		t.Fatalf("families %v, and held out %v", Families(false), Families(true))
	}
	a, err := Draw(all, 200, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Draw(all, 200, 3)
	for i := range a {
		s, same := a[i].Scenario, b[i].Scenario
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if s.Load.Expected(time.Hour) != same.Load.Expected(time.Hour) || s.Objective != same.Objective || s.Replicas != same.Replicas {
			t.Errorf("%s: drawn again it is another", s.Name)
		}
		if lead := s.Replicas.Pending + s.Replicas.Startup; lead > 29*s.Sync {
			t.Errorf("%s: a start takes %v at a decision every %v", s.Name, lead, s.Sync)
		}
	}
	if _, err := Draw([]string{"steady", "stedy"}, 2, 1); err == nil || !strings.Contains(err.Error(), `"stedy" is not known`) {
		t.Errorf("a family nobody knows: %v", err)
	}
}

func TestWhatCannotBePrepared(t *testing.T) {
	s := scenario(workload.Constant{RPS: 100, For: time.Hour}, queueing.LeastConn, 10)
	long, none := s, s
	long.Replicas.Startup = time.Hour
	none.Load = nil
	for says, task := range map[string]Task{"a start may take 30 times": {Scenario: long}, "load: missing": {Scenario: none}} {
		if _, err := Prepare(context.Background(), []Task{task}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want that says %q", err, says)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Prepare(stopped, []Task{{Scenario: s}}); err == nil {
		t.Error("prepared after it was stopped")
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Config){
		"copies":  func(c *Config) { c.Copies = 0 },
		"episode": func(c *Config) { c.Episode = 1 },
		"noise":   func(c *Config) { c.Noise = float32(math.NaN()) },
		"worst":   func(c *Config) { c.Worst = 0 },
		"price":   func(c *Config) { c.Price.First = 100 },
		"rate":    func(c *Config) { c.Price.Every = 0 },
		"actions": func(c *Config) { c.Actions = nil },
	} {
		c := Default()
		change(&c)
		if _, err := New(nil, c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
	if _, err := New(nil, Default()); err == nil || !strings.Contains(err.Error(), "workloads") {
		t.Errorf("without workloads: %v", err)
	}
}

// A net that begins as the base does so whatever it sees.
func TestANetThatBeginsAsTheBase(t *testing.T) {
	w := small(t)[0]
	net, err := neural.New(learned.Width, neural.Layer{Outputs: 64, Activation: neural.Tanh}, neural.Layer{Outputs: 8, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	net.Initialize(rand.New(rand.NewPCG(1, 1)))
	LikeBase(net, learned.StandardActions(), 4)
	if diff := cmp.Diff(Evaluate(w, learned.StandardActions(), nil), Evaluate(w, learned.StandardActions(), net)); diff != "" {
		t.Errorf("it does not do as the base:\n%s", diff)
	}
}

// Requests that wait are the base's to have answered, and what that took stays for
// as long as a start takes, as in package predictive: 500/s need ten replicas, and
// 3,000 that wait are answered within 30 s by two more.
func TestTheBaseAnswersABacklog(t *testing.T) {
	m := moment{seen: 500, each: 50, startup: 30, need: 10, held: 10}
	w := &Workload{moments: []moment{m, m, m, m, m, m}, seconds: 15, drain: 30, least: 1, most: 50}
	c := instance{workload: w, drained: never}
	c.fluid.ready = 10
	var got []int32
	for i := range w.moments {
		c.at, c.fluid.line = int32(i), 0
		if i == 1 {
			c.fluid.line = 3000
		}
		c.base = c.wants()
		got = append(got, c.base)
		c.fluid.ready = c.base
	}
	if diff := cmp.Diff([]int32{10, 12, 12, 12, 10, 10}, got); diff != "" {
		t.Errorf("counts that the base wants (-want +got):\n%s", diff)
	}
}

// Whatever part of the week an episode is moved to: the same hours apart as before.
func TestTimelessEpisodesTurnTheClock(t *testing.T) {
	workloads := small(t)
	var seen [2][]float32
	for k, timeless := range []bool{false, true} {
		env := environment(t, workloads, func(c *Config) { c.Timeless, c.Copies, c.Episode, c.Noise = timeless, 200, 200, 0 })
		step := rl.NewStep(env)
		env.Reset(step)
		for i := range env.copies {
			day := step.Observations[i*learned.Width:][40+18 : 40+20]
			if d := day[0]*day[0] + day[1]*day[1]; math.Abs(float64(d)-1) > 1e-5 {
				t.Fatalf("sine %v and cosine %v of no angle", day[0], day[1])
			}
			seen[k] = append(seen[k], day[0])
		}
	}
	if drawn, turned := slices.Max(seen[0])-slices.Min(seen[0]), slices.Max(seen[1])-slices.Min(seen[1]); drawn > 0.2 || turned < 1.9 {
		t.Errorf("an hour's load spans %v of the clock's sine, turned %v", drawn, turned)
	}
}
