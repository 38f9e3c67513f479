package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

func contestants() app.Contestants { return app.Contestants{Plugins: builtin.New()} }

// guards names the steps of the first decision of a contestant.
func guards(t *testing.T, text string) []string {
	t.Helper()
	c, err := contestants().Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s := sim.Default()
	s.Load = workload.Constant{RPS: 100, For: 5 * time.Minute}
	s.Replicas.Initial = 4
	d, err := c.New(&s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var names []string
	sim.Run(&s, sim.NewEvents(&s), d, sim.Options{Decided: func(_ scale.Observation, d scale.Decision) {
		names = nil
		for _, step := range d.Steps {
			names = append(names, step.Guard)
		}
	}})
	return names
}

// What is a copy of another autoscaler plays as it does, without the guards
// that Flyball adds live; Flyball's own policies play behind them.
func TestOriginalsPlayWithTheirOwnRulesAlone(t *testing.T) {
	for text, own := range map[string]bool{"hpa": false, "hpa:requestRate=70%": false, "kpa": false, "threshold": true} {
		names := strings.Join(guards(t, text), ", ")
		if got := strings.Contains(names, "objective floor") && strings.Contains(names, "health"); got != own {
			t.Errorf("%s plays behind %s: with Flyball's guards is %v, want %v", text, names, got, own)
		}
		if !strings.Contains(names, "bounds") {
			t.Errorf("%s plays behind %s: want the bounds too", text, names)
		}
	}
}

func TestAContestantThatIsWrittenWronglyIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"hpx":                            "unknown policy \"hpx\"; known: advised, baseline,",
		"hpa:cpu=3":                      "allowed: cpuInitializationPeriod",
		"hpa:requestRate=70":             "requestRate: must be a share of what one replica carries such as 70%, got \"70\"",
		"hpa:requestRate=lots%":          "share of what one replica carries such as 70%",
		"hpa:requestRate=70%,metrics=[]": "requestRate: stands for metrics",
		"hpa:behavior.scaleUp.window=3":  "behavior: unknown field",
		"hpa:behavior.scaleDown.selectPolicy=Never": "must be one of Max, Min, Disabled",
		"static:peak=100":                     "such as 100%",
		"hpa:envelope.lambda=0":               "envelope.lambda: must be above 0 and at most 10, got 0",
		"hpa:envelope.lambda=-1":              "envelope.lambda: must be above 0 and at most 10, got -1",
		"hpa:envelope.lambda=x":               "envelope.lambda: must be a number, got string",
		"hpa:envelope=1":                      "envelope: must be an object with any of expert, lambda, got number",
		"hpa:envelope.expert.lcp.risk=0":      "envelope.expert.risk: must be above 0",
		"hpa:cooldown.scaleUp=-1s":            "cooldown.scaleUp: must not be negative",
		"static:envelope.lambda=0.2":          "envelope: cannot be put around static, which is no policy",
		"hpa:objective.target=99.9999999999%": "at most nine decimals",
		"static:replicas=0":                   "a whole number from 1",
		"oracle:peak=3":                       "needs theta=NUMBER",
		"combine":                             "exactly one of max, min",
		"hpa:cpuUtilization":                  "key=value",
	} {
		if _, err := contestants().Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestASweepTurnsOneKnob(t *testing.T) {
	for text, want := range map[string]struct{ family, first, last string }{
		"hpa":                   {"hpa", "hpa:cpuUtilization=30", "hpa:cpuUtilization=90"},
		"hpa:cpuUtilization=55": {"hpa", "hpa:cpuUtilization=30", "hpa:cpuUtilization=90"},
		"hpa:requestRate=70%":   {"hpa:requestRate", "hpa:requestRate=30%", "hpa:requestRate=90%"},
		"hpa:tolerance=0":       {"hpa:cpuUtilization,tolerance=0", "hpa:cpuUtilization=30,tolerance=0", "hpa:cpuUtilization=90,tolerance=0"},
		"kpa":                   {"kpa", "kpa:targetUtilization=30", "kpa:targetUtilization=100"},
		"threshold":             {"threshold", "threshold:cpuUtilization.down=15,cpuUtilization.up=35", "threshold:cpuUtilization.down=40,cpuUtilization.up=95"},
		"static":                {"static", "static:peak=50%", "static:peak=110%"},
		"sqrt:beta=2":           {"sqrt", "sqrt:beta=0", "sqrt:beta=4"},
		"baseline":              {"baseline", "baseline:k=0.5", "baseline:k=10"},
	} {
		s, err := contestants().Sweep(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		n := len(s.Contestants)
		if n < 9 {
			t.Errorf("%s: %d positions, want at least 9", text, n)
		}
		if first, last := s.Contestants[0].Name(), s.Contestants[n-1].Name(); s.Family != want.family || first != want.first || last != want.last {
			t.Errorf("%s: got %s from %s to %s, want %s from %s to %s", text, s.Family, first, last, want.family, want.first, want.last)
		}
	}
	for _, text := range []string{`hpa:metrics=[{"signal":"latency","value":0.2}]`, `combine:max=[{"hpa":{}}]`} {
		if _, err := contestants().Sweep(text); err == nil || !strings.Contains(err.Error(), "no knob") {
			t.Errorf("%s: got %v, want that it has no knob", text, err)
		}
	}
}

// Two of one kind that play the same are told to be the same, whatever stands
// there.
func TestContestantsThatPlayTheSameHaveOneKey(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"hpa", "hpa:cpuUtilization=80", true},
		{"hpa", "hpa:tolerance=0.1", true},
		{"static", "static:peak=100%", true},
		{"hpa", "hpa:cpuUtilization=70", false},
		{"hpa", "hpa:requestRate=70%", false},
		{"hpa:requestRate=70%", "hpa:requestRate=60%", false},
		{"hpa", "hpa:behavior.scaleDown.stabilizationWindowSeconds=0", false},
		{"hpa", "kpa", false},
		{"threshold", "threshold:cooldown.scaleUp=5m", false},
	} {
		a, errA := contestants().Key(tc.a)
		b, errB := contestants().Key(tc.b)
		if errA != nil || errB != nil || (a == b) != tc.same {
			t.Errorf("%s and %s: got %s and %s (%v, %v), want them the same: %v", tc.a, tc.b, a, b, errA, errB, tc.same)
		}
	}
}

