package advised_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

const sync = 15 * time.Second

// curves are worked out once for all tests.
var curves = queueing.NewLibrary(queueing.DefaultLibrary)

// A replica takes 50 requests per second and 30 s to start.
func hints() capacity.Config {
	return capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4, Startup: scale.Duration(30 * time.Second)}
}

func environment() policy.Env {
	env := policy.Env{
		Target: "web", Min: 1, Max: 60, Sync: sync, Curves: curves,
		Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)},
	}
	env.Service = capacity.NewLearner(hints(), *env.Objective, env.Topology, 120, env.Curves)
	return env
}

// script wants and needs what a test says.
type script struct {
	wants, need, now int
	backlog          float64
	mute             bool   // it has no opinion
	blind            bool   // it has no outlook
	unsure           bool   // it needs a signal that nobody measures
	signal           string // of its outlook
	asked            int
}

func (s *script) Recommend(scale.Observation) (scale.Recommendation, error) {
	s.asked++
	if s.mute {
		return scale.Recommendation{}, fmt.Errorf("mute: %w", scale.ErrNoData)
	}
	return scale.Recommendation{Replicas: s.wants, Confidence: 1, Reason: scale.Because("Script", "so it is written")}, nil
}
func (s *script) Outlook() (policy.Outlook, bool) {
	o := policy.Outlook{Signal: s.signal, Load: 400, PerReplica: 50, Peak: [3]float64{400, 420, 450}, Startup: 30 * time.Second, Need: s.need, Now: s.now, Backlog: s.backlog}
	return o, !s.blind && !s.mute
}
func (s *script) Signals() []string {
	if s.unsure {
		return []string{scale.Utilization}
	}
	return []string{scale.RequestRate}
}
func (s *script) Snapshot() ([]byte, error) { return scale.Seal("script", 1, nil, s.asked) }
func (s *script) Restore(data []byte) error { return scale.Unseal(data, "script", 1, nil, &s.asked) }

// play is a policy on top of a script, and the world around both.
type play struct {
	*advised.Policy
	base *script
	cfg  advised.Config
	t    testing.TB
	at   time.Duration
	rate float64
	last scale.Recommendation
}

func newPlay(t testing.TB, change func(*advised.Config)) *play {
	t.Helper()
	p := &play{base: &script{wants: 10, need: 8, now: 7}, cfg: advised.Default(), t: t, rate: 400}
	if change != nil {
		change(&p.cfg)
	}
	made, err := advised.New(p.cfg, environment(), func(scale.Plugin, policy.Env) (policy.Policy, error) { return p.base, nil })
	if err != nil {
		t.Fatal(err)
	}
	p.Policy = made
	return p
}

// serves is a service that takes requests at a rate with so many replicas.
func serves(at time.Duration, rate float64, replicas int, latency float64) scale.Observation {
	obs := scaletest.Observation(at, replicas)
	for _, s := range []struct {
		name  string
		value float64
	}{{scale.Latency, latency}, {scale.RequestRate, rate}, {scale.ViolationRatio, 0}} {
		obs.Signals = append(obs.Signals, scale.Signal{Name: s.name, Trust: scale.Fresh, Window: 10 * time.Second, Points: []series.Point{{At: obs.At, Value: s.value}}})
	}
	return obs
}

// advise is an answer on what is seen now.
func (p *play) advise(n int) scale.Advice {
	at := scaletest.At(p.at)
	return scale.Advice{From: p.cfg.Advisor.From(), At: at, SeenAt: at, Expires: at.Add(5 * time.Minute), Replicas: &n, Confidence: 0.5, Reason: "a crowd comes"}
}

// see decides on 10 replicas with advice, and lets a decision's time pass.
func (p *play) see(change func(*scale.Observation), advice ...scale.Advice) int {
	p.t.Helper()
	obs := serves(p.at, p.rate, 10, 0.1)
	obs.Advice = advice
	if change != nil {
		change(&obs)
	}
	p.at += sync
	rec, err := p.Recommend(obs)
	if err != nil {
		p.t.Fatal(err)
	}
	p.last = rec
	return rec.Replicas
}

// trust has the advice earn so much that it is followed all the way: fewer
// replicas of which none is missed.
func (p *play) trust() *play {
	p.t.Helper()
	was := p.rate
	p.base.wants, p.rate = 40, 300
	for range 400 {
		p.see(nil, p.advise(12))
	}
	p.base.wants, p.rate = 10, was
	return p
}

// said is the proposal of the advisor.
func (p *play) said() scale.Proposal { return p.last.Proposals[len(p.last.Proposals)-1] }

func TestThePromises(t *testing.T) {
	made := func(base string) func(t *testing.T) policy.Policy {
		return func(t *testing.T) policy.Policy {
			cfg := advised.Default()
			cfg.Base.Kind = base
			p, err := advised.New(cfg, environment(), func(_ scale.Plugin, env policy.Env) (policy.Policy, error) {
				own := predictive.Default()
				own.Service = hints()
				return predictive.New(own, env)
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	policytest.Run(t, made("predictive"), made("another"))
}

// At first nobody knows whether advice is worth anything: half of it is followed.
func TestAdviceIsFollowedByItsWeight(t *testing.T) {
	p := newPlay(t, nil)
	if n := p.see(nil); n != 10 || !p.said().Missing {
		t.Errorf("without advice: got %d and %v, want what the base wants", n, p.said())
	}
	if n := p.see(nil, p.advise(30)); n != 20 {
		t.Errorf("unproven: got %d, want 20 (%s)", n, p.last.Reason)
	}
	want := "20 replicas where the policy wants 10: advice of 30 weighs 50 %; the model says: “a crowd comes”"
	if got := p.last.Reason.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.said(); got.Replicas != 30 || got.Reason.String() != "weighs 50 %, on what was seen 0 s before; the model says: “a crowd comes”" {
		t.Errorf("the advisor's proposal is %d: %s", got.Replicas, got.Reason)
	}
	if own := p.last.Proposals[0]; own.Signal != "predictive" || own.Replicas != 10 {
		t.Errorf("the base's proposal is %v", own)
	}
	if n := p.see(nil, p.advise(11)); n != 10 {
		t.Errorf("half of one replica: got %d, want 10: towards the base", n)
	}
}

func TestAdviceLowersNoFurtherThanTheObjectiveNeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*play)
		see    func(*scale.Observation)
		advice int
		want   int
		code   string // of what is said of the advice
	}{
		"as advised":                      {nil, nil, 9, 9, "Advice"},
		"the need of the forecast":        {nil, nil, 1, 8, "AdviceVetoed"},
		"not below the need of now":       {func(p *play) { p.base.now = 9 }, nil, 1, 9, "AdviceVetoed"},
		"no outlook":                      {func(p *play) { p.base.blind = true }, nil, 1, 10, "AdviceVetoed"},
		"requests wait":                   {func(p *play) { p.base.backlog = 3 }, nil, 1, 10, "AdviceVetoed"},
		"the base adds some":              {func(p *play) { p.base.wants = 12 }, nil, 9, 12, "AdviceVetoed"},
		"a doubtful signal":               {nil, func(o *scale.Observation) { o.Signals[1].Trust = scale.Stale }, 9, 10, "AdviceNotFollowed"},
		"more than the base on doubt too": {nil, func(o *scale.Observation) { o.Signals[1].Trust = scale.Stale }, 20, 10, "AdviceNotFollowed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, nil).trust()
			if tc.change != nil {
				tc.change(p)
			}
			if n := p.see(tc.see, p.advise(tc.advice)); n != tc.want || p.said().Reason.Code != tc.code {
				t.Errorf("got %d (%s), want %d and %s", n, p.said().Reason, tc.want, tc.code)
			}
		})
	}
}

// An essential signal that is not the rate: what is advised can be priced, and
// still nothing is taken away.
func TestNothingIsTakenAwayOnDoubtfulData(t *testing.T) {
	p := newPlay(t, nil).trust()
	p.base.unsure = true
	if n := p.see(nil, p.advise(9)); n != 10 || !strings.HasPrefix(p.said().Reason.String(), "nothing is taken away while a signal is in doubt") {
		t.Errorf("got %d (%s), want 10", n, p.said().Reason)
	}
	if n := p.see(nil, p.advise(20)); n != 20 {
		t.Errorf("got %d, want 20: doubt keeps nobody from adding", n)
	}
}

func TestWhatIsNoAdviceIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(a *scale.Advice){
		"of somebody else":     func(a *scale.Advice) { a.From = "another" },
		"failed":               func(a *scale.Advice) { a.Failed = true },
		"seen in the future":   func(a *scale.Advice) { a.SeenAt = a.SeenAt.Add(time.Second) },
		"said in the future":   func(a *scale.Advice) { a.At = a.At.Add(time.Second) },
		"expired":              func(a *scale.Advice) { a.Expires = a.SeenAt },
		"too old":              func(a *scale.Advice) { a.SeenAt = a.SeenAt.Add(-5*time.Minute - time.Second) },
		"no confidence":        func(a *scale.Advice) { a.Confidence = math.NaN() },
		"too much confidence":  func(a *scale.Advice) { a.Confidence = 1.1 },
		"no count":             func(a *scale.Advice) { a.Replicas = nil },
		"more than the most":   func(a *scale.Advice) { *a.Replicas = 61 },
		"fewer than the least": func(a *scale.Advice) { *a.Replicas = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, nil).trust()
			a := p.advise(30)
			spoil(&a)
			if n := p.see(nil, a); n != 10 || !p.said().Missing {
				t.Errorf("got %d (%s), want 10", n, p.last.Reason)
			}
		})
	}
}

func TestADirectionIsAStep(t *testing.T) {
	up, down := map[string]float64{advised.Up: 0.3}, map[string]float64{advised.Down: 0.05}
	for name, tc := range map[string]struct {
		advice  scale.Advice
		latency float64
		want    int
	}{
		"up":                           {scale.Advice{Direction: 1}, 0.1, 11},
		"down":                         {scale.Advice{Direction: -1}, 0.1, 9},
		"neither":                      {scale.Advice{}, 0.1, 10},
		"above the upper threshold":    {scale.Advice{Thresholds: up}, 0.31, 11},
		"at the upper threshold":       {scale.Advice{Thresholds: up}, 0.3, 10},
		"below the lower threshold":    {scale.Advice{Thresholds: down}, 0.04, 9},
		"up, and above the threshold":  {scale.Advice{Direction: 1, Thresholds: up}, 0.31, 11},
		"down, and above one":          {scale.Advice{Direction: -1, Thresholds: up}, 0.31, 10},
		"no direction":                 {scale.Advice{Direction: 2}, 0.1, 10},
		"a threshold of something":     {scale.Advice{Direction: 1, Thresholds: map[string]float64{"cpu": 1}}, 0.1, 10},
		"a threshold that is none":     {scale.Advice{Direction: 1, Thresholds: map[string]float64{advised.Up: math.NaN()}}, 0.1, 10},
		"thresholds the wrong way":     {scale.Advice{Direction: 1, Thresholds: map[string]float64{advised.Up: 0.1, advised.Down: 0.2}}, 0.1, 10},
		"a count was not asked for":    {scale.Advice{Replicas: new(int)}, 0.1, 10},
		"a latency nobody can believe": {scale.Advice{Thresholds: up}, -1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, func(c *advised.Config) { c.Advisor.Question = advised.Thresholds })
			p.base.wants, p.rate = 40, 300
			for range 500 { // one fewer costs less
				a := p.advise(0)
				a.Replicas, a.Direction = nil, -1
				p.see(nil, a)
			}
			p.base.wants, p.rate = 10, 400
			a := p.advise(0)
			a.Replicas, a.Direction, a.Thresholds = tc.advice.Replicas, tc.advice.Direction, tc.advice.Thresholds
			n := p.see(func(o *scale.Observation) {
				o.Signals[0].Points[0].Value = tc.latency
				if tc.latency < 0 {
					o.Signals[0].Trust, o.Signals[0].Points[0].Value = scale.Stale, 9
				}
			}, a)
			if n != tc.want {
				t.Errorf("got %d, want %d (%s)", n, tc.want, p.said().Reason)
			}
		})
	}
}