// A policy may be told another objective than the one it is judged by; the
// floor below it follows what it is told.
func TestAContestantIsToldAnotherTarget(t *testing.T) {
	floor := func(text string) string {
		c, err := contestants().Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s := sim.Default()
		d, err := c.New(&s)
		if err != nil {
			t.Fatal(err)
		}
		obs := scaletest.Observation(0, 4,
			scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), 0.1), scaletest.Fresh(scale.ViolationRatio, scaletest.At(0), 0.005))
		for _, step := range d.Decide(obs).Steps {
			if step.Guard == "objective floor" {
				return step.Reason.Code
			}
		}
		return "none"
	}
	// 0.5 % of the requests are late: too many for 99.9 %, few enough for 99 %.
	const lowersAtOnce = "threshold:behavior.scaleDown.stabilizationWindowSeconds=0"
	if own, told := floor(lowersAtOnce), floor(lowersAtOnce+",objective.target=99%"); own != "ObjectiveViolated" || told == own {
		t.Errorf("at its own objective the floor says %q, told 99 %% %q; want it held at the first alone", own, told)
	}
	for text, want := range map[string]string{"threshold:objective.target=99": "%", "threshold:objective.target=100%": "between 0 and 100%", "threshold:objective.target=0%": "between 0 and 100%", "hpa:objective.latency=3": "objective"} {
		if _, err := contestants().Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
	same, _ := contestants().Key("kpa")
	if other, _ := contestants().Key("kpa:objective.target=99%"); other == same {
		t.Error("kpa and kpa that is told 99 % have one key")
	}
}

// Where the balancer tells nothing a policy on CPU alone goes both ways still,
// with the guards that it has live; also one within an envelope.
func TestAPolicyScalesOnUsageAlone(t *testing.T) {
	for _, policy := range []string{"threshold", "advised"} {
		scalesOnUsageAlone(t, policy)
	}
}

func scalesOnUsageAlone(t *testing.T, policy string) {
	c, err := contestants().Parse(policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []bool{false, true} {
		s := sim.Default()
		s.Load = workload.Constant{RPS: 100, For: 40 * time.Minute}
		s.Replicas.Initial, s.Metrics.BalancerOff = 20, off
		d, err := c.New(&s)
		if err != nil {
			t.Fatal(err)
		}
		last, seen := 0, map[string]bool{}
		sim.Run(&s, sim.NewEvents(&s), d, sim.Options{Decided: func(obs scale.Observation, d scale.Decision) {
			last = d.DesiredReplicas
			for _, signal := range obs.Signals {
				seen[signal.Name] = true
			}
		}})
		if last >= 10 || seen[scale.RequestRate] == off || !seen[scale.CPUUtilization] {
			t.Errorf("%s, balancer off %v: %d replicas at the end, want fewer than 10; signals %v", policy, off, last, seen)
		}
	}
}