// Who only costs is not followed after minutes, and is again when what he says
// would have been better for long enough.
func TestAUselessAdvisorFadesAndMayComeBack(t *testing.T) {
	p := newPlay(t, nil)
	took := 0
	for ; p.see(nil, p.advise(60)) > 10; took++ {
	}
	if took > 60 {
		t.Errorf("six times as many were followed for %v", time.Duration(took)*sync)
	}
	if got := conditions(p); !strings.Contains(got, "AdvisorFaded") {
		t.Errorf("conditions %q, want AdvisorFaded", got)
	}
	for range 1000 {
		p.see(nil, p.advise(60))
	}
	if got := p.said().Reason.String(); !strings.HasPrefix(got, "not followed: its record weighs 0.1 %") {
		t.Errorf("got %q", got)
	}
	p.base.wants, p.base.need = 3, 3 // far too few for 400 requests per second
	took = 0
	for ; p.see(nil, p.advise(10)) == 3; took++ {
		if took > 100 {
			t.Fatal("it is not heard again, although it alone has enough")
		}
	}
	if got := conditions(p); strings.Contains(got, "AdvisorFaded") {
		t.Errorf("conditions %q: it is followed", got)
	}
}

// How often, for how much and by which key somebody is asked changes nothing of what
// he is worth; who says something else begins anew. The base goes on with either.
func TestWhatIsRememberedOfAnotherConfiguration(t *testing.T) {
	gemini := func(g advised.Gemini) func(*advised.Config) {
		return func(c *advised.Config) { c.Advisor.Gemini = &g }
	}
	before := newPlay(t, gemini(advised.Gemini{})).trust()
	raw, err := before.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*advised.Config)
		same   bool
	}{
		"nothing": {gemini(advised.Gemini{}), true},
		"every":   {func(c *advised.Config) { gemini(advised.Gemini{})(c); c.Advisor.Every *= 2; c.Advisor.Always = true }, true},
		"limits": {func(c *advised.Config) {
			gemini(advised.Gemini{})(c)
			c.Advisor.RPM, c.Advisor.Timeout, c.Advisor.Budget.TokensPerDay = 5, c.Advisor.Timeout/2, 5
		}, true},
		"maxAge":      {func(c *advised.Config) { gemini(advised.Gemini{})(c); c.Advisor.MaxAge *= 2 }, true},
		"key":         {gemini(advised.Gemini{KeyFile: "/key"}), true},
		"named":       {gemini(advised.Gemini{Model: advised.DefaultGemini}), true},
		"model":       {gemini(advised.Gemini{Model: "another"}), false},
		"address":     {gemini(advised.Gemini{URL: "http://models"}), false},
		"server":      {func(c *advised.Config) { c.Advisor.OpenAI = &advised.OpenAI{} }, false},
		"temperature": {func(c *advised.Config) { gemini(advised.Gemini{})(c); c.Advisor.Temperature = 1 }, false},
		"simulated":   {func(c *advised.Config) { c.Advisor.Simulated = &advised.Simulated{Quality: advised.Good} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, tc.change)
			if err := p.Restore(raw); err != nil || p.base.asked != before.base.asked {
				t.Fatalf("got %v with a base that was asked %d times, want %d", err, p.base.asked, before.base.asked)
			}
			p.at = before.at
			p.see(nil)
			if first := p.occasion() == policy.FirstLook; first == tc.same {
				t.Errorf("asked as never before: %v", first)
			}
			want := map[bool]int{true: 20, false: 15}[tc.same] // all of the way from 10, or half
			if got := p.see(nil, p.advise(20)); got != want {
				t.Errorf("with advice of 20: got %d (%s), want %d", got, p.said().Reason, want)
			}
		})
	}
}

// What is not valid costs nothing, whatever it says.
func TestNothingIsChargedWithoutAdvice(t *testing.T) {
	p := newPlay(t, nil)
	for range 500 {
		a := p.advise(60)
		a.Failed = true
		p.see(nil, a)
	}
	if n := p.see(nil, p.advise(30)); n != 20 {
		t.Errorf("got %d, want 20: half of it, as at first", n)
	}
}

// Where CPU alone is measured it is what advice is priced by: 8 of 10 replicas' worth of it
// are busy, and who wants 60 for that fades, as by requests.
func TestAdviceIsPricedByCPUWhereNobodyCountsRequests(t *testing.T) {
	env := environment()
	env.Service = capacity.NewLearner(capacity.Config{}, *env.Objective, env.Topology, 120, env.Curves)
	base := &script{wants: 20, need: 8, now: 7}
	p, err := advised.New(advised.Default(), env, func(scale.Plugin, policy.Env) (policy.Policy, error) { return base, nil })
	if err != nil {
		t.Fatal(err)
	}
	decide := func(step, wish int) int {
		at := time.Duration(step) * sync
		obs := scaletest.Observation(at, 10, scaletest.Fresh(scale.CPUUtilization, scaletest.At(at), 0.8))
		obs.Advice = []scale.Advice{{From: advised.Default().Advisor.From(), At: obs.At, SeenAt: obs.At, Expires: obs.At.Add(time.Minute), Replicas: &wish, Confidence: 1}}
		rec, err := p.Recommend(obs)
		if err != nil {
			t.Fatal(err)
		}
		return rec.Replicas
	}
	if n := decide(0, 30); n != 25 {
		t.Errorf("at first: got %d, want 25: half of the way", n)
	}
	n := 0
	for step := range 80 {
		n = decide(1+step, 60)
	}
	if n != 20 {
		t.Errorf("after 20 minutes of 60 where 20 do: got %d, want the base's 20", n)
	}
}

func TestTheBaseDecidesAloneWhereNothingCanBePriced(t *testing.T) {
	p := newPlay(t, nil)
	if n := p.see(func(o *scale.Observation) { o.Signals[1].Trust = scale.Absent }, p.advise(30)); n != 10 || p.said().Reason.Code != "AdviceNotFollowed" {
		t.Errorf("got %d (%s), want 10", n, p.said().Reason)
	}
	p.base.mute = true
	if _, err := p.Recommend(serves(p.at, 400, 10, 0.1)); !errors.Is(err, scale.ErrNoData) {
		t.Errorf("got %v, want that the base has no opinion", err)
	}
}

func conditions(p *play) string {
	var codes []string
	for _, c := range p.Conditions() {
		codes = append(codes, c.Reason.Code+": "+c.Reason.String())
	}
	return strings.Join(codes, "\n")
}

// Nobody answers: one line after the time that an answer is valid, and what the
// base says goes.
func TestSilenceIsSaidOnce(t *testing.T) {
	p := newPlay(t, nil)
	for p.at <= 6*time.Minute {
		p.see(nil, scale.Advice{From: p.cfg.Advisor.From(), At: scaletest.At(p.at), SeenAt: scaletest.At(p.at), Expires: scaletest.At(p.at + time.Hour), Failed: true, Reason: "status 401"})
		if got := conditions(p); got != "" {
			t.Fatalf("after %v: %s", p.at, got)
		}
	}
	p.see(nil)
	if got := conditions(p); got != "AdvisorSilent: no advice, the policy decides alone: nothing was advised yet" {
		t.Errorf("got %q", got)
	}
	p.see(nil, p.advise(10))
	if got := conditions(p); got != "" {
		t.Errorf("answered: %s", got)
	}
}

func TestWithoutAnObjectiveThereIsNothingToJudgeBy(t *testing.T) {
	env := environment()
	env.Objective = nil
	if _, err := advised.New(advised.Default(), env, nil); err == nil || !strings.Contains(err.Error(), "objective.latency") {
		t.Errorf("got %v", err)
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	p := newPlay(t, nil)
	for range 100 {
		p.see(nil, p.advise(12))
	}
	var all []scale.Observation
	for range 201 {
		p.at += sync
		obs := serves(p.at, 400+float64(len(all)%7), 10, 0.1)
		obs.Advice = []scale.Advice{p.advise(12)}
		all = append(all, obs)
	}
	n := 0
	if got := testing.AllocsPerRun(len(all)-1, func() { _, _ = p.Recommend(all[n]); n++ }); got != 0 {
		t.Errorf("a decision allocates %v times, want 0", got)
	}
}
